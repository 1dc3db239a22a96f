"""The bot is new to a server: it greets once, and a first watch is one form away."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import discord
import pytest

from bot.client import create_bot
from bot.services.presets import PRESETS
from tests.cogs.world import World, text, words


async def joined(world: World) -> None:
    """As Discord tells of a server that has just added the bot."""
    guild = world.bot.get_guild(world.guild.id)
    assert guild is not None
    for name in ("Servers", "Welcome"):
        cog: Any = world.bot.get_cog(name)
        await cog.on_guild_join(guild)
    await look(world)


async def look(world: World) -> None:
    cog: Any = world.bot.get_cog("Welcome")
    await cog.turn()


async def starts(world: World) -> None:
    """Another life of the bot, for which the server is there from the beginning."""
    await world.env.restart_bot(create_bot(world.services, shard_count=1))
    await look(world)


def greetings(world: World, channel: Any = None) -> list[discord.Message]:
    return [message for message in world.posted(channel) if message.embeds]


async def test_a_server_is_greeted_where_the_bot_may_post(world: World) -> None:
    await joined(world)
    (greeting,) = greetings(world)
    assert "Set up" in words(greeting.embeds[0])
    row = greeting.components[0]
    assert isinstance(row, discord.ActionRow)
    assert [child.label for child in row.children if isinstance(child, discord.Button)] == ["Set up"]


@pytest.mark.parametrize("arrives", [joined, starts])
async def test_a_greeting_waits_until_the_bot_may_post(
    world: World, arrives: Callable[[World], Awaitable[None]]
) -> None:
    guild = world.bot.get_guild(world.guild.id)
    assert guild is not None
    for channel in guild.text_channels:
        await channel.delete()
    await world.env.settle()
    await arrives(world)
    assert not [r for r in world.env.http_requests if r.path.endswith("/messages")]
    lobby = world.guild.create_text_channel("lobby")
    await world.env.settle()
    for _ in range(2):
        await look(world)
    assert len(world.sends(lobby)) == 1


async def test_a_greeting_that_discord_did_not_take_is_sent_again(world: World) -> None:
    world.env.inject_error("POST", "/channels/*/messages", status=500)
    await joined(world)
    assert greetings(world) == []
    await look(world)
    assert len(greetings(world)) == 1


async def test_a_server_that_was_there_before_the_first_start_is_greeted_once_over_all_starts(
    world: World,
) -> None:
    for _ in range(3):
        await starts(world)
    (greeting,) = greetings(world)
    assert "Thanks for adding me" in words(greeting.embeds[0])
    assert len(world.sends()) == 1


async def test_a_server_with_a_watch_that_was_never_greeted_is_left_in_peace(world: World) -> None:
    await world.watch()
    await starts(world)
    assert world.sends() == []


async def test_a_server_that_deletes_its_data_is_not_greeted_again(world: World) -> None:
    await starts(world)
    await world.services.guilds.forget(world.guild.id, world.manager.id)
    await starts(world)
    assert len(world.sends()) == 1


async def test_a_server_that_is_forgotten_and_adds_the_bot_again_is_greeted_again(world: World) -> None:
    await starts(world)
    await world.services.guilds.left(world.guild.id)
    await world.services.guilds.forget(world.guild.id, None)
    await starts(world)
    assert len(world.sends()) == 2


async def test_a_server_that_comes_back_is_told_what_goes_on(world: World) -> None:
    watch = await world.watch()
    await world.services.guilds.left(world.guild.id)
    await joined(world)
    (greeting,) = greetings(world)
    assert "Your watch is still here" in words(greeting.embeds[0])
    assert greeting.components == []
    assert await world.services.watches.active() == (watch,)


@pytest.mark.parametrize("restarted", [False, True])
async def test_the_form_makes_a_first_watch_with_or_without_a_restart_between(
    world: World, restarted: bool
) -> None:
    await joined(world)
    role = world.guild.create_role("Flippers", mentionable=True)
    deals = world.guild.create_text_channel("deals")
    if restarted:
        await world.env.restart_bot(create_bot(world.services, shard_count=1))
    form = await world.manager.click(greetings(world)[0], label="Set up")
    if restarted:
        await world.env.restart_bot(create_bot(world.services, shard_count=1))
    filled = {"preset": ["careful"], "channel": [deals], "role": [role]}
    result = await world.manager.submit_modal(form, filled)
    assert result.ephemeral
    assert "Watching from now on" in text(result)
    (watch,) = await world.services.watches.list(world.guild.id)
    assert (watch.name, watch.channel_id, watch.delivery.role_id) == ("Careful", deals.id, role.id)
    assert watch.thresholds == PRESETS["careful"].thresholds


async def test_only_who_may_add_a_watch_gets_the_form(world: World) -> None:
    await joined(world)
    result = await world.member.click(greetings(world)[0], label="Set up")
    assert result.modal is None
    assert "Manage Channels" in text(result)


async def test_a_channel_where_the_bot_cannot_post_is_refused(world: World) -> None:
    await joined(world)
    denied = discord.PermissionOverwrite(embed_links=False)
    closed = world.guild.create_text_channel("closed", overwrites={world.guild.me: denied})
    form = await world.manager.click(greetings(world)[0], label="Set up")
    result = await world.manager.submit_modal(form, {"preset": ["bargains"], "channel": [closed]})
    assert "Embed Links" in text(result)
    assert await world.services.watches.list(world.guild.id) == []
    await world.env.restart_bot(create_bot(world.services, shard_count=1))
    again = await world.manager.click(result.response, label="Open it again")
    preset, channel, _ = (row["component"] for row in again.modal["components"])
    assert [each["value"] for each in preset["options"] if each.get("default")] == ["bargains"]
    assert [each["id"] for each in channel["default_values"]] == [str(closed.id)]
