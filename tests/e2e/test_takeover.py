"""Two bots on one PostgreSQL: the leader is killed while listings flow, and the other takes its place."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from sandbox.discord import SpawnedWorld, spawn
from tests.databases import PostgresDatabases, PostgresServer
from tests.e2e.parts import BARGAIN, Market, bot, bot_settings, command
from tests.e2e.processes import until

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

CHANNEL = "buy-signals"
TAKE_OVER_S = 15.0


@pytest.fixture
def url(postgres: PostgresServer) -> Iterator[str]:
    with PostgresDatabases(postgres).empty() as url:
        yield url


async def posted(discord: SpawnedWorld) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = await discord.get("messages", channel=CHANNEL)
    return messages


async def test_when_the_leader_is_killed_another_takes_over_within_seconds_and_says_nothing_twice(
    bazaar: Market, simple: Path, postgres: PostgresServer, url: str, tmp_path: Path
) -> None:
    bargains: set[str] = set()

    async def sell() -> None:
        listed = await bazaar.list_axie(BARGAIN, buyable=False)
        bargains.add(listed["hash"])

    async def go_on() -> None:
        while True:
            await sell()
            await asyncio.sleep(0.2)

    async with spawn() as discord, AsyncExitStack() as stack:
        settings = bot_settings(bazaar, discord, simple, tmp_path / "unused.db") | {"DATABASE_URL": url}
        leader = await stack.enter_async_context(bot(tmp_path, settings))
        await until("the leader is ready", leader.ready)
        await discord.wait(sessions=1, command="watch")
        await command(discord, "watch add", name="bargains", channel=CHANNEL)
        other = await stack.enter_async_context(bot(tmp_path, settings))
        await other.process.said("Standing by.")
        assert await other.ask("/healthz") == (200, '{"status": "standby"}')
        assert (await other.ask("/readyz"))[0] == 503
        assert "axieflip_leader 0" in (await other.ask("/metrics"))[1]

        selling = asyncio.create_task(go_on())
        await discord.wait(channel=CHANNEL, messages=3, seconds=30)
        leader.process.send(signal.SIGKILL)
        began = time.monotonic()
        await leader.process.ended()
        before = len(await posted(discord))
        await other.process.said("Running.", TAKE_OVER_S)
        await discord.wait(channel=CHANNEL, messages=before + 1, seconds=TAKE_OVER_S)
        took = time.monotonic() - began
        print(f"taken over, with a new alert posted, {took:.1f} s after the kill")
        assert took < TAKE_OVER_S
        assert await other.ready()
        assert "axieflip_leader 1" in (await other.ask("/metrics"))[1]
        selling.cancel()
        await asyncio.gather(selling, return_exceptions=True)

        def stored(what: str) -> set[str]:
            return set(postgres.query(what, url.rpartition("/")[2]).splitlines())

        async def settled() -> bool:
            told = stored("SELECT listing_hash FROM alerts WHERE state = 'delivered'")
            return bargains <= stored("SELECT hash FROM listings") and told == stored(
                "SELECT listing_hash FROM alerts"
            )

        await until("every listing is stored and the outbox is empty", settled, 60)
        messages = await posted(discord)
        other.process.send(signal.SIGTERM)
        assert (await other.process.ended(15)).code == 0

    # A message may carry several alerts; each is in one message, and in that once.
    posts = stored("SELECT nonce || ' ' || message_id FROM posts JOIN alerts ON posts.id = post_id")
    assert Counter(f"{message['nonce']} {message['id']}" for message in messages) == Counter(posts)
    alerts = postgres.query("SELECT listing_hash FROM alerts", url.rpartition("/")[2]).splitlines()
    assert len(alerts) == len(set(alerts)) > 5
