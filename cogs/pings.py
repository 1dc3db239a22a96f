"""Whom a post pings: the role of each watch in it whose signal promises enough. Market text never pings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import discord

if TYPE_CHECKING:
    from collections.abc import Collection

    from bot.services.alerts import Post
    from bot.services.watches import Watches


async def roles(watches: Watches, post: Post) -> list[int]:
    """The roles to ping, each once."""
    found: dict[int, None] = {}
    for alert in post.alerts:
        watch = await watches.find(alert.watch_id)
        role = None if watch is None else watch.delivery.pings(alert.prediction)
        if role is not None:
            found[role] = None
    return list(found)


def text(role_ids: Collection[int]) -> str | None:
    """What stands above the embeds; None where nobody is pinged."""
    return " ".join(f"<@&{role}>" for role in role_ids) or None


def allowed(role_ids: Collection[int]) -> discord.AllowedMentions | None:
    """Leave to ping these roles and nobody else."""
    if not role_ids:
        return None
    named: Any = [_Role(str(role)) for role in role_ids]
    return discord.AllowedMentions(everyone=False, users=False, roles=named)


class _Role(NamedTuple):
    """A role whose number is a string, as Discord describes it; discord.py would send an integer."""

    id: str
