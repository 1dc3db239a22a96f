"""A message of many signals: one for a whole page, with a menu from which each is reached."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import discord
import msgspec
import pytest

from bot.client import create_bot
from bot.services.alerts import Alert, Claim, Post
from bot.services.dispatch import MOST_IN_POST
from bot.services.guild_settings import Area, Currency
from bot.services.mutes import Silence
from cogs import buttons, posts
from cogs.embeds import lists
from cogs.format import Moment
from cogs.money import Money
from pipeline.market.values import Listing, OrderStatus
from tests.bot.factories import NOON, make_axie, make_forecast, make_listing, make_prediction
from tests.cogs.world import World, text, words

pytestmark = pytest.mark.usefixtures("prompt_edits")


async def a_list(world: World, count: int = 12) -> tuple[Any, list[Listing]]:
    listings = await world.page(await world.watch(), count=count)
    await world.deliver()
    (message,) = world.posted()
    return message, listings


def menus(message: Any) -> list[Any]:
    found = [item for row in message.components for item in row.children]
    assert all(isinstance(item, discord.SelectMenu) for item in found)
    return found


def option(message: Any, listing: Listing) -> Any:
    name = f"#{listing.axie.id} "
    (found,) = [each for menu in menus(message) for each in menu.options if name in each.label]
    return found


async def pick(world: World, message: Any, listing: Listing, who: Any = None) -> Any:
    value = option(message, listing).value
    (menu,) = [m for m in menus(message) if value in {each.value for each in m.options}]
    return await (who or world.member).select(message, [value], custom_id=menu.custom_id)


async def test_a_page_of_many_signals_is_one_message_with_a_line_for_each(world: World) -> None:
    message, listings = await a_list(world)
    (embed,) = message.embeds
    assert embed.title == "12 signals"
    assert all(f"[#{each.axie.id}]" in (embed.description or "") for each in listings)
    assert "Watch “Plants”" in words(embed)
    assert len({body["nonce"] for body in world.sends()}) == 1
    (menu,) = menus(message)
    assert len(menu.options) == 12


async def test_as_many_signals_as_a_page_can_bring_are_one_message(world: World) -> None:
    message, listings = await a_list(world, MOST_IN_POST)
    assert [len(menu.options) for menu in menus(message)] == [25, 25, 25, 25]
    assert {option(message, each).value for each in listings} == {
        each.value for menu in menus(message) for each in menu.options
    }
    answer = await pick(world, message, listings[99])
    assert f"Axie #{listings[99].axie.id}" in words(answer.followups[0].embeds[0])


async def test_what_is_chosen_is_shown_to_the_asker_alone_with_its_buttons(world: World) -> None:
    message, listings = await a_list(world)
    answer = (await pick(world, message, listings[7])).followups[0]
    assert answer.flags.ephemeral
    assert f"Axie #{listings[7].axie.id}" in words(answer.embeds[0])
    assert "Comparable sales" in words(answer.embeds[0])
    (row,) = answer.components
    assert [item["label"] for item in row["components"]] == ["Marketplace", "Why", "Mine", "Mute"]
    why = await world.member.click(answer, label="Why")
    assert f"Why axie #{listings[7].axie.id}" in text(why)


async def test_a_claim_of_one_of_many_is_told_in_the_message_and_can_be_undone(world: World) -> None:
    message, listings = await a_list(world)
    answer = (await pick(world, message, listings[3])).followups[0]
    claimed = await world.member.click(answer, label="Mine")
    assert "is on it" in text(claimed)
    await world.edit()
    assert world.posted()[0].embeds[0].description.count("✋") == 1
    found = option(world.posted()[0], listings[3])
    assert str(found.emoji) == "✋"
    assert "ann is on it" in found.description
    again = (await pick(world, world.posted()[0], listings[3])).followups[0]
    await world.member.click(again, label="Claimed")
    await world.edit()
    assert "✋" not in words(world.posted()[0].embeds[0])


async def test_a_list_works_after_a_restart(world: World) -> None:
    message, listings = await a_list(world)
    before = (await pick(world, message, listings[1])).followups[0]
    await world.env.restart_bot(create_bot(world.services, shard_count=1))
    await world.member.click(before, label="Mine")
    await world.edit()
    assert "✋" in words(world.posted()[0].embeds[0])
    answer = (await pick(world, world.posted()[0], listings[2])).followups[0]
    assert f"Axie #{listings[2].axie.id}" in words(answer.embeds[0])


async def test_a_line_follows_its_listing(world: World) -> None:
    _, listings = await a_list(world)
    await world.ends(listings[0], OrderStatus.MATCHED)
    await world.ends(listings[1], OrderStatus.CANCELLED)
    await world.edit()
    shown = words(world.posted()[0].embeds[0])
    assert shown.count("~~ sold") == 1
    assert shown.count("~~ gone") == 1
    assert str(option(world.posted()[0], listings[0]).emoji) == "✅"
    answer = (await pick(world, world.posted()[0], listings[0])).followups[0]
    assert "**Sold**" in words(answer.embeds[0])


async def test_one_of_many_is_muted_by_who_may(world: World) -> None:
    message, listings = await a_list(world)
    answer = (await pick(world, message, listings[4], world.manager)).followups[0]
    offered = await world.manager.click(answer, label="Mute")
    await world.manager.select(offered.response, ["seller:1h"])
    silence = Silence(await world.services.mutes.active())
    assert silence.covers(world.guild.id, None, listings[4])
    other = (await pick(world, message, listings[4])).followups[0]
    assert "Manage Channels" in text(await world.member.click(other, label="Mute"))


async def test_a_choice_that_is_no_longer_on_record_says_so(world: World) -> None:
    message, listings = await a_list(world)
    await world.services.guilds.forget(world.guild.id, None)
    assert "no longer on record" in text(await pick(world, message, listings[0]))


async def test_whom_reading_is_kept_from_is_refused(world: World) -> None:
    message, listings = await a_list(world)
    readers = world.guild.create_role("Readers")
    await world.services.guilds.grant(world.guild.id, world.manager.id, Area.READING, readers.id)
    assert f"<@&{readers.id}>" in text(await pick(world, message, listings[0]))


def an_alert(id_: int, net: float, **over: object) -> Alert:
    listing = make_listing(axie=make_axie(id=11_000_000 + id_))
    forecast = make_forecast(axie_id=listing.axie.id, resale_usd=1999.99)
    prediction = make_prediction(listing, forecast=forecast, net_usd=net, ask_usd=1234.56)
    alert = Alert(
        id_,
        1,
        2,
        3,
        "W" * 50,
        listing,
        prediction,
        "delivered",
        0,
        NOON,
        NOON,
        NOON,  # type: ignore[arg-type]
    )
    return msgspec.structs.replace(alert, **over)


@pytest.mark.parametrize("count", [6, 25, 26, 40, 70, 100, 260])
@pytest.mark.parametrize("money", [Money(), Money(2517.33)])
def test_any_number_of_alerts_keeps_within_the_limits_of_discord(count: int, money: Money) -> None:
    claim = Claim(1, "@" * 32, NOON)
    alerts = tuple(an_alert(n, n / 7, claim=claim) for n in range(1, count + 1))
    post = Post(1, 1, 2, "a" * 24, 3, 0, alerts)
    moment = Moment(NOON, real=False)
    (embed,) = posts.message(post, moment, money)
    assert len(embed.description or "") <= 4096
    assert len(embed) <= 6000
    view = buttons.of(post, money)
    assert len(view.children) <= 4
    options = [each for menu in lists.menus(alerts, money) for each in menu]
    assert len(options) == min(count, MOST_IN_POST)
    assert all(len(each.label) <= 100 and len(each.description or "") <= 100 for each in options)
    # Whatever has no line has at least an option, and the best are at the top of both.
    first = f"#{11_000_000 + count}"
    assert first in (embed.description or "").split("\n")[0]
    assert first in options[0].label


async def test_a_list_is_written_in_the_currency_of_the_server(world: World) -> None:
    await world.services.guilds.change(
        world.guild.id, None, lambda s: msgspec.structs.replace(s, currency=Currency.ETH)
    )
    message, listings = await a_list(world, 6)
    assert "ETH" in option(message, listings[0]).label
    assert "$" not in words(message.embeds[0])


def seen_after(minutes: float, *, fell: bool = False) -> Alert:
    """An alert of a listing that was that old when it was first seen."""
    alert = an_alert(1, 4.0)
    changes: dict[str, object] = {"started_at": NOON - timedelta(minutes=minutes)}
    if fell:
        changes |= {"ended_at": NOON + timedelta(days=1), "base": 9 * 10**15, "ended": 10**15}
    listing = msgspec.structs.replace(alert.listing, **changes)
    told = NOON + timedelta(hours=2 * fell)
    return msgspec.structs.replace(alert, listing=listing, created_at=told)


def told(alert: Alert, count: int) -> str:
    """What the message says of as many such alerts."""
    alerts = tuple(
        msgspec.structs.replace(alert, id=n, listing=msgspec.structs.replace(alert.listing, hash=f"0x{n}"))
        for n in range(count)
    )
    shown = posts.message(Post(1, 1, 2, "a" * 24, 3, 0, alerts), Moment(NOON, real=False))
    return "\n".join(words(embed) for embed in shown)


def test_what_the_watcher_came_upon_long_after_it_was_listed_says_so() -> None:
    assert "🕓 **Found late** – it had been for sale for 3 h when" in told(seen_after(180), 1)
    assert told(seen_after(180), 5).count("**Found late**") == 5
    assert told(seen_after(180), 6).count(" · 🕓 found after 3 h") == 6


@pytest.mark.parametrize("count", [1, 5, 6])
def test_what_was_seen_in_time_and_what_waited_for_its_price_to_fall_is_not_called_late(count: int) -> None:
    for alert in (seen_after(1), seen_after(180, fell=True)):
        assert "🕓" not in told(alert, count)
    assert "fallen this far" in told(seen_after(180, fell=True), 1)
