"""The database is locked, full, spoiled or of another version."""

from __future__ import annotations

import resource
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.range.arena import Arena
from tests.range.register import scenario

LOCKED_S = 30.0


@scenario(seconds=240, sqlite=True)
async def database_locked(arena: Arena) -> None:
    """Another writer holds the database's lock for thirty seconds"""
    await arena.open()
    with closing(sqlite3.connect(arena.database, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        await arena.bargain(3)
        # Longer than the ten seconds for which the bot waits for a lock.
        await arena.pause(12 + (LOCKED_S - 12) * arena.amount)
        writer.execute("ROLLBACK")
    await arena.settle()


@scenario(seconds=240, sqlite=True)
async def disk_full(arena: Arena) -> None:
    """The disk is full while listings flow, and has room again later"""
    bot = await arena.open()
    size = max(each.stat().st_size for each in arena.folder.glob("axieflip.db*"))
    _, hard = resource.prlimit(bot.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(bot.process.pid, resource.RLIMIT_FSIZE, (size, hard))
    async with arena.flowing():
        await bot.process.said("OperationalError", 60)
        await arena.pause(2)
        resource.prlimit(bot.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
    await arena.settle()


async def refuses(arena: Arena, spoil: bytes, at: int | None, *words: str) -> None:
    """A bot on a database that is spoiled from an offset on ends with 2, says what to do, touches nothing."""
    await arena.open()
    await arena.stop()
    for rest in arena.folder.glob("axieflip.db-*"):
        rest.unlink()
    sound = arena.database.read_bytes()
    begin = len(sound) // 2 // 4096 * 4096 if at is None else at
    spoiled = sound[:begin] + spoil + sound[begin + len(spoil) :] if spoil else sound[:begin]
    arena.database.write_bytes(spoiled)
    bot = await arena.launch()
    ended = await bot.process.ended()
    arena.bot = None
    assert ended.code == 2, f"{ended.code}: {ended.err[-800:]}"
    assert "Traceback" not in ended.err, ended.err[-800:]
    for word in ("DATABASE_URL", "backup", *words):
        assert word in ended.err, f"{word!r} is missing in: {ended.err}"
    assert arena.database.read_bytes() == spoiled, "the spoiled file was changed"
    _restore(arena.database, sound)
    await arena.start()
    await arena.settle()


def _restore(path: Path, sound: bytes) -> None:
    for rest in path.parent.glob(f"{path.name}-*"):
        rest.unlink()
    path.write_bytes(sound)


@scenario(sqlite=True)
async def database_is_no_database(arena: Arena) -> None:
    """The database file begins with garbage: the bot refuses and leaves it as it is"""
    await refuses(arena, b"garbage!" * 512, 0)


@scenario(sqlite=True)
async def database_spoiled_within(arena: Arena) -> None:
    """Pages in the middle of the database file are garbage: the bot refuses and leaves it as it is"""
    await refuses(arena, arena.rng.randbytes(32 * 4096), None)


@scenario(sqlite=True)
async def database_cut_off(arena: Arena) -> None:
    """The database file ends in the middle: the bot refuses and leaves it as it is"""
    await refuses(arena, b"", None)


@scenario(sqlite=True)
async def database_of_a_newer_version(arena: Arena) -> None:
    """The database was written by a newer version: the bot refuses"""
    await arena.open()
    await arena.stop()
    with closing(sqlite3.connect(arena.database)) as connection:
        (at,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    bot = await arena.launch()
    ended = await bot.process.ended()
    arena.bot = None
    assert ended.code in (1, 2)
    assert "a newer version wrote it" in ended.err
    with closing(sqlite3.connect(arena.database)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (at,))
        connection.commit()
    await arena.start()
    await arena.settle()
