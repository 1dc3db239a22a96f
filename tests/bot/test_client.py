"""The bot's factory: what it asks of Discord, when it publishes commands, and where it talks to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import discord
import pytest
from discord import app_commands
from discord.ext import commands
from discord.gateway import DiscordWebSocket
from discord.http import Route
from simcord.env import Env
from structlog.testing import capture_logs

from bot.client import COGS, create_bot, point_at
from bot.db import Database
from bot.services.watches import Watches
from bot.settings import Settings
from pipeline.clock import SystemClock

HOME = 987654321


async def setup(bot: commands.Bot) -> None:
    """This module is also the extension that the bot loads here: one command."""

    @app_commands.command(name="ping", description="Answers")
    async def ping(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("pong")

    bot.tree.add_command(ping)


@pytest.fixture
def services(db: Database) -> Any:
    clock = SystemClock()
    given = dict.fromkeys(("discord_token", "market_api_key", "model_signing_key"), "not-a-real-secret")
    settings = Settings(_env_file=None, **given)
    return SimpleNamespace(settings=settings, db=db, clock=clock, watches=Watches(db, clock))


async def started(services: Any, **options: Any) -> Env:
    env = Env(create_bot(services, shard_count=1, cogs=(__name__,)), **options)
    await env.start()
    return env


def published(env: Env) -> list[str]:
    return [r.path for r in env.http_requests if r.method == "PUT"]


def test_it_asks_for_no_privileged_intent_and_pings_nobody() -> None:
    bot = create_bot(SimpleNamespace())
    assert bot.intents == discord.Intents(guilds=True)
    assert bot.allowed_mentions is not None
    assert bot.allowed_mentions.to_dict() == {"parse": []}
    assert isinstance(bot, commands.AutoShardedBot)
    assert bot.shard_count is None


def test_every_extension_of_the_bot_exists() -> None:
    rooms = Path(__file__).parents[2]
    assert all((rooms / name.replace(".", "/")).with_suffix(".py").exists() for name in COGS)


async def test_commands_are_published_once_for_all_servers(services: Any) -> None:
    env = await started(services)
    assert [path.split("/", 3)[3] for path in published(env)] == ["commands"]
    await env.restart_bot(create_bot(services, shard_count=1, cogs=(__name__,)))
    assert len(published(env)) == 1
    await env.shutdown()


async def test_a_home_server_gets_the_commands_at_once(services: Any) -> None:
    services.settings = services.settings.model_copy(update={"discord_guild_id": HOME})
    env = Env(create_bot(services, shard_count=1, cogs=(__name__,)))
    env.create_guild(id=HOME)
    await env.start()
    assert [path.split("/", 3)[3] for path in published(env)] == [f"guilds/{HOME}/commands"]
    await env.shutdown()


async def test_a_refused_publication_does_not_stop_the_bot_and_is_tried_at_the_next_start(
    services: Any,
) -> None:
    env = Env(create_bot(services, shard_count=1, cogs=(__name__,)))
    env.inject_error("PUT", "/applications/*/commands", status=403, code=50001)
    with capture_logs() as logs:
        await env.start()
    assert env.bot.is_ready()
    assert [log["code"] for log in logs if log["log_level"] == "error"] == [50001]
    await env.restart_bot(create_bot(services, shard_count=1, cogs=(__name__,)))
    assert len(published(env)) == 2
    await env.shutdown()


@pytest.fixture
def _addresses() -> Iterator[None]:
    base, gateway = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    yield
    Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = base, gateway


@pytest.mark.usefixtures("_addresses")
def test_it_can_be_pointed_at_another_discord() -> None:
    point_at("http://127.0.0.1:8001/api/v10/", "ws://127.0.0.1:8002/gateway")
    assert Route("GET", "/gateway/bot").url == "http://127.0.0.1:8001/api/v10/gateway/bot"
    assert str(DiscordWebSocket.DEFAULT_GATEWAY) == "ws://127.0.0.1:8002/gateway"
