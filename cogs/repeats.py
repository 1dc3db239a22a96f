"""What was posted before the database was restored, and is now found anew.

A restored database may lack its last second, and an alert of that second is written down once more when the
watcher reads its listing again. Its message is in the channel, and the database does not know of it: that is
how it is told from what was never posted.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from bot.services.dispatch import nonce
from cogs import format as fmt
from cogs import outgoing

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import discord

    from bot.services import Services
    from bot.services.alerts import Post

AFTER_RESTORE: Final = timedelta(minutes=10)  # the watcher has read anew what it reads anew long before
LONGEST_GONE: Final = timedelta(days=1)
_AXIE: Final = re.compile(rf"{re.escape(fmt.page(0)[:-1])}(\d+)|#(\d+)\b")


class Found(NamedTuple):
    """The message that shows the whole post; or the alerts that some message shows, and the rest to send."""

    message_id: int | None
    alerts: frozenset[int]
    rest: Post | None


def possible(services: Services, post: Post) -> bool:
    """Whether the post may have been sent by a life of the bot that the database has forgotten."""
    restored = services.restored_at
    return restored is not None and post.queued_at < restored + AFTER_RESTORE


async def look(
    services: Services, channel: discord.abc.Messageable, me: int, post: Post
) -> Found | outgoing.Retry:
    """What of the post the channel shows in messages that the database does not know."""
    assert services.restored_at is not None
    shown = await outgoing.own_alerts(channel, me, services.restored_at - LONGEST_GONE)
    if isinstance(shown, outgoing.Retry):
        return shown
    known = await services.posts.known(shown)
    return _compared(post, {id_: _axies(text) for id_, text in shown.items() if id_ not in known})


def _axies(text: str) -> set[int]:
    return {int(linked or bare) for linked, bare in _AXIE.findall(text)}


def _compared(post: Post, unknown: Mapping[int, Collection[int]]) -> Found:
    for message_id, axies in unknown.items():
        if all(alert.listing.axie.id in axies for alert in post.alerts):
            return Found(message_id, frozenset(), None)
    repeated = frozenset(
        alert.id for alert in post.alerts if any(alert.listing.axie.id in axies for axies in unknown.values())
    )
    rest = tuple(alert for alert in post.alerts if alert.id not in repeated)
    if not rest:
        return Found(None, repeated, None)
    # Another message may have had the nonce that this post got: the first of what is left gives its own.
    first = rest[0]
    own = post.nonce if first.watch_id is None else nonce(first.watch_id, first.listing.hash)
    return Found(None, repeated, msgspec.structs.replace(post, alerts=rest, nonce=own))
