"""What a simulated Discord can be told before it starts.

Identifiers are not among it: they follow from fixed founding instants, so that a bot's database stays valid
when the world is started again with the same channels.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DiscordConfig:
    """Settings of one world; times in seconds, ports 0 for any free one."""

    host: str = "127.0.0.1"
    port: int = 0
    preview_port: int = 0
    guild_name: str = "Lunacia Traders"
    bot_name: str = "market-bot"
    channels: tuple[str, ...] = ("buy-signals", "general", "bot-log")
    topic: str | None = None
    """That of the first channel, which the page shows at its head."""
    token: str = "sandbox.discord.token"  # noqa: S105 - opens nothing but this loopback world
    shards: int = 1
    guilds: int = 1
    rate_limits: bool = True
    heartbeat_interval: float = 41.25
    picture_mirror: tuple[str, str] | None = None
    """Where pictures whose address begins with the first are fetched instead: a loopback address."""

    def __post_init__(self) -> None:
        if not self.channels:
            raise ValueError("a world needs at least one channel")
        if len(set(self.channels)) != len(self.channels):
            raise ValueError("channel names must differ")
        if self.shards < 1:
            raise ValueError("shards must be at least 1")
        if self.guilds < 1:
            raise ValueError("guilds must be at least 1")
        if self.heartbeat_interval <= 0:
            raise ValueError("heartbeat_interval must be positive")
