"""The picture in an answer: drawn by the worker once the answer is there, and left out where that fails.

What an answer says is worth more than its picture, which takes several times as long; and an error after a
public deferral would be public.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec

import aiohttp
import discord
import structlog

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bot.client import AxieflipBot
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


class Picture(NamedTuple):
    """One that is still to be drawn: by what, and from what."""

    draw: Callable[..., bytes]
    values: tuple[Any, ...]


async def answer(
    interaction: discord.Interaction[AxieflipBot],
    embeds: Sequence[discord.Embed],
    picture: Picture | None,
    **options: Any,
) -> None:
    """Answer a deferred interaction, and put the picture into the last embed as soon as it is drawn."""
    message = await interaction.followup.send(embeds=embeds, wait=True, **options)
    if picture is None:
        return
    found = await drawn(interaction.client.services, picture.draw, *picture.values)
    if found is None:
        return
    file = shown(embeds[-1], picture.draw.__name__, found)
    try:
        await message.edit(embeds=embeds, attachments=[file])
    except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
        # Deleted meanwhile, Discord busy, or the way there broken: the answer itself has arrived.
        log.warning("a picture could not be shown", picture=picture.draw.__name__, reason=str(error))


def shown(embed: discord.Embed, name: str, picture: bytes) -> discord.File:
    """Show a picture in an embed: the file to send with it."""
    embed.set_image(url=f"attachment://{name}.png")
    return discord.File(io.BytesIO(picture), f"{name}.png")
