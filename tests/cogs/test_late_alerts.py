"""What comes late or is tried again is posted only while it is for sale, and only once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from bot.client import create_bot
from bot.db.tables import AlertRow, AlertState, PostRow
from cogs import delivery, outgoing
from pipeline.market.errors import MarketUnavailable
from pipeline.market.values import OrderStatus
from tests.cogs.world import World


async def make_old(world: World, minutes: float) -> None:
    """As if the pending alerts had been written down before an interruption."""
    async with world.services.db.session() as session:
        queued = datetime.now(UTC) - timedelta(minutes=minutes)
        await session.execute(update(AlertRow).values(queued_at=queued))


async def delivers_nothing(world: World) -> None:
    """The one alert that is owed comes to nothing, and says so."""
    await world.deliver()
    assert world.posted() == []
    assert (await world.services.outbox.counts()).expired == 1


async def test_an_alert_that_comes_late_is_checked_and_marked(world: World) -> None:
    listing, _ = await world.signal(await world.watch())
    world.market.statuses[listing.hash] = OrderStatus.OPEN
    await make_old(world, minutes=12)
    await world.deliver()
    (message,) = world.posted()
    assert "**Late** – found 12 min ago, it was still open" in (message.embeds[0].description or "")


async def test_a_prompt_alert_asks_nothing_of_the_marketplace(world: World) -> None:
    await world.signal(await world.watch())
    await world.deliver()
    assert world.market.asked == []
    assert "Late" not in (world.posted()[0].embeds[0].description or "")


async def test_a_late_alert_about_a_sold_axie_is_not_posted(world: World) -> None:
    listing, _ = await world.signal(await world.watch())
    world.market.statuses[listing.hash] = OrderStatus.MATCHED
    await make_old(world, minutes=12)
    await delivers_nothing(world)


async def test_a_late_alert_waits_until_the_marketplace_says_that_it_is_open(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "UNCHECKED_PAUSE_S", 0.01)
    listing, _ = await world.signal(await world.watch())
    world.market.failure = MarketUnavailable("down")
    await make_old(world, minutes=12)
    cog: Any = world.bot.get_cog("Alerts")
    for _ in range(3):
        await cog.turn()
        await cog.settled()
    assert world.posted() == []
    (problem,) = await world.services.outbox.problems(world.guild.id)
    assert "does not say" in problem.reason
    world.market.failure = None
    world.market.statuses[listing.hash] = OrderStatus.OPEN
    await world.deliver()
    assert "it was still open" in (world.posted()[0].embeds[0].description or "")


async def test_a_late_alert_about_an_order_that_nobody_knows_any_more_is_not_posted(world: World) -> None:
    listing, _ = await world.signal(await world.watch())
    world.market.unknown.add(listing.hash)
    await make_old(world, minutes=12)
    await delivers_nothing(world)


async def test_what_was_sold_while_discord_was_away_for_a_moment_is_not_posted(
    world: World, short_pauses: None
) -> None:
    watch = await world.watch()
    sold, _ = await world.signal(watch)
    still, _ = await world.signal(watch)
    world.market.statuses[sold.hash] = OrderStatus.MATCHED
    world.env.inject_error("POST", "/channels/*/messages", status=500)
    await world.deliver()
    (message,) = world.posted()
    assert f"#{still.axie.id} " in (message.embeds[0].title or "")
    assert "Late" not in (message.embeds[0].description or "")
    assert (await world.services.outbox.counts()).expired == 1


async def test_what_was_sold_during_a_quick_restart_is_not_posted(world: World) -> None:
    watch = await world.watch()
    listing, _ = await world.signal(watch)
    world.market.statuses[listing.hash] = OrderStatus.MATCHED
    await world.env.restart_bot(create_bot(world.services, shard_count=1))
    await delivers_nothing(world)


async def test_what_was_sold_while_it_waited_behind_another_post_is_not_posted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "FRESH_S", 0.0)
    listing, _ = await world.signal(await world.watch())
    world.market.statuses[listing.hash] = OrderStatus.MATCHED
    await world.deliver()
    assert world.posted() == []


async def test_a_second_attempt_waits_for_the_marketplace_s_word(
    world: World, short_pauses: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "UNCHECKED_PAUSE_S", 0.01)
    await world.signal(await world.watch())
    world.market.failure = MarketUnavailable("down")
    world.env.inject_error("POST", "/channels/*/messages", status=500)
    cog: Any = world.bot.get_cog("Alerts")
    async with asyncio.timeout(5):
        for _ in range(4):
            await cog.turn()
            await cog.settled()
    assert (len(world.sends()), world.posted()) == (1, [])
    world.market.failure = None
    await world.deliver()
    assert len(world.posted()) == 1


async def forget_that_it_was_sent(world: World) -> None:
    """As if the process had been killed after Discord's acceptance, and were back ten minutes later."""
    async with world.services.db.session() as session:
        queued = datetime.now(UTC) - timedelta(minutes=10)
        pending = {"state": AlertState.PENDING, "queued_at": queued, "attempts": 0}
        await session.execute(update(AlertRow).values(**pending))
        await session.execute(update(PostRow).values(message_id=None))


async def test_a_message_that_an_earlier_life_posted_is_found_and_not_repeated(world: World) -> None:
    watch = await world.watch()
    await world.signal(watch)
    await world.signal(watch)
    await world.deliver()
    posted = {message.id for message in world.posted()}
    await forget_that_it_was_sent(world)
    await world.deliver()
    assert len(world.sends()) == len(posted) == 2
    assert {message.id for message in world.posted()} == posted
    async with world.services.db.reading() as session:
        assert set(await session.scalars(select(PostRow.message_id))) == posted


async def test_where_the_channel_s_past_may_not_be_read_a_late_alert_is_sent_all_the_same(
    world: World,
) -> None:
    await world.signal(await world.watch())
    await make_old(world, 10)
    world.env.inject_error("GET", "/channels/*/messages", status=403, code=50013)
    await world.deliver()
    assert len(world.posted()) == 1


async def test_a_late_alert_waits_while_the_channel_s_past_cannot_be_read(
    world: World, short_pauses: None
) -> None:
    await world.signal(await world.watch())
    await world.deliver()
    await forget_that_it_was_sent(world)
    world.env.inject_error("GET", "/channels/*/messages", status=500, times=7)
    await world.deliver()
    assert len(world.sends()) == len(world.posted()) == 1


async def test_what_was_sent_before_it_was_sold_is_found_and_followed(
    world: World, monkeypatch: pytest.MonkeyPatch, short_pauses: None
) -> None:
    listing, _ = await world.signal(await world.watch())
    send = outgoing.send

    async def unanswered(*args: Any, **more: Any) -> outgoing.Outcome:
        await send(*args, **more)
        monkeypatch.setattr(outgoing, "send", send)
        world.market.statuses[listing.hash] = OrderStatus.MATCHED
        return outgoing.Retry(0.0, "the answer was lost on the way")

    monkeypatch.setattr(outgoing, "send", unanswered)
    await world.deliver()
    assert len(world.posted()) == len(world.sends()) == 1
    counts = await world.services.outbox.counts()
    assert (counts.delivered, counts.expired) == (1, 0)
