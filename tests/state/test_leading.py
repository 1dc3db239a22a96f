"""Of several bots on one PostgreSQL database one acts, and another takes over when it is gone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from bot import leading
from bot.errors import LeadershipLost, SettingsError
from tests.databases import PostgresDatabases, PostgresServer

TAKE_OVER_S = 15.0


@pytest.fixture
def url(postgres: PostgresServer) -> Iterator[str]:
    with PostgresDatabases(postgres).empty() as url:
        yield url


class Candidate:
    """Somebody who wants to lead, and what happened to them in order."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.events: list[str] = []
        self.lost: asyncio.Future[None] | None = None
        self._changed = asyncio.Event()

    async def run(self) -> None:
        async with leading.leading(self._url, self._stand_by) as self.lost:
            self._note("leads")
            try:
                await self.lost
            except LeadershipLost:
                self._note("lost")
                raise

    @asynccontextmanager
    async def _stand_by(self) -> AsyncIterator[None]:
        self._note("stands by")
        yield

    def _note(self, event: str) -> None:
        self.events.append(event)
        self._changed.set()

    async def until(self, event: str, within: float = 20.0) -> None:
        async with asyncio.timeout(within):
            while event not in self.events:
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def candidates(url: str, count: int) -> AsyncIterator[list[tuple[Candidate, asyncio.Task[None]]]]:
    """One after the other, so that the first leads."""
    running = []
    try:
        for _ in range(count):
            one = Candidate(url)
            running.append((one, asyncio.create_task(one.run())))
            await one.until("leads" if len(running) == 1 else "stands by")
        yield running
    finally:
        for _, task in running:
            task.cancel()
        await asyncio.gather(*(task for _, task in running), return_exceptions=True)


async def test_one_leads_the_others_stand_by_and_one_of_them_follows_when_it_ends(url: str) -> None:
    async with candidates(url, 3) as [(_, leader), *others]:
        leader.cancel()
        seen = [asyncio.create_task(one.until("leads")) for one, _ in others]
        done, waiting = await asyncio.wait(seen, return_when=asyncio.FIRST_COMPLETED)
        assert len(done) == 1
        for each in waiting:
            each.cancel()


async def test_a_leader_whose_session_is_ended_knows_at_once_and_another_leads(
    url: str, postgres: PostgresServer
) -> None:
    async with candidates(url, 2) as [(leader, task), (other, _)]:
        postgres.query(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
        )
        began = time.monotonic()
        await leader.until("lost")
        assert time.monotonic() - began < leading.ASK_EVERY_S  # told, not found out by asking
        await other.until("leads")
        assert isinstance((await asyncio.gather(task, return_exceptions=True))[0], LeadershipLost)


async def test_who_stands_by_outlives_a_restart_of_the_server(url: str, postgres: PostgresServer) -> None:
    async with candidates(url, 2) as [(leader, _), (other, _)]:
        postgres.stop()
        await leader.until("lost")
        postgres.start()
        await other.until("leads")


async def test_a_leader_that_cannot_ask_gives_up_before_the_server_gives_it_up(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As behind a network that swallows everything: a relay that stops relaying."""
    assert leading.ASK_EVERY_S + leading.ANSWER_S < leading.SILENT_S < TAKE_OVER_S - 5
    for name, value in {"ASK_EVERY_S": 0.1, "ANSWER_S": 0.4, "SILENT_S": 1.5, "LOOK_EVERY_S": 0.1}.items():
        monkeypatch.setattr(leading, name, value)
    async with relay(url) as (relayed, cut), candidates(relayed, 1) as [(leader, _)]:
        other = Candidate(url)
        waiting = asyncio.create_task(other.run())
        await other.until("stands by")
        cut.set()
        await leader.until("lost")
        assert "leads" not in other.events
        await other.until("leads")
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


@pytest.mark.usefixtures("postgres")
async def test_a_database_that_cannot_be_had_at_first_is_a_sentence_without_the_password() -> None:
    url = "postgresql+asyncpg://axieflip:secret-word@127.0.0.1:1/axieflip"
    with pytest.raises(SettingsError, match=r"DATABASE_URL .*axieflip:\*\*\*@.* cannot be opened") as caught:
        await Candidate(url).run()
    assert "secret-word" not in str(caught.value)


@asynccontextmanager
async def relay(url: str) -> AsyncIterator[tuple[str, asyncio.Event]]:
    """The same database by way of a relay; once the event is set nothing comes through any more."""
    host, _, port = url.rpartition("/")[0].rpartition("@")[2].partition(":")
    cut, pipes, writers = asyncio.Event(), set[asyncio.Task[None]](), list[asyncio.StreamWriter]()

    async def pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            if not cut.is_set():
                sink.write(data)

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(host, int(port))
        writers.extend((writer, back))
        pipes.update((asyncio.create_task(pipe(reader, back)), asyncio.create_task(pipe(there, writer))))

    listening = await asyncio.start_server(accept, "127.0.0.1", 0)
    here = listening.sockets[0].getsockname()[1]
    try:
        yield url.replace(f"{host}:{port}", f"127.0.0.1:{here}"), cut
    finally:
        for each in pipes:
            each.cancel()
        for writer in writers:
            writer.close()
        await asyncio.gather(*pipes, *(w.wait_closed() for w in writers), return_exceptions=True)
        listening.close()
