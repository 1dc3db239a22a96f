"""Watches as people make, read and change them: by options, by forms and by buttons."""

from __future__ import annotations

from typing import Any

import discord
import pytest
from simcord.backend.errors import SetupError

from bot.client import create_bot
from bot.errors import Conflict
from bot.services.guild_settings import Area
from bot.services.pacing import Delivery, Quiet
from bot.services.presets import PRESETS
from bot.services.watches import MAX_WATCHES, Watch
from pipeline.market.traits import Collection
from pipeline.market.values import AxieClass, OrderStatus, Resolution, Token
from pipeline.signal import Filters, Thresholds
from tests.cogs.world import World, text

PUBLIC = discord.ChannelType.public_thread
CHANGES = [
    ("watch add", {"name": "x"}),
    ("watch edit", {"name": "Plants", "min_net": 9.0}),
    ("watch remove", {"name": "Plants"}),
    ("watch pause", {"name": "Plants"}),
    ("watch resume", {"name": "Plants"}),
    ("watch test", {"name": "Plants"}),
    ("threshold set", {"watch": "Plants", "net": 9.0}),
]


async def only(world: World) -> Watch:
    (watch,) = await world.services.watches.list(world.guild.id)
    return watch


async def by(person: Any, world: World, command: str, /, **options: Any) -> str:
    result = await person.slash(world.channel, command, **options)
    assert result.ephemeral
    return text(result)


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


# Who may


@pytest.mark.parametrize(("command", "options"), CHANGES)
async def test_changes_need_the_permission_to_manage_the_channel(
    world: World, command: str, options: dict[str, Any]
) -> None:
    before = await world.watch(name="Plants")
    shown = await by(world.member, world, command, **options)
    assert "Manage Channels" in shown
    assert await only(world) == before


@pytest.mark.parametrize(("command", "options"), CHANGES)
async def test_who_manages_the_channel_may_change_its_watches(
    world: World, command: str, options: dict[str, Any]
) -> None:
    theirs = their_channel(world)
    await world.watch(channel=theirs, name="Plants")
    result = await world.member.slash(theirs, command, **options)
    assert "You need" not in text(result)


def their_channel(world: World) -> Any:
    """A channel that the member manages."""
    overwrite = discord.PermissionOverwrite(manage_channels=True)
    return world.guild.create_text_channel("theirs", overwrites={world.member: overwrite})


async def test_a_watch_of_another_channel_is_not_theirs(world: World) -> None:
    theirs = their_channel(world)
    await world.watch(name="Plants")
    await world.watch(channel=theirs, name="Mine")
    for command, options in (
        ("watch pause", {"name": "Plants"}),
        ("watch add", {"name": "x", "channel": world.channel}),
        ("watch edit", {"name": "Mine", "channel": world.channel}),
    ):
        assert "Manage Channels" in text(await world.member.slash(theirs, command, **options))
    assert len(await world.services.watches.list(world.guild.id)) == 2


async def test_who_manages_another_channel_may_change_a_watch_from_there(world: World) -> None:
    await world.watch(channel=their_channel(world), name="Plants")
    assert "Paused" in await by(world.member, world, "watch pause", name="Plants")


async def test_a_role_may_be_given_the_watches(world: World) -> None:
    role = world.guild.create_role("Traders")
    trader = world.guild.add_member(world.env.create_user("tess"), roles=[role])
    await world.watch(name="Plants")
    await world.services.guilds.grant(world.guild.id, 1, Area.WATCHES, role.id)
    assert "Paused" in await by(trader, world, "watch pause", name="Plants")
    assert f"<@&{role.id}>" in await by(world.member, world, "watch resume", name="Plants")


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
    assert labels == ["Thresholds", "Filters", "Delivery", "Pause", "Test", "Remove"]


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


# Changing


async def test_setting_one_threshold_leaves_the_others(world: World) -> None:
    await world.watch(name="Plants")
    assert "$5.00" in await by(world.manager, world, "threshold set", watch="Plants", net=5.0)
    assert (await only(world)).thresholds == Thresholds(min_net_usd=5.0)
    options = {"probability": 95.0, "return": 40.0, "sell_chance": 30.0}
    await by(world.manager, world, "threshold set", watch="Plants", **options)
    assert (await only(world)).thresholds == Thresholds(5.0, 0.4, 0.95, 0.3)


async def test_setting_no_threshold_is_refused(world: World) -> None:
    await world.watch(name="Plants")
    assert "at least one" in await by(world.manager, world, "threshold set", watch="Plants")


