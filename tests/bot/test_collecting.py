"""The collection inside the bot: when its time has come, and again until it has worked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from apscheduler.triggers.cron import CronTrigger

from bot.services.collecting import Collecting
from pipeline.market.errors import MarketUnavailable
from pipeline.objects import open_store
from tests.bot.market import opened

EVERY_HOUR = CronTrigger.from_crontab("0 * * * *", timezone="UTC")


async def test_nothing_is_collected_before_its_time_and_the_wait_is_until_then(tmp_path: Path) -> None:
    async with opened() as stall:
        store = open_store(f"file:{tmp_path}")
        collecting = Collecting(stall.client, store, stall.clock, 1.0, EVERY_HOUR)
        assert 1.0 <= await collecting.turn() <= 3600.0
        assert not store.list("raw/")


async def test_without_times_of_its_own_it_collects_nothing(tmp_path: Path) -> None:
    async with opened() as stall:
        store = open_store(f"file:{tmp_path}")
        collecting = Collecting(stall.client, store, stall.clock, 1.0, None)
        assert await collecting.turn() >= 3600.0
        assert not store.list("raw/")


async def test_what_failed_is_collected_at_the_next_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened() as stall:
        store = open_store(f"file:{tmp_path}")
        collecting = Collecting(stall.client, store, stall.clock, 1.0, EVERY_HOUR)
        collecting.order()

        async def down(*_: Any, **__: Any) -> None:
            raise MarketUnavailable("the marketplace is down")

        with monkeypatch.context() as outage:
            outage.setattr("bot.services.collecting.collect", down)
            with pytest.raises(MarketUnavailable):
                await collecting.turn()
        await collecting.turn()
        collected = store.list("raw/")
        assert collected
        await collecting.turn()
        assert store.list("raw/") == collected
