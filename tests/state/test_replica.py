"""A database file whose commits are copied to a bucket as they happen, and come back from there."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from bot.errors import AxieflipError
from bot.replica import Replica, ReplicaEnded, replicated
from tests.e2e.processes import descendants, until
from tests.state.conftest import BUCKET


@asynccontextmanager
async def copying(replica: Replica) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(replica.turn())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def write(file: Path, number: int) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE IF NOT EXISTS things (number INTEGER)")
        connection.execute("INSERT INTO things VALUES (?)", (number,))
        connection.commit()


def read(file: Path) -> list[int]:
    with closing(sqlite3.connect(file)) as connection:
        return [number for (number,) in connection.execute("SELECT number FROM things ORDER BY number")]


async def litestream() -> int | None:
    return next((pid for pid, line in descendants(os.getpid()).items() if "litestream" in line), None)


async def test_what_was_written_until_the_clean_end_is_all_restored(
    aws: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", "/with/which/litestream/does/not/start")
    file, bucket = tmp_path / "axieflip.db", f"s3://{BUCKET}/{tmp_path.name}"
    async with replicated(f"sqlite+aiosqlite:///{file}", bucket, aws) as replica:
        assert replica is not None
        assert replica.restored_at is None  # there was no replica yet
        write(file, 0)
        async with copying(replica):
            await until("it copies", litestream)
            for number in range(1, 50):
                write(file, number)
    assert await litestream() is None
    elsewhere = tmp_path / "another disk" / "axieflip.db"
    async with replicated(f"sqlite+aiosqlite:///{elsewhere}", bucket, aws) as replica:
        assert replica is not None
        assert replica.restored_at is not None
        assert read(elsewhere) == list(range(50))


async def test_a_copier_that_ends_is_noticed_with_its_last_words_and_started_anew(
    aws: str, tmp_path: Path
) -> None:
    file, bucket = tmp_path / "axieflip.db", f"s3://{BUCKET}/{tmp_path.name}"
    async with replicated(f"sqlite+aiosqlite:///{file}", bucket, aws) as replica:
        assert replica is not None
        write(file, 0)
        for _ in range(2):
            async with copying(replica) as task:
                pid = await until("it copies", litestream)
                assert pid is not None
                os.kill(pid, signal.SIGKILL)
                with pytest.raises(ReplicaEnded, match=r"ended with code -9"):
                    await task


async def test_a_replica_that_cannot_be_read_stops_the_start_instead_of_forgetting_everything(
    aws: str, tmp_path: Path
) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'axieflip.db'}"
    with pytest.raises(
        AxieflipError, match=r"cannot be restored from REPLICA_URL s3://there-is-no-such-bucket"
    ):
        async with replicated(url, "s3://there-is-no-such-bucket/x", aws):
            pytest.fail("it began")
    assert not (tmp_path / "axieflip.db").exists()


async def test_secrets_of_the_bot_are_not_handed_on(
    aws: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "a-token-that-must-not-be-seen")
    file, bucket = tmp_path / "axieflip.db", f"s3://{BUCKET}/{tmp_path.name}"
    async with replicated(f"sqlite+aiosqlite:///{file}", bucket, aws) as replica:
        assert replica is not None
        write(file, 0)
        async with copying(replica):
            pid = await until("it copies", litestream)
            environment = Path(f"/proc/{pid}/environ").read_bytes()
    assert b"AWS_ACCESS_KEY_ID" in environment
    assert b"a-token-that-must-not-be-seen" not in environment
