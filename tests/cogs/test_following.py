"""The message of an alert follows its listing: how it ended, its new price, and what a sale came to."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import discord
import msgspec
import pytest
from sqlalchemy import update

from bot.client import create_bot
from bot.db.tables import AlertRow
from bot.services import posts
from bot.services.journal import Entry
from bot.services.pacing import Delivery, Quiet
from bot.services.trends import Sold
from cogs import outgoing
from pipeline.market.values import Listing, OrderStatus, Sale
from pipeline.signal import Filters, Thresholds
from tests.cogs.parts import make_axie, make_listing, price
from tests.cogs.world import World, words

pytestmark = pytest.mark.usefixtures("prompt_edits")


async def an_alert(world: World) -> Listing:
    listing, _ = await world.signal(await world.watch())
    await world.deliver()
    return listing


def shown(world: World) -> str:
    return words(world.posted()[-1].embeds[0])


def edits(world: World) -> int:
    return sum(r.method == "PATCH" and "/messages/" in r.path for r in world.env.http_requests)


def again(listing: Listing, base: int, hash_: str = "0xfeed", **over: Any) -> Listing:
    """The same axie in a newer order of the same seller, five minutes later."""
    later = timedelta(minutes=5)
    values = {"hash": hash_, "base": base, "started_at": listing.started_at + later}
    return msgspec.structs.replace(listing, **(values | {"seen_at": listing.seen_at + later} | over))


async def list_anew(world: World, listing: Listing, *, signal: bool) -> None:
    watches = tuple(await world.services.watches.list(world.guild.id)) if signal else ()
    prediction = price(listing, world.predictor.forecast(listing.axie))
    await world.services.journal.record([Entry(listing, prediction, watches)])


async def sold(world: World, listing: Listing, usd: float, after: timedelta, seller: str) -> None:
    sale = Sale(f"sale-{after}", listing.axie, listing.seen_at + after, 1, seller, "0xb")
    await world.services.trends.record_sales([Sold(sale, usd, None)])
    await world.services.ledger.reconcile()


async def test_a_sold_listing_is_told_with_price_time_and_the_result_on_paper(world: World) -> None:
    listing = await an_alert(world)
    await world.ends(listing, OrderStatus.MATCHED)
    await world.edit()
    assert "✅ **Sold** for **$12.50**, 14 min after this alert" in shown(world)
    # 20.00 less 4.25 %, the ask and the gas.
    assert "On paper **+$6.64** net, resold at the forecast" in shown(world)
    assert len(world.posted()) == 1


async def test_a_resale_seen_later_takes_the_place_of_the_forecast(world: World) -> None:
    listing = await an_alert(world)
    await world.ends(listing, OrderStatus.MATCHED)
    await sold(world, listing, 12.5, timedelta(minutes=10), listing.seller)
    await sold(world, listing, 16.0, timedelta(days=3, minutes=10), "0xflipper")
    await world.edit()
    assert "10 min after this alert" in shown(world)
    assert "On paper **+$2.81** net: it was sold again for $16.00, 3 d later" in shown(world)


@pytest.mark.parametrize(
    ("status", "words_"),
    [
        (OrderStatus.CANCELLED, "**Cancelled** by the seller, 14 min"),
        (OrderStatus.EXPIRED, "**Expired**, 14 min"),
        (OrderStatus.INVALID_BALANCE, "**No longer valid**"),
    ],
)
async def test_a_listing_that_ended_unsold_is_told_without_a_result(
    world: World, status: OrderStatus, words_: str
) -> None:
    listing = await an_alert(world)
    await world.ends(listing, status)
    await world.edit()
    assert words_ in shown(world)
    assert "On paper" not in shown(world)


async def test_a_lower_price_is_told_in_the_first_message_and_not_announced_again(world: World) -> None:
    listing = await an_alert(world)
    cheaper = again(listing, 4 * 10**15)
    await list_anew(world, cheaper, signal=True)
    await world.ends(listing, OrderStatus.CANCELLED)
    await world.deliver()
    await world.edit()
    assert len(world.posted()) == 1
    assert "**Price dropped** – $12.50 → **$10.00**" in shown(world)
    assert "Cancelled" not in shown(world)
    assert "**+$9.14**" in shown(world)
    await world.ends(cheaper, OrderStatus.MATCHED)
    await world.edit()
    assert "**Sold** for **$10.00**" in shown(world)


async def test_a_higher_price_that_pays_no_longer_is_told_and_a_later_drop_is_announced_anew(
    world: World,
) -> None:
    listing = await an_alert(world)
    dearer = again(listing, 9 * 10**15)
    await list_anew(world, dearer, signal=False)
    await world.edit()
    assert "**Price raised** – $12.50 → **$22.50**, and it no longer reaches" in shown(world)
    assert len(world.posted()) == 1
    await list_anew(world, again(dearer, 5 * 10**15, "0xbeef"), signal=True)
    await world.deliver()
    assert len(world.posted()) == 2
    assert "**Price dropped** – the seller asked $22.50 before" in shown(world)


async def test_a_new_price_is_judged_by_the_watch_even_where_that_is_paused(world: World) -> None:
    listing = await an_alert(world)
    await world.services.watches.set_paused(world.guild.id, "Plants", world.manager.id, True)
    await list_anew(world, again(listing, 4 * 10**15), signal=False)
    await world.edit()
    assert "**Price dropped**" in shown(world)
    assert "no longer reaches" not in shown(world)


async def test_a_drop_to_a_price_that_pays_is_announced_with_the_former_ask(world: World) -> None:
    watch = await world.watch()
    listing = make_listing(world.services.clock.now(), base=9 * 10**15)
    await list_anew(world, listing, signal=False)
    await list_anew(world, again(listing, 4 * 10**15), signal=True)
    await world.deliver()
    assert watch.name in shown(world)
    assert "the seller asked $22.50 before" in shown(world)


async def test_an_auction_that_fell_to_what_pays_tells_from_where_and_since_when(world: World) -> None:
    an_hour_ago = world.services.clock.now() - timedelta(hours=1)
    falling = make_listing(
        an_hour_ago, base=10**16, ended=2 * 10**15, ended_at=an_hour_ago + timedelta(hours=2)
    )
    await world.signal(await world.watch(), listing=falling)
    await world.deliver()
    assert "📉 **Its price has fallen this far** – it was 0.00995" in shown(world)
    assert ", 60 min before" in shown(world)
    assert "📉 Auction: falling to **0.002 WETH**" in shown(world)


async def test_what_a_buyer_lists_again_is_a_signal_of_its_own(world: World) -> None:
    listing = await an_alert(world)
    await world.ends(listing, OrderStatus.MATCHED)
    await list_anew(world, again(listing, 4 * 10**15, seller="0xflipper"), signal=True)
    await world.deliver()
    await world.edit()
    assert len(world.posted()) == 2
    assert "Price dropped" not in shown(world)
    assert "**Sold**" in words(world.posted()[0].embeds[0])


async def test_several_signals_of_one_page_share_a_message_with_buttons_for_each(world: World) -> None:
    listings = await world.page(await world.watch(), count=3)
    await world.deliver()
    (message,) = world.posted()
    titles = [embed.title or "" for embed in message.embeds]
    assert [title.split(" · ")[0] for title in titles] == [f"Axie #{each.axie.id}" for each in listings]
    rows = [row for row in message.components if isinstance(row, discord.ActionRow)]
    assert [getattr(row.children[0], "label", "") for row in rows] == [f"#{e.axie.id}" for e in listings]
    assert len({getattr(item, "custom_id", None) for row in rows for item in row.children[1:]}) == 9


async def test_a_listing_that_two_watches_of_a_channel_found_is_shown_once(world: World) -> None:
    one, two = await world.watch(name="one"), await world.watch(name="two")
    listings = await world.page(one, two, count=2)
    await world.deliver()
    (message,) = world.posted()
    assert len(message.embeds) == len(message.components) == 2
    assert all("“one”, “two”" in (embed.footer.text or "") for embed in message.embeds)
    assert (await world.services.outbox.counts()).delivered == 4
    await world.ends(listings[0], OrderStatus.MATCHED)
    await world.edit()
    assert "**Sold**" in words(world.posted()[-1].embeds[0])
    ledger = await world.services.ledger.rows(world.guild.id)
    assert sorted(row.watch_name for row in ledger if row.sold) == ["one", "two"]


async def test_one_alert_of_a_message_changes_and_the_others_stay(world: World) -> None:
    first, second = await world.page(await world.watch(), count=2)
    await world.deliver()
    await world.member.click(world.posted()[-1], custom_id=mine(world, 0))
    await world.ends(second, OrderStatus.MATCHED)
    await world.edit()
    one, two = world.posted()[-1].embeds
    assert "is on it" in words(one)
    assert "Sold" not in words(one)
    assert "**Sold**" in words(two)
    assert f"#{first.axie.id}" in (one.title or "")


def mine(world: World, row: int) -> str:
    found = world.posted()[-1].components[row]
    assert isinstance(found, discord.ActionRow)
    return next(i.custom_id for i in found.children if isinstance(i, discord.Button) and i.label == "Mine")  # type: ignore[return-value]


async def test_what_happens_within_a_moment_is_one_edit(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posts, "GATHER_S", 0.2)
    listings = await world.page(await world.watch(), count=4)
    await world.deliver()
    for each in listings:
        await world.ends(each, OrderStatus.MATCHED)
    following: Any = world.bot.get_cog("Following")
    async with asyncio.timeout(5):
        await following.turn()
    assert edits(world) == 1
    assert all("**Sold**" in words(embed) for embed in world.posted()[-1].embeds)
    assert await world.services.posts.to_edit() == []


async def test_what_happens_while_a_message_is_edited_is_told_by_the_next_edit(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await world.page(await world.watch(), count=2)
    await world.deliver()
    edit = outgoing.edit

    async def slow(*args: Any, **kwargs: Any) -> outgoing.Outcome:
        outcome = await edit(*args, **kwargs)
        if edits(world) == 1:
            await world.ends(second, OrderStatus.CANCELLED)
        return outcome

    monkeypatch.setattr(outgoing, "edit", slow)
    await world.ends(first, OrderStatus.MATCHED)
    await world.edit()
    assert edits(world) == 2
    assert "**Cancelled**" in words(world.posted()[-1].embeds[1])


async def test_an_edit_that_one_life_owes_is_made_by_the_next(world: World) -> None:
    listing = await an_alert(world)
    await world.ends(listing, OrderStatus.MATCHED)
    await world.env.restart_bot(create_bot(world.services, shard_count=1))
    await world.edit()
    assert "**Sold**" in shown(world)


async def test_a_message_that_was_deleted_is_left_alone(world: World) -> None:
    listing = await an_alert(world)
    world.env.inject_error("PATCH", "/channels/*/messages/*", status=404, code=10008)
    await world.ends(listing, OrderStatus.MATCHED)
    await world.edit()
    assert edits(world) == 1
    assert "**Sold**" not in shown(world)


async def test_an_edit_that_discord_cannot_take_now_is_made_later(
    world: World, short_pauses: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "LIMITED_PAUSE_S", 0.01)
    listing = await an_alert(world)
    world.env.inject_error("PATCH", "/channels/*/messages/*", status=429, code=30046)
    await world.ends(listing, OrderStatus.MATCHED)
    following: Any = world.bot.get_cog("Following")
    async with asyncio.timeout(5):
        while "**Sold**" not in shown(world):
            await following.turn()


async def test_a_message_says_what_happened_while_it_was_on_its_way(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = make_listing(world.services.clock.now(), axie=make_axie())
    send = outgoing.send

    async def sold_meanwhile(*args: Any, **kwargs: Any) -> outgoing.Outcome:
        await world.ends(listing, OrderStatus.MATCHED)
        return await send(*args, **kwargs)

    monkeypatch.setattr(outgoing, "send", sold_meanwhile)
    await world.signal(await world.watch(), listing=listing)
    await world.deliver()
    await world.edit()
    assert "**Sold**" in shown(world)


async def test_what_a_watch_holds_back_is_one_message_of_lines(world: World) -> None:
    now = datetime.now(UTC)
    minute = now.hour * 60 + now.minute
    delivery = Delivery(quiet=Quiet(minute, (minute + 720) % 1440))
    place = (world.guild.id, world.channel.id, "quiet", Thresholds(), Filters(), world.manager.id)
    watch = await world.services.watches.add(*place, delivery)
    listings = [*await world.page(watch, count=7), *await world.page(watch, count=2)]
    await world.deliver()
    assert world.posted() == []
    world.market.statuses[listings[0].hash] = OrderStatus.MATCHED
    async with world.services.db.session() as session:  # the night is over
        evening = now - timedelta(hours=8)
        await session.execute(update(AlertRow).values(queued_at=evening, next_attempt_at=evening))
    await world.deliver()
    (message,) = world.posted()
    assert message.embeds[0].title == "8 signals held back"
    assert f"#{listings[0].axie.id}" not in words(message.embeds[0])
    assert f"[#{listings[8].axie.id}]" in words(message.embeds[0])
    await world.ends(listings[1], OrderStatus.MATCHED)
    await world.edit()
    assert "~~ sold" in shown(world)
