"""The servers that the bot is on: whoever takes it off has 30 days to bring it back, then is forgotten."""

from __future__ import annotations

from typing import Final

import discord
import structlog
from discord.ext import commands

from bot.client import AxieflipBot

log = structlog.get_logger(__name__)
LOOK_EVERY_S: Final = 3600.0


class ServersCog(commands.Cog, name="Servers"):
    """Keeps the record of where the bot is."""

    def __init__(self, bot: AxieflipBot) -> None:
        self._bot = bot
        self._guilds = bot.services.guilds

    async def cog_load(self) -> None:
        """Put the forgetting under supervision."""
        self._bot.services.supervisor.add("servers", self.turn)

    async def turn(self) -> float:
        """Forget the servers that are overdue. Returns the seconds until the next look."""
        for guild_id in await self._guilds.forget_overdue():
            log.info("forgot a server that took the bot off 30 days ago", guild=guild_id)
        return LOOK_EVERY_S

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """Note what happened while the bot was away."""
        await self._guilds.present(guild.id for guild in self._bot.guilds)

    @commands.Cog.listener()
    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """Let the server's watches rest; its data is kept for a while."""
        await self._guilds.left(guild.id)
        log.info("a server took the bot off", guild=guild.id)

    @commands.Cog.listener()
    async def on_guild_join(self, guild: discord.Guild) -> None:
        """Take up where the server left off, if it is known."""
        known = await self._guilds.joined(guild.id)
        log.info("a server added the bot", guild=guild.id, known=known)


async def setup(bot: AxieflipBot) -> None:
    """Add the cog."""
    await bot.add_cog(ServersCog(bot))
