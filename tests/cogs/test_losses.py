"""What a watch needs goes away and comes back: noticed, told once, and nothing is lost meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any

import discord
import msgspec
import pytest
from simcord.backend.models import Overwrite
from simcord.enums import OverwriteType

from bot.client import create_bot
from bot.services.guild_settings import Area
from bot.services.pacing import Delivery
from bot.services.watches import Watch
from cogs import permissions
from tests.cogs.world import World, text, words


@pytest.fixture
def operators(world: World) -> Any:
    return world.guild.create_text_channel("operators")


async def looked(world: World) -> None:
    """Let what happened be noticed, and what is to be told be posted."""
    await world.env.settle()
    cogs: Any = world.bot.cogs
    async with asyncio.timeout(5):
        if cogs["Losses"]._marked:
            await cogs["Losses"].turn()
        while await world.services.announcements.due():
            await cogs["Announcing"].turn()


async def told(world: World, place: Any) -> list[str]:
    await looked(world)
    return [words(message.embeds[0]) for message in world.posted(place) if message.embeds]


async def settle_operators(world: World, place: Any) -> None:
    await world.services.guilds.change(
        world.guild.id, 1, lambda s: msgspec.structs.replace(s, operators_channel=place.id)
    )
    await looked(world)


async def only(world: World) -> Watch:
    (watch,) = await world.services.watches.list(world.guild.id)
    return watch


def of_bot(world: World, place: Any) -> Any:
    return world.bot.get_channel(place.id)


def deny(world: World, place: Any, **denied: bool) -> None:
    """Change what the bot may do in a channel, as a person would in its settings."""
    allow, deny = discord.PermissionOverwrite(**denied).pair()
    me = Overwrite(world.bot.user.id, OverwriteType.MEMBER, allow.value, deny.value)  # type: ignore[union-attr]
    world.env.backend.set_overwrite(place.id, me)


async def test_a_deleted_channel_pauses_its_watches_and_is_told_once(world: World, operators: Any) -> None:
    await settle_operators(world, operators)
    before = await world.watch(name="Plants")
    await world.watch(channel=operators, name="Other")
    await of_bot(world, world.channel).delete()
    (message,) = await told(world, operators)
    assert "**Plants** is paused. Its channel is gone. `/watch edit` points it at another one." in message
    plants = await world.services.watches.get(world.guild.id, "Plants")
    assert plants.paused
    assert (plants.thresholds, plants.filters) == (before.thresholds, before.filters)
    assert [watch.name for watch in await world.services.watches.active()] == ["Other"]
    await world.env.restart_bot(create_bot(world.services, shard_count=1))
    assert len(await told(world, operators)) == 1


async def test_a_watch_of_a_deleted_channel_goes_on_once_it_is_pointed_elsewhere(
    world: World, operators: Any
) -> None:
    lost = world.guild.create_text_channel("lost")
    await world.watch(channel=lost, name="Plants")
    await of_bot(world, lost).delete()
    await looked(world)
    await world.manager.slash(world.channel, "watch edit", name="Plants", channel=operators)
    watch = await only(world)
    assert (watch.paused, watch.paused_reason, watch.channel_id) == (False, None, operators.id)


async def test_a_lost_permission_is_told_and_its_return_lets_the_watch_go_on(
    world: World, operators: Any
) -> None:
    await settle_operators(world, operators)
    await world.watch(name="Plants")
    deny(world, world.channel, send_messages=False, embed_links=False)
    (message,) = await told(world, operators)
    assert "I lack Send Messages and Embed Links" in message
    assert (await only(world)).paused
    deny(world, world.channel, send_messages=True, embed_links=True)
    assert any("**Plants** goes on" in message for message in await told(world, operators))
    assert not (await only(world)).paused


async def test_a_removed_role_pauses_the_watch_that_pings_it(world: World, operators: Any) -> None:
    await settle_operators(world, operators)
    role = world.guild.create_role("Flippers")
    watch = await world.watch(name="Plants")
    await world.services.watches.change(
        world.guild.id, "Plants", 1, lambda w: msgspec.structs.replace(w, delivery=Delivery(role_id=role.id))
    )
    guild = world.bot.get_guild(world.guild.id)
    assert guild is not None
    await guild.get_role(role.id).delete()  # type: ignore[union-attr]
    (message,) = await told(world, operators)
    assert "The role that it pings is gone" in message
    assert (await only(world)).paused
    await world.manager.slash(world.channel, "watch edit", name="Plants", clear="role")
    assert (await only(world)).delivery == watch.delivery
    assert not (await only(world)).paused


async def test_a_grant_to_a_removed_role_is_taken_back(world: World, operators: Any) -> None:
    await settle_operators(world, operators)
    await world.services.guilds.grant(world.guild.id, 1, Area.MODEL, 12345)
    await world.env.restart_bot(create_bot(world.services, shard_count=1))
    (message,) = await told(world, operators)
    assert "The role that was given model is gone" in message
    assert (await world.services.guilds.get(world.guild.id)).grants == {}


async def test_a_lost_operators_channel_is_told_where_it_can_be(world: World, operators: Any) -> None:
    await settle_operators(world, operators)
    await of_bot(world, operators).delete()
    (message,) = await told(world, world.channel)
    assert "The operators' channel is gone" in message
    assert (await world.services.guilds.get(world.guild.id)).operators_channel is None


async def test_what_discord_refuses_pauses_the_watch_and_is_tried_again_when_it_goes_on(
    world: World, operators: Any
) -> None:
    await settle_operators(world, operators)
    listing, _ = await world.signal(await world.watch(name="Plants"))
    world.env.inject_error("POST", f"/channels/{world.channel.id}/messages", status=403, code=50013)
    await world.deliver()
    (message,) = await told(world, operators)
    assert "Send Messages" in message
    assert (await only(world)).paused
    await world.env.restart_bot(create_bot(world.services, shard_count=1))
    await looked(world)
    assert (await only(world)).paused, "Discord's word is not taken back by a guess"
    await world.manager.slash(world.channel, "watch resume", name="Plants")
    assert not (await only(world)).paused
    await world.deliver()
    titles = [message.embeds[0].title or "" for message in world.posted() if message.embeds]
    assert any(f"#{listing.axie.id}" in title for title in titles)


async def test_a_permission_that_is_back_before_anybody_looks_leaves_the_watch_going(world: World) -> None:
    await world.signal(await world.watch())
    deny(world, world.channel, send_messages=False)
    await looked(world)
    assert (await only(world)).paused
    await world.deliver()
    assert (await world.services.outbox.counts()).undeliverable == 1
    deny(world, world.channel, send_messages=True)
    await looked(world)
    assert not (await only(world)).paused


async def test_one_refused_message_pauses_nothing(world: World) -> None:
    await world.signal(await world.watch(name="Plants"))
    world.env.inject_error("POST", f"/channels/{world.channel.id}/messages", status=400, code=50035)
    await world.deliver()
    await looked(world)
    assert not (await only(world)).paused


async def test_an_alert_that_was_lost_with_its_channel_is_owed_to_the_new_one(
    world: World, operators: Any
) -> None:
    lost = world.guild.create_text_channel("lost")
    listing, _ = await world.signal(await world.watch(channel=lost, name="Plants"))
    await of_bot(world, lost).delete()
    await world.deliver()
    await looked(world)
    assert (await only(world)).paused
    await world.manager.slash(world.channel, "watch edit", name="Plants", channel=operators)
    await world.deliver()
    assert [f"#{listing.axie.id}" in (m.embeds[0].title or "") for m in world.posted(operators)] == [True]


async def test_a_watch_that_a_person_paused_stays_paused(world: World, operators: Any) -> None:
    await settle_operators(world, operators)
    await world.watch(name="Plants")
    await world.services.watches.set_paused(world.guild.id, "Plants", 1, True)
    deny(world, world.channel, send_messages=False)
    assert await told(world, operators) == []
    deny(world, world.channel, send_messages=True)
    assert await told(world, operators) == []
    assert (await only(world)).paused
    assert (await only(world)).paused_reason is None


async def test_a_watch_cannot_be_resumed_while_what_it_needs_is_missing(world: World) -> None:
    await world.watch(name="Plants")
    deny(world, world.channel, embed_links=False)
    await looked(world)
    result = await world.manager.slash(world.channel, "watch resume", name="Plants")
    assert "I lack Embed Links" in result.response.content
    status = await world.member.slash(world.channel, "status")
    assert "⏸️ Plants: I lack Embed Links" in text(status)
    assert (await only(world)).paused


async def test_an_archived_thread_is_not_a_lost_one(world: World) -> None:
    parent = of_bot(world, world.channel)
    thread = await parent.create_thread(name="deals", type=discord.ChannelType.public_thread)
    watch = await world.watch(channel=thread, name="Deals")
    await thread.edit(archived=True)
    await world.env.settle()
    guild = world.bot.get_guild(world.guild.id)
    assert guild is not None
    guild._remove_thread(thread)  # as after a restart, which is told of active threads alone
    assert await permissions.lacks(guild, watch) is None


def shut(world: World) -> None:
    """Let the bot post nowhere on the server."""
    for channel in (*world.bot.get_guild(world.guild.id).text_channels,):  # type: ignore[union-attr]
        deny(world, channel, send_messages=False)


async def test_where_the_bot_can_post_nowhere_the_owner_is_told_directly_and_once(world: World) -> None:
    await world.watch(name="Plants")
    shut(world)
    (message,) = await told(world, world.guild.owner.dm_channel)
    assert f"no channel on **{world.guild.name}**" in message
    assert "**Plants** is paused. I lack Send Messages" in message
    await world.env.restart_bot(create_bot(world.services, shard_count=1))
    assert len(await told(world, world.guild.owner.dm_channel)) == 1
    assert world.posted(world.manager.user.dm_channel) == []


async def test_an_owner_who_takes_no_messages_is_followed_by_who_made_the_watch(world: World) -> None:
    owner, maker = world.guild.owner.dm_channel, world.manager.user.dm_channel
    await world.watch(name="Plants")
    world.env.inject_error("POST", f"/channels/{owner.id}/messages", status=403, code=50007)
    shut(world)
    (message,) = await told(world, maker)
    assert "**Plants** is paused" in message
    assert world.posted(owner) == []


async def test_what_nobody_can_be_told_the_status_shows(world: World) -> None:
    await world.watch(name="Plants")
    for person in (world.guild.owner, world.manager.user):
        place = f"/channels/{person.dm_channel.id}/messages"
        world.env.inject_error("POST", place, status=403, code=50007)
    shut(world)
    await looked(world)
    status = text(await world.member.slash(world.channel, "status"))
    assert "⏸️ Plants: I lack Send Messages" in status
    assert status.count("They take no direct messages from the bot.") == 2
    assert f"<@{world.guild.owner.id}>" in status


async def test_an_outage_of_discord_is_no_loss(world: World) -> None:
    watch = await world.watch(name="Plants")
    world.env.backend.emit("GUILD_DELETE", {"id": str(world.guild.id), "unavailable": True})
    await looked(world)
    assert await only(world) == watch
