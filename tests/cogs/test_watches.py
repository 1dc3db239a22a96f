"""Watches as people make and read them, and what is suggested meanwhile."""

from __future__ import annotations

from typing import Any

import discord
import pytest
from simcord.backend.errors import SetupError

from bot.services.pacing import Delivery, Quiet
from bot.services.presets import PRESETS
from bot.services.watches import MAX_WATCHES
from pipeline.market.traits import Collection
from pipeline.market.values import AxieClass, Token
from pipeline.signal import Filters, Thresholds
from tests.cogs.watching import by, only
from tests.cogs.world import World, text

PUBLIC = discord.ChannelType.public_thread

# Adding


async def test_adding_a_watch_stores_what_was_asked_for(world: World) -> None:
    role = world.guild.create_role("Flippers", mentionable=True)
    shown = await by(
        world.manager,
        world,
        "watch add",
        name="Cheap  plants",
        channel=world.channel,
        classes="plant, Beast",
        collections="mystic, Origin",
        parts="Tail-Carrot, mouth-tiny turtle",
        min_breeds=0,
        max_breeds=2,
        min_purity=80,
        min_level=5,
        min_price=1.5,
        max_price=40.0,
        tokens="eth, usdc",
        max_age=30,
        min_net=2.5,
        min_return=25.0,
        min_probability=90.0,
        min_sell_chance=55.0,
        role=role,
        ping_above=20.0,
        cap=6,
        quiet="10pm to 7",
    )
    watch = await only(world)
    assert (watch.name, watch.channel_id, watch.created_by) == (
        "Cheap plants",
        world.channel.id,
        world.manager.id,
    )
    assert watch.thresholds == Thresholds(2.5, 0.25, 0.9, 0.55)
    assert watch.filters == Filters(
        (AxieClass.PLANT, AxieClass.BEAST),
        (Collection.MYSTIC, Collection.ORIGIN),
        ("tail-carrot", "mouth-tiny-turtle"),
        0,
        2,
        80,
        5,
        1.5,
        40.0,
        1800,
        (Token.WETH, Token.USDC),
    )
    assert watch.delivery == Delivery(role.id, 20.0, 6, Quiet(22 * 60, 7 * 60))
    for words in ("$2.50", "90%", "$1.50 to $40.00", "WETH or USDC", "at most 6 an hour", "22:00-07:00"):
        assert words in shown


async def test_a_first_watch_needs_nothing_but_a_preset(world: World) -> None:
    await by(world.manager, world, "watch add", preset="collectibles")
    watch = await only(world)
    preset = PRESETS["collectibles"]
    assert (watch.name, watch.channel_id) == ("Collectibles", world.channel.id)
    assert (watch.thresholds, watch.filters, watch.delivery) == (
        preset.thresholds,
        preset.filters,
        preset.delivery,
    )


async def test_what_is_given_counts_before_the_preset_and_names_are_found(world: World) -> None:
    await by(world.manager, world, "watch add", preset="careful", min_net=7.0)
    await by(world.manager, world, "watch add", preset="careful")
    first, second = await world.services.watches.list(world.guild.id)
    assert (first.name, second.name) == ("Careful", "Careful 2")
    assert first.thresholds == Thresholds(7.0, 0.3, 0.9)


@pytest.mark.parametrize("kind", ["announcement", "forum", "thread"])
async def test_a_watch_may_post_to_an_announcement_channel_and_to_threads(world: World, kind: str) -> None:
    place = await made(world, kind)
    shown = await by(world.manager, world, "watch add", name="x", channel=place)
    assert f"<#{place.id}>" in shown
    assert (await only(world)).channel_id == place.id


async def made(world: World, kind: str) -> Any:
    if kind == "announcement":
        return world.guild.create_news_channel("news")
    parent = world.guild.create_forum_channel("deals") if kind == "forum" else world.channel
    found: Any = world.bot.get_channel(parent.id)
    await found.create_thread(name="today", **({"content": "!"} if kind == "forum" else {"type": PUBLIC}))
    await world.env.settle()
    (thread,) = parent.threads
    return thread


@pytest.mark.parametrize(
    ("denied", "named"),
    [
        (["view_channel"], ["View Channel"]),
        (["send_messages", "embed_links"], ["Send Messages", "Embed Links"]),
    ],
)
async def test_a_watch_is_refused_where_the_bot_may_not_post(
    world: World, denied: list[str], named: list[str]
) -> None:
    overwrite = discord.PermissionOverwrite(**dict.fromkeys(denied, False))
    closed = world.guild.create_text_channel("closed", overwrites={world.guild.me: overwrite})
    shown = await by(world.manager, world, "watch add", name="All", channel=closed)
    for name in named:
        assert name in shown
    assert await world.services.watches.list(world.guild.id) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"classes": "plant, dragon"}, "“dragon” is no axie class"),
        ({"collections": "myst"}, "is no collection"),
        ({"tokens": "DOGE"}, "is no payment token"),
        ({"parts": "carrot"}, "is no part id"),
        ({"parts": ",".join(f"tail-{n}" for n in range(7))}, "six parts"),
        ({"min_breeds": 3, "max_breeds": 1}, "above the most"),
        ({"min_price": 30.0, "max_price": 10.0}, "above the most"),
        ({"quiet": "at night"}, "no quiet hours"),
        ({"quiet": "22:00-22:00"}, "no quiet hours"),
        ({"quiet": "25:00-07:00"}, "no quiet hours"),
        ({"name": "   "}, "1 to 50 characters"),
    ],
)
async def test_impossible_wishes_are_refused_with_the_reason(
    world: World, options: dict[str, Any], said: str
) -> None:
    given = {"name": "All", "channel": world.channel, **options}
    assert said in await by(world.manager, world, "watch add", **given)
    assert await world.services.watches.list(world.guild.id) == []