async def test_a_change_of_thresholds_tells_what_the_last_days_would_have_brought(world: World) -> None:
    watch = await world.watch(name="Plants")
    sold, prediction = await world.signal(watch)
    await world.signal(watch)
    ended = Resolution(sold.hash, OrderStatus.MATCHED, world.services.clock.now())
    await world.services.journal.resolve([ended])
    shown = await by(world.manager, world, "threshold set", watch="Plants", net=1.0)
    assert "would have brought **2** signals" in shown
    assert f"**+${prediction.net_usd:.2f}** on paper" in shown
    shown = await by(world.manager, world, "threshold set", watch="Plants", net=1000.0)
    assert "would have brought no signal" in shown


async def test_editing_by_options_changes_what_is_given_and_lifts_what_is_named(world: World) -> None:
    await world.watch(name="Plants", classes=(AxieClass.PLANT,), max_price_usd=40.0, min_level=3)
    elsewhere = world.guild.create_text_channel("elsewhere")
    shown = await by(
        world.manager,
        world,
        "watch edit",
        name="plants",
        rename="Low breeds",
        channel=elsewhere,
        max_breeds=1,
        quiet="23-8",
        clear="classes, max_price",
    )
    watch = await only(world)
    assert (watch.name, watch.channel_id) == ("Low breeds", elsewhere.id)
    assert watch.filters == Filters(max_breed_count=1, min_level=3)
    assert watch.delivery == Delivery(quiet=Quiet(23 * 60, 8 * 60))
    assert "Low breeds" in shown


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"clear": "wings"}, "nothing that a watch has"),
        ({"rename": "Beasts"}, "already has a watch named"),
        ({"form": "filters", "cap": 3}, "not both"),
        ({"min_breeds": 5}, "above the most"),
    ],
)
async def test_a_change_that_makes_no_sense_is_refused(
    world: World, options: dict[str, Any], said: str
) -> None:
    before = await world.watch(name="Plants", max_breed_count=2)
    await world.watch(name="Beasts")
    assert said in await by(world.manager, world, "watch edit", name="Plants", **options)
    assert await world.services.watches.get(world.guild.id, "Plants") == before


async def test_a_paused_watch_posts_nothing_until_it_is_resumed(world: World) -> None:
    await world.watch(name="Plants")
    assert "(paused)" in await by(world.manager, world, "watch pause", name="Plants")
    assert await world.services.watches.active() == ()
    assert "(paused)" not in await by(world.manager, world, "watch resume", name="Plants")
    assert len(await world.services.watches.active()) == 1


async def test_removing_a_watch_shows_what_it_was_and_can_be_undone(world: World) -> None:
    before = await world.watch(name="Plants", max_price_usd=40.0)
    result = await world.manager.slash(world.channel, "watch remove", name="plants")
    assert "$40.00" in text(result)
    assert await world.services.watches.list(world.guild.id) == []
    removal = await world.services.audit.recent(world.guild.id, 1)
    await world.env.restart_bot(create_bot(world.services, shard_count=1))
    again = await world.manager.click(result.response, label="Undo")
    assert "It is back" in text(again)
    after = await only(world)
    assert (after.name, after.filters, after.thresholds) == (before.name, before.filters, before.thresholds)
    with pytest.raises(Conflict):
        await world.services.watches.restore(world.guild.id, removal[0], world.manager.id)


# Buttons and forms


async def pressed(world: World, label: str, person: Any = None, **watch: Any) -> Any:
    """Show a watch to the manager, restart the bot, and let somebody press one of its buttons."""
    await world.watch(name="Plants", **watch)
    shown = await world.manager.slash(world.channel, "watch show", name="Plants")
    await world.env.restart_bot(create_bot(world.services, shard_count=1))
    return await world.manager.click(shown.response, label=label)


async def test_a_watch_is_paused_and_resumed_by_its_buttons_after_a_restart(world: World) -> None:
    result = await pressed(world, "Pause")
    assert (await only(world)).paused
    assert "(paused)" in text(result)
    await world.manager.click(result.response, label="Resume")
    assert not (await only(world)).paused


async def test_a_watch_is_removed_by_its_button_and_comes_back(world: World) -> None:
    result = await pressed(world, "Remove")
    assert await world.services.watches.list(world.guild.id) == []
    await world.manager.click(result.response, label="Undo")
    assert (await only(world)).name == "Plants"


async def test_a_button_of_a_watch_that_is_gone_says_so(world: World) -> None:
    await world.watch(name="Plants")
    shown = await world.manager.slash(world.channel, "watch show", name="Plants")
    await world.services.watches.remove(world.guild.id, "Plants", 1)
    result = await world.manager.click(shown.response, label="Pause")
    assert "has been removed" in "".join(message.content for message in result.followups) or text(result)


