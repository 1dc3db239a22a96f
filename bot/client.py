"""The Discord bot, built by a factory from the services it is given.

What it shows and answers lives in extensions that are loaded by name; nothing here knows what is in them.
A client that failed cannot be started again, so whoever runs it builds a new one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import discord
import structlog
import yarl
from discord.ext import commands
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bot.services.state import State

if TYPE_CHECKING:
    from bot.services import Services

log = structlog.get_logger(__name__)

COGS: Final = (
    "cogs.errors",
    "cogs.gate",
    "cogs.servers",
    "cogs.buttons",
    "cogs.alerts",
    "cogs.announcing",
    "cogs.following",
    "cogs.losses",
    "cogs.watches",
    "cogs.thresholds",
    "cogs.predictions",
    "cogs.performance",
    "cogs.market",
    "cogs.axie",
    "cogs.model",
    "cogs.status",
    "cogs.settings",
    "cogs.welcome",
    "cogs.help",
)
_PUBLISHED: Final = "discord.commands"


class AxieflipBot(commands.AutoShardedBot):
    """A bot that reads no messages: people reach it by slash commands alone."""

    def __init__(self, services: Services, *, shard_count: int | None, cogs: Sequence[str]) -> None:
        super().__init__(
            command_prefix=commands.when_mentioned,
            help_command=None,
            intents=discord.Intents(guilds=True),
            allowed_mentions=discord.AllowedMentions.none(),
            allowed_contexts=discord.app_commands.AppCommandContext(guild=True),
            allowed_installs=discord.app_commands.AppInstallationType(guild=True),
            shard_count=shard_count,
            chunk_guilds_at_startup=False,
        )
        self.services = services
        self.command_ids: dict[str, int] = {}  # of top-level commands by name, once they are published
        self._cogs = tuple(cogs)

    async def setup_hook(self) -> None:
        """Load the extensions and publish their commands if they changed, before the gateway is reached."""
        for name in self._cogs:
            # Imported once a process: `load_extension` would execute the module anew for each client, whose
            # classes would not be those that other modules hold.
            await import_module(name).setup(self)
        await self._publish()

    async def _publish(self) -> None:
        home = self.services.settings.discord_guild_id
        guild = discord.Object(home) if home is not None else None
        if guild is not None:
            self.tree.copy_global_to(guild=guild)
        described = [command.to_dict(self.tree) for command in self.tree.get_commands(guild=guild)]
        digest = _digest(self.application_id, home, described)
        memory = State(self.services.db)
        former = await memory.get(_PUBLISHED)
        if (
            isinstance(former, dict)
            and former.get("digest") == digest
            and await self._has(former["ids"], guild)
        ):
            self.command_ids = former["ids"]
            return
        try:
            published = await self.tree.sync(guild=guild)
        except discord.HTTPException as error:
            # Old commands keep working meanwhile; alerts need none.
            log.error("could not publish the commands", guild=home, status=error.status, code=error.code)
            return
        self.command_ids = {command.name: command.id for command in published}
        await memory.put(_PUBLISHED, {"digest": digest, "ids": self.command_ids})
        log.info("published the commands", count=len(published), guild=home)

    async def _has(self, ids: dict[str, int], guild: discord.Object | None) -> bool:
        """Whether Discord still has just these commands; they may have been deleted."""
        try:
            there = await self.tree.fetch_commands(guild=guild)
        except discord.HTTPException as error:
            log.warning("could not ask for the commands", status=error.status, code=error.code)
            return True
        return {command.name: command.id for command in there} == ids


def create_bot(
    services: Services, *, shard_count: int | None = None, cogs: Sequence[str] = COGS
) -> AxieflipBot:
    """A bot that has not been started. `shard_count` None lets Discord say how many shards it needs."""
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # it never joins a voice channel
    return AxieflipBot(services, shard_count=shard_count, cogs=cogs)


def point_at(api_url: str, gateway_url: str) -> None:
    """Make discord.py talk to these addresses, for the whole process."""
    Route.BASE = api_url.rstrip("/")
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway_url)


def _digest(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
