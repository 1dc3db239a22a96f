"""The marketplace as a process of its own, and a world that outlives it."""

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sandbox.marketplace import MarketConfig, serve
from sandbox.marketplace.injection import InjectionError
from sandbox.marketplace.world import StateError, World, open_world

SMALL = ("--history-days", "0.05", "--book", "200")


@contextlib.asynccontextmanager
async def process(*arguments: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, dict[str, str]]]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sandbox.marketplace", *SMALL, *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert child.stdout is not None
    try:
        yield child, json.loads(await asyncio.wait_for(child.stdout.readline(), 30))
    finally:
        if child.returncode is None:
            child.kill()
        await child.communicate()


async def get(url: str) -> Any:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return await response.json()


async def test_it_says_where_it_listens_and_leaves_cleanly_on_sigterm(tmp_path):
    state = tmp_path / "world.json"
    async with process("--speed", "60", "--state", str(state)) as (child, where):
        assert (await get(where["control"] + "/clock"))["speed"] == 60
        child.terminate()
        assert await asyncio.wait_for(child.wait(), 10) == 0
    assert json.loads(state.read_text())["log"] == []


async def test_with_its_parent_it_ignores_ctrl_c_and_ends_with_stdin(tmp_path):
    async with process("--exit-with-parent") as (child, where):
        child.send_signal(signal.SIGINT)
        assert await get(where["control"] + "/clock")
        assert child.stdin is not None
        child.stdin.close()
        assert await asyncio.wait_for(child.wait(), 10) == 0


async def test_a_saved_world_goes_on_where_it_stopped(tmp_path):
    state = tmp_path / "world.json"
    config = MarketConfig(speed=0, history_days=0.05, book=200, seed=5)
    async with serve(config, state=state) as market:
        market.world.advance(3_000)
        order = market.world.inject({"askMultiple": 0.9, "axie": {"class": "Dusk"}})
        with pytest.raises(InjectionError):
            market.world.inject({"axie": {"class": "Dusk", "parts": ["back-nothing"]}})
        market.world.set_demand(0)
        market.world.advance(3_000)
        market.world.set_demand(2)
        market.world.advance(1_234.5)
        old = market.world.economy
    async with serve(MarketConfig(speed=0, seed=99), state=state) as market:
        new = market.world.economy
        assert new.now == old.now
        assert [(o.hash, o.status, o.base) for o in new.orders] == [
            (o.hash, o.status, o.base) for o in old.orders
        ]
        assert [(s.at, s.price) for s in new.sales] == [(s.at, s.price) for s in old.sales]
        assert new.by_hash[order.hash].fair == order.fair
        assert new.demand == 2
        market.world.advance(600)
    untouched = old.now + 600
    old.advance(untouched)
    assert [o.hash for o in new.orders] == [o.hash for o in old.orders]
    assert len(new.sales) == len(old.sales)


@pytest.mark.parametrize("content", ["", "{}", '{"format": 99}', "[1]", '{"format": 1, "config": {}}'])
def test_a_file_that_is_no_world_is_refused_and_left_alone(tmp_path: Path, content: str):
    state = tmp_path / "world.json"
    state.write_text(content)
    with pytest.raises(StateError):
        open_world(MarketConfig(speed=0, history_days=0.05, book=200), state)
    assert state.read_text() == content


def test_a_world_of_another_economy_is_refused(tmp_path: Path):
    state = tmp_path / "world.json"
    config = MarketConfig(speed=0, history_days=0.05, book=200)
    World(config).save(state)
    saved = json.loads(state.read_text())
    state.write_text(json.dumps(saved | {"fingerprint": [1, 2, 3]}))
    with pytest.raises(StateError, match=f"{state.name} was saved by another version"):
        open_world(config, state)


async def test_time_passes_by_itself_at_the_chosen_speed():
    async with serve(MarketConfig(speed=36_000, history_days=0.05, book=200)) as market:
        economy = market.world.economy
        start = economy.now
        while economy.now < start + 3_600:
            await asyncio.sleep(0.01)
        assert economy.orders[-1].listed > start
