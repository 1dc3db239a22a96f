"""A recorded session of the marketplace, replayed: the watcher finds the same, without the marketplace."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from pipeline.market.errors import MarketUnavailable
from pipeline.market.recorded import Recorder, Replay, ReplayError, ReplayOver
from pipeline.market.watcher import Watcher
from pipeline.market.watching import Batch, Client
from tests.bot.market import opened


async def found(watcher: Watcher) -> Batch | str:
    try:
        batch = await watcher.poll()
    except ReplayOver:
        raise
    except MarketUnavailable as error:
        return str(error)
    watcher.acknowledge(batch)
    return batch


async def recorded() -> tuple[bytes, list[Batch | str]]:
    """A live session over HTTP with the simulated marketplace, and what was found in it."""
    file, session = io.BytesIO(), list[Batch | str]()
    async with opened() as stall:
        live: Client = Recorder(stall.client, file)
        watcher = Watcher(live, stall.clock)
        for seconds in (0, 30, 5, 600, 60, 0):
            stall.advance(seconds)
            session.append(await found(watcher))
    return file.getvalue(), session


async def test_the_watcher_finds_in_a_replay_what_it_found_live(tmp_path: Path) -> None:
    recording, live = await recorded()
    file = tmp_path / "session.jsonl"
    file.write_bytes(recording)
    replay = Replay(file)
    again: Client = replay
    watcher = Watcher(again, replay)
    told = [await found(watcher) for _ in live]
    assert [batch.listings for batch in told if isinstance(batch, Batch)] == [
        batch.listings for batch in live if isinstance(batch, Batch)
    ]
    assert sum(len(batch.listings) for batch in told if isinstance(batch, Batch)) > 100
    with pytest.raises(ReplayOver):
        await watcher.poll()


async def test_a_question_that_failed_fails_again_and_nothing_is_lost_by_it(tmp_path: Path) -> None:
    recording, live = await recorded()
    first, rest = recording.split(b"\n", 1)
    file = tmp_path / "session.jsonl"
    file.write_bytes(first + b'\n{"ask":"failed","reason":"it was down"}\n' + rest)
    replay = Replay(file)
    watcher = Watcher(replay, replay)
    told = [await found(watcher) for _ in range(len(live) + 1)]
    assert told[1] == "it was down"
    assert [batch.listings for batch in told if isinstance(batch, Batch)] == [
        batch.listings for batch in live if isinstance(batch, Batch)
    ]


async def test_a_line_that_was_being_written_at_the_end_is_left_out(tmp_path: Path) -> None:
    recording, _ = await recorded()
    file = tmp_path / "session.jsonl"
    file.write_bytes(recording + recording[:200])
    Replay(file)
    file.write_bytes(b"nonsense\n" + recording)
    with pytest.raises(ReplayError, match="line 1"):
        Replay(file)
    file.write_bytes(b"")
    with pytest.raises(ReplayError, match="holds no answers"):
        Replay(file)
    with pytest.raises(ReplayError, match="cannot be read"):
        Replay(tmp_path / "none")


async def test_another_question_than_then_is_an_error_that_says_so(tmp_path: Path) -> None:
    recording, _ = await recorded()
    file = tmp_path / "session.jsonl"
    file.write_bytes(recording)
    with pytest.raises(ReplayError, match="now the page at 900"):
        await Replay(file).newest_listings(900)
