"""`/performance` and `/digest`: what a server's signals came to, told when asked and once a day."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import discord
import pytest
from sqlalchemy import update

from bot.client import create_bot
from bot.db.lookback import DigestRow
from bot.services.performance import Performance
from bot.services.watches import Watch
from cogs.charts import plots
from cogs.embeds import results as told
from cogs.money import Money
from pipeline.market.values import Listing, OrderStatus
from tests.bot.factories import NOON
from tests.cogs.world import World, text, words


async def results(world: World, watch: Watch, sold: int, cancelled: int = 0) -> list[Listing]:
    """Delivered signals, of which so many were sold after 14 minutes and others withdrawn."""
    found = [(await world.signal(watch))[0] for _ in range(sold + cancelled + 1)]
    await world.deliver()
    for number, listing in enumerate(found[:-1]):
        status = OrderStatus.MATCHED if number < sold else OrderStatus.CANCELLED
        await world.ends(listing, status)
    return found


async def test_signals_are_added_up_with_a_picture(world: World) -> None:
    await results(world, await world.watch(), sold=4, cancelled=1)
    result = await world.member.slash(world.channel, "performance")
    shown = text(result)
    for said in (
        "last 30 days",
        "4 sold",
        "1 withdrawn",
        "1 open",
        "100% of 4 sold, the rest at the forecast",
        "+$26.58",
    ):
        assert said in shown
    assert "half within **14 min**" in shown
    assert "of 4 promised 97%, **100%** paid" in shown
    assert "flatters" in shown
    assert not result.ephemeral
    (picture,) = result.response.attachments
    assert picture.filename == "performance.png"
    assert result.response.embeds[0].image.url is not None


async def test_the_numbers_are_there_before_their_picture(world: World) -> None:
    await results(world, await world.watch(), sold=4)
    await world.member.slash(world.channel, "performance")
    first, second = [request for request in world.env.http_requests if "/webhooks/" in request.path]
    assert (first.method, second.method) == ("POST", "PATCH")
    assert "image" not in first.json["embeds"][0]
    assert second.json["embeds"][0].pop("image") == {"url": "attachment://performance.png"}
    assert second.json["embeds"] == first.json["embeds"]


async def test_an_answer_that_is_deleted_before_its_picture_is_drawn_is_no_error(world: World) -> None:
    await results(world, await world.watch(), sold=4)
    world.env.inject_error("PATCH", "/webhooks/*", status=404, code=10_008, message="Unknown Message")
    result = await world.member.slash(world.channel, "performance")
    assert "+$26.58" in text(result)
    assert result.response.attachments == []
    assert result.followups == []


async def test_an_answer_stands_where_the_way_to_discord_breaks_before_its_picture(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks(*_: object, **__: object) -> None:
        raise aiohttp.ServerDisconnectedError

    monkeypatch.setattr(discord.WebhookMessage, "edit", breaks)
    await results(world, await world.watch(), sold=4)
    result = await world.member.slash(world.channel, "performance")
    assert "+$26.58" in text(result)
    assert result.followups == []


async def test_signals_that_cannot_be_drawn_are_told_in_words(world: World, nothing_is_drawn: None) -> None:
    await results(world, await world.watch(), sold=4)
    result = await world.member.slash(world.channel, "performance")
    assert "+$26.58" in text(result)
    assert result.response.attachments == []
    assert result.response.embeds[0].image.url is None


async def test_one_watch_and_some_days_can_be_asked_for(world: World) -> None:
    await results(world, await world.watch(), sold=2)
    await world.watch(name="Other")
    assert "“Plants”, last day" in text(
        await world.member.slash(world.channel, "performance", days=1, watch="plants")
    )
    other = await world.member.slash(world.channel, "performance", watch="Other")
    assert "No signals yet" in text(other)
    assert other.response.attachments == []


async def test_no_more_days_are_claimed_than_are_kept(world: World) -> None:
    await results(world, await world.watch(), sold=2)
    assert "last 180 days" in text(await world.member.slash(world.channel, "performance", days=365))


async def test_more_signals_than_are_looked_at_are_said_to_be(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await results(world, await world.watch(), sold=2)
    monkeypatch.setattr(sys.modules["bot.services.performance"], "MOST_ROWS", 3)
    assert "The newest" in text(await world.member.slash(world.channel, "performance"))


async def test_an_unknown_watch_is_refused_to_the_asker_alone(world: World) -> None:
    result = await world.member.slash(world.channel, "performance", watch="None")
    assert result.ephemeral
    assert "no watch named" in text(result)


async def test_signals_of_another_server_are_not_told(world: World) -> None:
    await results(world, await world.watch(), sold=2)
    elsewhere = world.env.create_guild("elsewhere")
    hall = elsewhere.create_text_channel("hall")
    visitor = elsewhere.add_member(world.env.create_user("vera"))
    assert "No signals yet" in text(await visitor.slash(hall, "performance"))


async def test_a_digest_is_set_shown_and_ended_by_who_keeps_the_watch(world: World) -> None:
    await world.watch()
    assert "No digest is sent" in text(await world.member.slash(world.channel, "digest"))
    refused = await world.member.slash(world.channel, "digest", watch="Plants", at=9)
    assert refused.ephemeral
    assert "Manage Channels" in text(refused)
    assert await world.services.digests.of_guild(world.guild.id) == []
    done = await world.manager.slash(world.channel, "digest", watch="plants", at=9)
    assert done.ephemeral
    assert "daily at 09:00 (UTC)" in text(done)
    for options in ({}, {"watch": "Plants"}):
        assert "09:00" in text(await world.member.slash(world.channel, "digest", **options))
    assert "sends no digest" in text(
        await world.manager.slash(world.channel, "digest", watch="Plants", at=-1)
    )
    assert await world.services.digests.of_guild(world.guild.id) == []
    actions = [entry.action for entry in await world.services.audit.recent(world.guild.id)]
    assert actions[:2] == ["digest set", "digest set"]


async def test_a_digest_for_an_unknown_watch_is_refused(world: World) -> None:
    result = await world.manager.slash(world.channel, "digest", watch="None", at=9)
    assert "no watch named" in text(result)


async def test_the_digest_of_a_day_is_posted_once_even_over_a_restart(world: World) -> None:
    watch = await world.watch()
    (sold, _) = await results(world, watch, sold=1)
    await world.services.digests.set(watch, 9)
    async with world.services.db.session() as session:
        await session.execute(update(DigestRow).values(next_at=world.services.clock.now()))
    await world.services.digests.turn()
    await world.env.restart_bot(create_bot(world.services, shard_count=1))
    before = len(world.posted())
    cog: Any = world.bot.get_cog("Announcing")
    while await world.services.announcements.due():
        await cog.turn()
    await world.services.digests.turn()
    assert await world.services.announcements.due() == []
    (message,) = world.posted()[before:]
    shown = words(message.embeds[0])
    for said in ("The day of “Plants”", "1 sold", f"#{sold.axie.id}", "+$6.64", "Best on paper"):
        assert said in shown


@pytest.mark.parametrize(
    "chances", [[], [(0.97, 1.0, 1)], [(0.55, 0.4, 12), (0.75, 0.7, 80), (0.95, 0.97, 9)]]
)
def test_a_picture_is_drawn_of_any_results(chances: list[tuple[float, float, int]]) -> None:
    steps = [(NOON + timedelta(hours=n), float(n * (-1) ** n), float(n)) for n in range(5)]
    assert plots.performance(steps, chances).startswith(b"\x89PNG")


def test_a_long_course_is_drawn_as_far_as_its_picture_can_show_it(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[list[datetime]] = []
    monkeypatch.setattr(
        plots, "by_date", lambda axes, *ends: drawn.append([*axes.lines[0].get_xdata(), *ends])
    )
    steps = [(NOON + timedelta(minutes=n), float(n), float(n)) for n in range(3_000)]
    plots.performance(steps, [])
    assert len(drawn[0]) < 450
    assert drawn[0][-1] == steps[-1][0]


@pytest.mark.parametrize(
    ("proved", "paid", "said"), [(0, 0, "None resold yet"), (3, 2, "**2 of 3** resold paid")]
)
def test_what_was_seen_resold_leads_the_hit_rate(proved: int, paid: int, said: str) -> None:
    found = Performance(signals=9, sold=8, paid=7, proved=proved, proved_paid=paid, median_net_usd=1.0)
    embed = told.performance(found, 7, None, Money())
    (rate,) = (field.value for field in embed.fields if field.name == "Hit rate")
    assert rate == f"{said}\n88% of 8 sold, the rest at the forecast"
