"""What the tests of watches share: the only watch there is, and what somebody's command was answered."""

from __future__ import annotations

from typing import Any

from bot.services.watches import Watch
from tests.cogs.world import World, text


async def only(world: World) -> Watch:
    """The one watch of the server."""
    (watch,) = await world.services.watches.list(world.guild.id)
    return watch


async def by(person: Any, world: World, command: str, /, **options: Any) -> str:
    """Give a command; its answer, which is for the asker alone."""
    result = await person.slash(world.channel, command, **options)
    assert result.ephemeral
    return text(result)
