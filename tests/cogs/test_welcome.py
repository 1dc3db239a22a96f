"""The bot is added to a server: it greets once, and a first watch is one form away."""

from __future__ import annotations

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


def greetings(world: World, channel: Any = None) -> list[discord.Message]:
    return [message for message in world.posted(channel) if message.embeds]


async def test_a_server_is_greeted_where_the_bot_may_post(world: World) -> None:
    await joined(world)
    (greeting,) = greetings(world)
    assert "Set up" in words(greeting.embeds[0])
    row = greeting.components[0]
    assert isinstance(row, discord.ActionRow)
    assert [child.label for child in row.children if isinstance(child, discord.Button)] == ["Set up"]


async def test_a_server_where_the_bot_may_post_nowhere_is_not_greeted(world: World) -> None:
    guild = world.bot.get_guild(world.guild.id)
    assert guild is not None
    for channel in guild.text_channels:
        await channel.delete()
    await world.env.settle()
    await joined(world)
    assert not [r for r in world.env.http_requests if r.path.endswith("/messages")]


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
