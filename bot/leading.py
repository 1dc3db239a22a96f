"""Of several bots on one PostgreSQL database one leads: it alone watches, prices and delivers.

The leader holds an advisory lock in a session of its own. It asks that session every few seconds whether it
still stands, and stops at once where it does not; the server ends a session that has asked nothing for
`SILENT_S`, so that a leader whose machine is gone or frozen gives way too. Those that stand by look every
second whether the lock is free. On SQLite a lock file beside the database refuses a second bot
(`bot.leadership`): a file is on one machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import structlog
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from bot.errors import LeadershipLost, SettingsError
from bot.leadership import sole_bot

LOCK = 7_205_759_403_792_794  # any number, but the same in every bot
LOOK_EVERY_S = 1.0
ASK_EVERY_S = 2.0
# A leader that cannot ask gives up after ASK_EVERY_S + ANSWER_S: before the server gives its lock to another.
ANSWER_S = 4.0
SILENT_S = 8.0
CONNECT_S = 5.0
log = structlog.get_logger(__name__)

StandBy = Callable[[], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def leading(database_url: str, stand_by: StandBy) -> AsyncIterator[asyncio.Future[None]]:
    """Be the one bot that acts on this database for the length of the block.

    Waits for its turn on PostgreSQL, inside the context that `stand_by` gives. What is yielded fails with
    `LeadershipLost` when the turn is over early: stop acting then, and enter anew. Raises `AlreadyRunning`
    where another bot holds a SQLite file, and `SettingsError` where the database cannot be had at first.
    """
    lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    lost.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody has to look at it
    try:
        if make_url(database_url).get_backend_name() == "sqlite":
            with sole_bot(database_url):
                yield lost
        else:
            async with _elected(database_url, stand_by) as session, _watched(session, lost):
                yield lost
    finally:
        lost.cancel()


@asynccontextmanager
async def _elected(database_url: str, stand_by: StandBy) -> AsyncIterator[Any]:
    """The driver's connection that holds the lock."""
    async with AsyncExitStack() as stack:
        try:
            session = await stack.enter_async_context(_session(database_url))
            mine = await _ask(session, f"SELECT pg_try_advisory_lock({LOCK})")
        except (OSError, DBAPIError, TimeoutError) as error:
            shown = make_url(database_url).render_as_string(hide_password=True)
            cause = getattr(error, "orig", None) or error
            raise SettingsError(
                f"DATABASE_URL {shown} cannot be opened ({cause or 'no answer'}): correct it, or see to the "
                "database"
            ) from error
        if not mine:
            log.info("another bot leads on this database: standing by")
            async with stand_by():
                session = await _turn(database_url, session, stack)
        log.info("leading")
        yield session


async def _turn(database_url: str, session: Any, stack: AsyncExitStack) -> Any:
    """Wait for the lock, whatever becomes of the connection meanwhile; the one that got it."""
    pause = LOOK_EVERY_S
    while True:
        await asyncio.sleep(pause)
        try:
            if session is None:
                session = await stack.enter_async_context(_session(database_url))
            if await _ask(session, f"SELECT pg_try_advisory_lock({LOCK})"):
                return session
            pause = LOOK_EVERY_S
        except Exception as error:  # the driver's own errors have no common class with those of the network
            log.warning("the database does not answer a bot that stands by", reason=repr(error))
            await stack.aclose()
            session, pause = None, min(2 * pause, 5.0)


@asynccontextmanager
async def _session(database_url: str) -> AsyncIterator[Any]:
    settings = {"application_name": "axieflip leader", "idle_session_timeout": f"{SILENT_S * 1000:.0f}"}
    engine = create_async_engine(
        database_url,
        poolclass=NullPool,
        connect_args={"server_settings": settings, "timeout": CONNECT_S},
    )
    try:
        connection = await engine.connect()
        try:
            yield (await connection.get_raw_connection()).driver_connection
        finally:
            with suppress(Exception):  # it may be broken, which is why it is given up
                async with asyncio.timeout(ANSWER_S):
                    await connection.invalidate()
    finally:
        await engine.dispose()


async def _ask(session: Any, question: str) -> Any:
    async with asyncio.timeout(ANSWER_S):
        return await session.fetchval(question)


@asynccontextmanager
async def _watched(session: Any, lost: asyncio.Future[None]) -> AsyncIterator[None]:
    """Fail `lost` as soon as the session is known or must be feared to be over."""

    def over(reason: str) -> None:
        if not lost.done():
            log.error("leadership is lost", reason=reason)
            lost.set_exception(LeadershipLost(f"This bot leads no longer: {reason}."))

    def ended(_: object) -> None:
        over("its session with the database ended")

    session.add_termination_listener(ended)
    asking = asyncio.create_task(_until_silent(session, over), name="leadership")
    try:
        yield
    finally:
        session.remove_termination_listener(ended)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


async def _until_silent(session: Any, over: Callable[[str], None]) -> None:
    while True:
        await asyncio.sleep(ASK_EVERY_S)
        try:
            await _ask(session, "SELECT 1")
        except Exception as error:
            over(f"its session with the database does not answer ({type(error).__name__})")
            return
