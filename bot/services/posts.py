"""The messages in Discord that alerts are told in, and the edits that they owe.

A post is one message; something that happens to one of its alerts marks it, and the marks of a moment are
one edit. The marks are in the database, so that an edit owed by one life of the process is made by the next.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db import Database
from bot.db.tables import AlertRow, AlertState, PostRow
from bot.services.alerts import Alert, Post, load
from bot.waiting import Waiting, machine_time

_NEXT_AT = select(func.min(PostRow.edit_at)).where(PostRow.message_id.is_not(None))
GATHER_S = 2.0  # what happens within so long is told in one edit


class Posts:
    """The messages in the database, and the wait for the next one that is to be edited."""

    def __init__(self, db: Database, *, now: Callable[[], datetime] = machine_time) -> None:
        self._db = db
        self._now = now
        self._waiting = Waiting(db, _NEXT_AT, now)

    async def get(self, post_id: int) -> Post | None:
        """A post with its delivered alerts."""
        async with self._db.reading() as session:
            posts, _ = await load(
                session, AlertRow.post_id == post_id, AlertRow.state == AlertState.DELIVERED
            )
        return posts[0] if posts else None

    async def known(self, message_ids: Collection[int]) -> set[int]:
        """Those of some messages that posts became."""
        async with self._db.reading() as session:
            rows = select(PostRow.message_id).where(PostRow.message_id.in_(message_ids))
            return {id_ for id_ in await session.scalars(rows) if id_ is not None}

    async def of_alert(self, guild_id: int, alert_id: int) -> tuple[Post, Alert] | None:
        """The post that a server's alert is in, and the alert; None where there is none of that number."""
        async with self._db.reading() as session:
            post_id = await session.scalar(
                select(AlertRow.post_id).where(AlertRow.id == alert_id, AlertRow.guild_id == guild_id)
            )
        post = None if post_id is None else await self.get(post_id)
        found = [alert for alert in post.alerts if alert.id == alert_id] if post is not None else []
        return (post, found[0]) if post is not None and found else None

    async def to_edit(self, limit: int = 20) -> list[Post]:
        """Sent posts whose edit is due, oldest first. One that shows nothing any more is forgotten."""
        due = (
            select(PostRow.id)
            .where(PostRow.edit_at <= self._now(), PostRow.message_id.is_not(None))
            .order_by(PostRow.edit_at)
            .limit(limit)
        )
        async with self._db.reading() as session:
            ids = list(await session.scalars(due))
            if not ids:
                return []
            posts, _ = await load(session, AlertRow.post_id.in_(ids), AlertRow.state == AlertState.DELIVERED)
        for empty in set(ids) - {post.id for post in posts}:
            await self.drop(empty)
        by_id = {post.id: post for post in posts}
        return [by_id[id_] for id_ in ids if id_ in by_id]

    async def edited(self, post: Post) -> None:
        """The message shows the post as it is in hand; what has happened since is still to be told."""
        async with self._db.session() as session:
            await session.execute(
                update(PostRow)
                .where(PostRow.id == post.id, PostRow.revision == post.revision)
                .values(edit_at=None)
            )

    async def put_off(self, post_id: int, delay_s: float) -> None:
        """Edit it so many real seconds later."""
        async with self._db.session() as session:
            edit_at = self._now() + timedelta(seconds=delay_s)
            await session.execute(update(PostRow).where(PostRow.id == post_id).values(edit_at=edit_at))
        self.wake()

    async def drop(self, post_id: int) -> None:
        """Leave the message as it is until something else happens: it cannot be edited."""
        async with self._db.session() as session:
            await session.execute(update(PostRow).where(PostRow.id == post_id).values(edit_at=None))

    async def wait(self) -> None:
        """Return once an edit is due, sleeping until then or until `wake`."""
        await self._waiting.wait()

    def wake(self) -> None:
        """Tell `wait` that something happened to posts."""
        self._waiting.wake()


async def touch(session: AsyncSession, hashes: Sequence[str]) -> None:
    """Mark the posts of delivered alerts that follow these orders, in the transaction that changes them."""
    if not hashes:
        return
    await mark(session, AlertRow.current_hash.in_(hashes), AlertRow.state == AlertState.DELIVERED)


async def mark(session: AsyncSession, *alerts: ColumnElement[bool]) -> None:
    """Mark the posts of such alerts: something has happened to them that their messages should tell."""
    posts = select(AlertRow.post_id).where(*alerts)
    edit_at = machine_time() + timedelta(seconds=GATHER_S)
    await session.execute(
        update(PostRow)
        .where(PostRow.id.in_(posts))
        # The first mark sets the moment; later ones do not push it away.
        .values(revision=PostRow.revision + 1, edit_at=func.coalesce(PostRow.edit_at, edit_at))
    )