async def test_a_button_asks_again_who_presses_it(world: World) -> None:
    role = world.guild.create_role("Traders")
    trader = world.guild.add_member(world.env.create_user("tess"), roles=[role])
    await world.services.guilds.grant(world.guild.id, 1, Area.WATCHES, role.id)
    await world.watch(name="Plants")
    shown = await trader.slash(world.channel, "watch show", name="Plants")
    await world.services.guilds.grant(world.guild.id, 1, Area.WATCHES, None)
    await trader.click(shown.response, label="Pause")
    assert not (await only(world)).paused


async def opened(world: World, which: str, **options: Any) -> Any:
    form = await world.manager.slash(world.channel, "watch edit", name="Plants", form=which, **options)
    assert form.modal is not None
    return form


async def test_editing_without_options_opens_the_thresholds_as_they_are(world: World) -> None:
    await world.watch(name="Plants")
    form = await world.manager.slash(world.channel, "watch edit", name="Plants")
    values = {
        row["component"]["custom_id"]: row["component"].get("value") for row in form.modal["components"]
    }
    assert values == {
        "min_net": "0.3",
        "min_return": "20",
        "min_probability": "70",
        "min_sell_chance": "0",
        "max_age": None,
    }


async def test_the_form_of_thresholds_is_taken_after_a_restart(world: World) -> None:
    await world.watch(name="Plants", max_price_usd=40.0, max_age_s=600)
    form = await opened(world, "thresholds")
    await world.env.restart_bot(create_bot(world.services, shard_count=1))
    filled = {"min_net": "$2,50", "min_return": "30 %", "min_probability": "", "max_age": ""}
    result = await world.manager.submit_modal(form, filled)
    assert result.ephemeral
    assert "$2.50" in text(result)
    watch = await only(world)
    assert watch.thresholds == Thresholds(2.5, 0.3)
    assert watch.filters == Filters(max_price_usd=40.0), "what is not in the form stays"


async def test_the_form_of_filters_takes_menus_lists_and_ranges(world: World) -> None:
    await world.watch(name="Plants", classes=(AxieClass.PLANT,), min_level=3)
    form = await opened(world, "filters")
    filled = {
        "classes": ["Beast", "Dusk"],
        "collections": [],
        "parts": "tail-carrot",
        "breeds": "0-2",
        "price": "-40",
    }
    await world.manager.submit_modal(form, filled)
    assert (await only(world)).filters == Filters(
        (AxieClass.BEAST, AxieClass.DUSK),
        parts=("tail-carrot",),
        min_breed_count=0,
        max_breed_count=2,
        max_price_usd=40.0,
        min_level=3,
    )


async def test_the_form_of_the_delivery_moves_renames_and_quiets(world: World) -> None:
    await world.watch(name="Plants")
    elsewhere = world.guild.create_text_channel("elsewhere")
    role = world.guild.create_role("Flippers", mentionable=True)
    form = await opened(world, "delivery")
    filled = {"name": "Low", "channel": [elsewhere], "role": [role], "cap": "6", "quiet": "22:00-07:00"}
    await world.manager.submit_modal(form, filled)
    watch = await only(world)
    assert (watch.name, watch.channel_id) == ("Low", elsewhere.id)
    assert watch.delivery == Delivery(role.id, 0.0, 6, Quiet(22 * 60, 7 * 60))


@pytest.mark.parametrize(
    ("which", "wrong", "said"),
    [
        ("thresholds", {"min_net": "much"}, "cannot be the least net profit"),
        ("thresholds", {"min_net": "nan"}, "cannot be the least net profit"),
        ("thresholds", {"min_probability": "120"}, "from 0 to 100"),
        ("filters", {"breeds": "5-2"}, "above the most"),
        ("filters", {"breeds": "0-9"}, "from 0 to 7"),
        ("filters", {"parts": "wing"}, "is no part id"),
        ("filters", {"price": "1-2-3"}, "write a range"),
        ("delivery", {"cap": "0"}, "from 1 to 1,000"),
        ("delivery", {"quiet": "nights"}, "no quiet hours"),
        ("delivery", {"name": "Beasts"}, "already has a watch"),
    ],
)
async def test_a_form_that_makes_no_sense_is_refused_and_changes_nothing(
    world: World, which: str, wrong: dict[str, Any], said: str
) -> None:
    before = await world.watch(name="Plants")
    await world.watch(name="Beasts")
    asked = {"name": "Plants", "channel": [world.channel]} if which == "delivery" else {}
    result = await world.manager.submit_modal(await opened(world, which), asked | wrong)
    assert result.ephemeral
    assert said in text(result)
    assert await world.services.watches.get(world.guild.id, "Plants") == before


