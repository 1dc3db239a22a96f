"""Watches as people change them by options, who may, and what their test shows."""

from __future__ import annotations

from typing import Any

import discord
import msgspec
import pytest

from bot.client import create_bot
from bot.errors import Conflict
from bot.services.guild_settings import Area, Currency
from bot.services.pacing import Delivery, Quiet
from pipeline.market.values import AxieClass, OrderStatus, Resolution
from pipeline.signal import Filters, Thresholds
from tests.cogs.watching import by, only
from tests.cogs.world import World, text, words

CHANGES = [
    ("watch add", {"name": "x"}),
    ("watch edit", {"name": "Plants", "min_net": 9.0}),
    ("watch remove", {"name": "Plants"}),
    ("watch pause", {"name": "Plants"}),
    ("watch resume", {"name": "Plants"}),
    ("watch test", {"name": "Plants"}),
    ("threshold set", {"watch": "Plants", "net": 9.0}),
]


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


async def test_a_test_that_cannot_post_names_what_else_is_missing_too(world: World) -> None:
    names = ("embed_links", "read_message_history", "mention_everyone", "attach_files")
    denied = discord.PermissionOverwrite(**dict.fromkeys(names, False))
    place = world.guild.create_text_channel("little", overwrites={world.guild.me: denied})
    await world.watch(channel=place, name="Plants")
    role = world.guild.create_role("Flippers")
    await world.manager.slash(world.channel, "watch edit", name="Plants", role=role)
    shown = await by(world.manager, world, "watch test", name="Plants")
    assert "I lack Embed Links in" in shown
    assert "I still lack Read Message History and Mention Everyone there." in shown
    assert "Attach Files there would let me show pictures and reports." in shown
    assert world.posted(place) == []


async def test_files_are_advised_where_they_are_all_that_is_missing(world: World) -> None:
    denied = discord.PermissionOverwrite(attach_files=False)
    place = world.guild.create_text_channel("plain", overwrites={world.guild.me: denied})
    await world.watch(channel=place, name="Plants")
    shown = await by(world.manager, world, "watch test", name="Plants")
    assert "Posted an example" in shown
    assert "Attach Files there would let me" in shown


async def test_an_example_is_written_in_the_currency_of_the_server(world: World) -> None:
    await world.services.guilds.change(
        world.guild.id, None, lambda s: msgspec.structs.replace(s, currency=Currency.ETH)
    )
    await world.watch(name="Plants")
    await world.signal()
    await world.manager.slash(world.channel, "watch test", name="Plants")
    (example,) = [message for message in world.posted() if message.embeds]
    shown = words(example.embeds[0])
    assert "0.0000022 ETH gas" in shown
    assert "$" not in shown


async def test_a_test_tells_what_works_only_in_part(world: World) -> None:
    denied = discord.PermissionOverwrite(read_message_history=False, mention_everyone=False)
    place = world.guild.create_text_channel("half", overwrites={world.guild.me: denied})
    watch = await world.watch(channel=place, name="Plants")
    role = world.guild.create_role("Flippers")
    await world.manager.slash(world.channel, "watch edit", name=watch.name, role=role)
    shown = await by(world.manager, world, "watch test", name="Plants")
    assert "Read Message History and Mention Everyone" in shown
    assert "Attach Files" not in shown
    await world.manager.slash(world.channel, "watch pause", name="Plants")
    assert "is paused" in await by(world.manager, world, "watch test", name="Plants")
