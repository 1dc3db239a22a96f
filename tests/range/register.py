"""The register of scenarios: each is a function that plays events in time against an arena."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sandbox.discord import DiscordConfig

if TYPE_CHECKING:
    from tests.range.arena import Arena

Play = Callable[["Arena"], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario. Its title is the first line of its docstring, its subject the module it stands in."""

    name: str
    subject: str
    title: str
    play: Play
    discord: DiscordConfig
    seconds: float
    """How long it may take, machine and bot being busy."""
    missing: Callable[[], str | None]
    """What the machine lacks to play it, if anything."""
    sqlite: bool
    """Whether it is about SQLite's own ways."""


SCENARIOS: dict[str, Scenario] = {}


@dataclass(frozen=True, slots=True)
class scenario:  # noqa: N801 - a decorator
    """Registers the decorated function under its name."""

    discord: DiscordConfig = field(default_factory=DiscordConfig)
    seconds: float = 120.0
    missing: Callable[[], str | None] = lambda: None
    sqlite: bool = False

    def __call__(self, play: Play) -> Play:
        """Add it."""
        name = play.__name__
        assert name not in SCENARIOS, f"two scenarios are called {name}"
        title = (play.__doc__ or "").strip().partition("\n")[0].removesuffix(".")
        subject = play.__module__.rpartition(".")[2]
        SCENARIOS[name] = Scenario(
            name, subject, title, play, self.discord, self.seconds, self.missing, self.sqlite
        )
        return play
