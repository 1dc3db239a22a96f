"""The disk is lost with the process: the bucket brings the database back, and nobody is told twice."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sqlite3
import time
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from bot.replica import replicated
from sandbox.discord import SpawnedWorld, spawn
from tests.e2e.parts import BARGAIN, Market, Records, bot, bot_settings, command
from tests.e2e.processes import descendants, until
from tests.state.conftest import BUCKET, aws

__all__ = ["aws"]
pytestmark = [pytest.mark.e2e, pytest.mark.cloud, pytest.mark.asyncio(loop_scope="session")]

CHANNEL = "buy-signals"
WINDOW_S = 1.0


async def posted(discord: SpawnedWorld) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = await discord.get("messages", channel=CHANNEL)
    return messages


def copier(pid: int) -> int:
    """The process that copies below a bot's."""
    return next(below for below, line in descendants(pid).items() if "replicate" in line)


def kill_all(pid: int) -> float:
    """The whole container at once, as when its machine dies; when that was."""
    for each in (pid, *descendants(pid)):
        os.kill(each, signal.SIGKILL)
    return time.time()


def alerts(file: Path) -> dict[str, float]:
    """By listing, when each alert of a database file was written down."""
    with closing(sqlite3.connect(file)) as connection:
        rows = connection.execute("SELECT listing_hash, queued_at FROM alerts").fetchall()
    return {hash_: datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp() for hash_, at in rows}


def axies_of(message: dict[str, Any]) -> set[int]:
    texts = [f"{embed['title']} {embed.get('description')}" for embed in message["embeds"]]
    return {int(number) for text in texts for number in re.findall(r"#(\d+)\b", text)}


@pytest.mark.parametrize("stalled", [False, True], ids=["copied to the end", "the last seconds not copied"])
async def test_after_a_kill_and_a_wiped_disk_no_alert_is_lost_or_posted_twice(
    bazaar: Market, simple: Path, aws: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stalled: bool
) -> None:
    monkeypatch.setenv(
        "AWS_CA_BUNDLE", str(tmp_path / "no such file")
    )  # with which litestream does not start
    disk = tmp_path / "disk"
    database, kept = disk / "axieflip.db", tmp_path / "kept"
    replica_url = f"s3://{BUCKET}/{tmp_path.name}"

    async with spawn() as discord:

        async def go_on() -> None:
            # One after the other is posted: more than the channel takes would only wait in the outbox.
            for number in count(1):
                await bazaar.list_axie(BARGAIN, buyable=False)
                await discord.wait(channel=CHANNEL, messages=number, seconds=60)

        settings = bot_settings(bazaar, discord, simple, database) | {
            "REPLICA_URL": replica_url,
            "S3_ENDPOINT_URL": aws,
        }
        async with bot(tmp_path, settings) as first:
            await until("the bot is ready", first.ready)
            await discord.wait(sessions=1, command="watch")
            await command(discord, "watch add", name="bargains", channel=CHANNEL)
            selling = asyncio.create_task(go_on())
            await discord.wait(channel=CHANNEL, messages=6, seconds=60)
            if stalled:  # what is posted from here on is unknown to the restored database
                os.kill(copier(first.process.pid), signal.SIGSTOP)
                await discord.wait(channel=CHANNEL, messages=len(await posted(discord)) + 4, seconds=30)
            killed = kill_all(first.process.pid)
            await first.process.ended()
        selling.cancel()
        await asyncio.gather(selling, return_exceptions=True)
        before = await posted(discord)
        disk.rename(kept)

        looked_at = tmp_path / "looked at" / database.name
        async with replicated(f"sqlite+aiosqlite:///{looked_at}", replica_url, aws):
            restored = alerts(looked_at)
        owed = alerts(kept / database.name)
        lost = {hash_: killed - at for hash_, at in owed.items() if hash_ not in restored}
        print(
            f"of {len(owed)} alerts {len(lost)} were lost, of the last {max(lost.values(), default=0):.2f} s"
        )
        assert (len(lost) >= 3) if stalled else all(ago <= WINDOW_S for ago in lost.values())
        assert len(restored) > 3

        async with bot(tmp_path, settings) as second:
            await second.process.said("the database was restored")
            records = Records(database)

            async def settled() -> bool:
                return await second.ready() and owed.keys() <= records.alerted() and not records.pending()

            await until("every alert of before is known again and the outbox is empty", settled, 60)
            second.process.send(signal.SIGTERM)
            assert (await second.process.ended(20)).code == 0
        messages = await posted(discord)
    assert {message["id"] for message in before} <= {message["id"] for message in messages}
    told = Counter(axie for message in messages for axie in axies_of(message))
    due = records.rows("SELECT DISTINCT axie_id FROM alerts JOIN listings ON hash = listing_hash")
    assert set(told) == {axie for (axie,) in due}
    assert set(told.values()) == {1}