@pytest.mark.parametrize(
    ("which", "typed"),
    [
        (
            "thresholds",
            {"min_net": "much", "min_return": "30 %", "min_probability": "", "min_sell_chance": "`5`"},
        ),
        ("filters", {"classes": ["Beast", "Dusk"], "parts": "tail-carrot, wing", "breeds": "5-2"}),
        ("delivery", {"name": "Low ones", "cap": "0", "quiet": "22:00-07:00"}),
    ],
)
async def test_a_refused_form_opens_again_with_what_was_typed_also_after_a_restart(
    world: World, which: str, typed: dict[str, Any]
) -> None:
    await world.watch(name="Plants", classes=(AxieClass.PLANT,))
    elsewhere, role = world.guild.create_text_channel("elsewhere"), world.guild.create_role("Flippers")
    places = {"channel": [elsewhere], "role": [role]} if which == "delivery" else {}
    refused = await world.manager.submit_modal(await opened(world, which), typed | places)
    assert refused.ephemeral
    await world.env.restart_bot(create_bot(world.services, shard_count=1))
    again = await world.manager.click(refused.response, label="Open it again")
    assert again.modal is not None
    shown = {row["component"]["custom_id"]: now_in(row["component"]) for row in again.modal["components"]}
    expected = typed | {name: [str(place.id) for place in given] for name, given in places.items()}
    assert {name: shown[name] for name in expected} == expected
    if which == "thresholds":
        await world.manager.submit_modal(again, shown | {"min_net": "2", "min_sell_chance": "5"})
        assert (await only(world)).thresholds == Thresholds(2.0, 0.3, 0.7, 0.05)


def now_in(component: dict[str, Any]) -> Any:
    """What a field of an open form holds."""
    if "options" in component:
        return [option["value"] for option in component["options"] if option.get("default")]
    if "default_values" in component:
        return [each["id"] for each in component["default_values"]]
    return component.get("value") or ""


async def test_a_form_of_somebody_who_lost_the_right_meanwhile_is_refused(world: World) -> None:
    role = world.guild.create_role("Traders")
    trader = world.guild.add_member(world.env.create_user("tess"), roles=[role])
    await world.services.guilds.grant(world.guild.id, 1, Area.WATCHES, role.id)
    before = await world.watch(name="Plants")
    form = await trader.slash(world.channel, "watch edit", name="Plants")
    await world.services.guilds.grant(world.guild.id, 1, Area.WATCHES, None)
    result = await trader.submit_modal(form, {"min_net": "9"})
    assert "Manage Channels" in text(result)
    assert await only(world) == before


# Testing


async def test_a_test_posts_a_marked_example_of_what_was_priced_last(world: World) -> None:
    await world.watch(name="Plants")
    listing, _ = await world.signal()
    result = await world.manager.slash(world.channel, "watch test", name="Plants")
    assert "Posted an example" in text(result)
    (example,) = [message for message in world.posted() if message.embeds]
    assert f"Axie #{listing.axie.id}" in (example.embeds[0].title or "")
    assert "Example" in (example.embeds[0].description or "")


async def test_a_test_before_anything_was_priced_posts_all_the_same(world: World) -> None:
    await world.watch(name="Plants")
    await world.manager.slash(world.channel, "watch test", name="Plants")
    (example,) = [message for message in world.posted() if message.embeds]
    assert "will appear here" in (example.embeds[0].description or "")


async def test_a_test_names_each_permission_that_is_missing(world: World) -> None:
    names = {"send_messages": "Send Messages", "embed_links": "Embed Links", "view_channel": "View Channel"}
    denied = discord.PermissionOverwrite(**dict.fromkeys(names, False))
    closed = world.guild.create_text_channel("closed", overwrites={world.guild.me: denied})
    await world.watch(channel=closed, name="Plants")
    shown = await by(world.manager, world, "watch test", name="Plants")
    for name in names.values():
        assert name in shown
    assert world.posted(closed) == []


async def test_a_test_tells_what_works_only_in_part(world: World) -> None:
    denied = discord.PermissionOverwrite(read_message_history=False, mention_everyone=False)
    place = world.guild.create_text_channel("half", overwrites={world.guild.me: denied})
    watch = await world.watch(channel=place, name="Plants")
    role = world.guild.create_role("Flippers")
    await world.manager.slash(world.channel, "watch edit", name=watch.name, role=role)
    shown = await by(world.manager, world, "watch test", name="Plants")
    assert "Read Message History and Mention Everyone" in shown
    await world.manager.slash(world.channel, "watch pause", name="Plants")
    assert "is paused" in await by(world.manager, world, "watch test", name="Plants")