async def test_everyone_is_not_a_role_to_ping(world: World) -> None:
    everyone = world.guild.default_role
    assert "I do not ping" in await by(world.manager, world, "watch add", name="x", role=everyone)
    assert await world.services.watches.list(world.guild.id) == []


async def test_a_role_that_cannot_be_pinged_is_told_of(world: World) -> None:
    role = world.guild.create_role("Flippers")
    overwrite = discord.PermissionOverwrite(mention_everyone=False)
    place = world.guild.create_text_channel("quiet", overwrites={world.guild.me: overwrite})
    assert "I cannot ping" in await by(world.manager, world, "watch add", name="x", channel=place, role=role)


async def test_numbers_out_of_range_never_reach_the_bot(world: World) -> None:
    with pytest.raises(SetupError):
        await world.manager.slash(world.channel, "watch add", name="x", channel=world.channel, max_breeds=8)


async def test_a_second_watch_of_the_same_name_is_refused(world: World) -> None:
    await world.watch(name="Plants")
    assert "already" in await by(world.manager, world, "watch add", name="plants")


async def test_there_is_a_limit_to_the_watches_of_a_server(world: World) -> None:
    for number in range(MAX_WATCHES):
        await world.watch(name=f"w{number}")
    assert str(MAX_WATCHES) in await by(world.manager, world, "watch add", name="more")


# Reading


async def test_everyone_may_list_the_watches(world: World) -> None:
    await world.watch(name="Plants", classes=(AxieClass.PLANT,), max_breed_count=2)
    shown = await by(world.member, world, "watch list")
    for words in ("**Plants**", f"<#{world.channel.id}>", "breeds at most 2"):
        assert words in shown


async def test_an_empty_list_says_how_to_begin(world: World) -> None:
    assert "/watch add" in await by(world.member, world, "watch list")
    assert "/watch add" in await by(world.member, world, "threshold show")


async def test_thresholds_of_one_watch_can_be_shown(world: World) -> None:
    await world.watch(name="Plants")
    await world.watch(name="Beasts")
    shown = await by(world.member, world, "threshold show", watch="plants")
    assert "Plants" in shown
    assert "Beasts" not in shown


async def test_a_misspelt_name_is_answered_with_the_nearest(world: World) -> None:
    await world.watch(name="Plants")
    for command in ("remove", "edit", "show", "pause", "resume", "test"):
        assert "Did you mean Plants" in await by(world.manager, world, f"watch {command}", name="Plnts")


async def test_one_watch_shows_its_buttons_to_those_who_may_press_them(world: World) -> None:
    await world.watch(name="Plants")
    manager = await world.manager.slash(world.channel, "watch show", name="plants")
    member = await world.member.slash(world.channel, "watch show", name="plants")
    assert "any axie" in text(member)
    assert not member.response.components
    labels = [item["label"] for row in manager.response.components for item in row["components"]]
    assert labels == ["Thresholds", "Filters", "More", "Delivery", "Pause", "Test", "Remove"]


# Autocompletion


async def suggested(world: World, command: str, option: str, value: str, **given: Any) -> list[str]:
    result = await world.manager.autocomplete(world.channel, command, option, value, **given)
    return [str(choice["value"]) for choice in result]


async def test_watch_names_are_suggested(world: World) -> None:
    for name in ("Plants", "Cheap plants", "Beasts"):
        await world.watch(name=name)
    assert await suggested(world, "watch remove", "name", "plant") == ["Cheap plants", "Plants"]


async def test_classes_collections_and_tokens_are_suggested_one_after_another(world: World) -> None:
    assert await suggested(world, "watch add", "classes", "plant, b") == [
        "Plant, Beast",
        "Plant, Bug",
        "Plant, Bird",
    ]
    assert await suggested(world, "watch add", "collections", "mystic, m") == ["mystic, meo"]
    assert await suggested(world, "watch add", "tokens", "w") == ["WETH", "WRON"]


async def test_parts_are_suggested_from_those_that_were_listed(world: World) -> None:
    listing, _ = await world.signal()
    await world.services.parts.seen([listing.axie])
    assert await suggested(world, "watch add", "parts", "car") == ["tail-carrot"]
    assert await suggested(world, "watch add", "parts", "tail-carrot, horn") == ["tail-carrot, horn-cactus"]
    assert len(await suggested(world, "watch add", "parts", "")) == 6
    assert await suggested(world, "watch add", "parts", "dragon") == []


async def test_what_can_be_lifted_is_what_the_watch_asks_for(world: World) -> None:
    await world.watch(name="Plants", classes=(AxieClass.PLANT,), max_price_usd=9.0)
    assert await suggested(world, "watch edit", "clear", "", name="Plants") == ["classes", "max_price"]
