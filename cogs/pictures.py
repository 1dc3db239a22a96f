"""The picture in an answer: drawn by the worker, and left out where that fails.

What an answer says is worth more than its picture, and an error after a public deferral would be public.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, ParamSpec

import discord
import structlog

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.services import Services

P = ParamSpec("P")
log = structlog.get_logger(__name__)


async def drawn(
    services: Services, draw: Callable[P, bytes], *args: P.args, **kwargs: P.kwargs
) -> bytes | None:
    """The picture's bytes, or None where it cannot be drawn."""
    try:
        return await services.workers.run(draw, *args, **kwargs)
    except Exception:
        log.exception("a picture could not be drawn", picture=draw.__name__)
        return None


async def below(
    services: Services, embed: discord.Embed, draw: Callable[P, bytes], *args: P.args, **kwargs: P.kwargs
) -> list[discord.File]:
    """Show the picture in an embed. Returns the file to send with it, none where it cannot be drawn."""
    picture = await drawn(services, draw, *args, **kwargs)
    return [] if picture is None else [shown(embed, draw.__name__, picture)]


def shown(embed: discord.Embed, name: str, picture: bytes) -> discord.File:
    """Show a picture in an embed: the file to send with it."""
    embed.set_image(url=f"attachment://{name}.png")
    return discord.File(io.BytesIO(picture), f"{name}.png")
