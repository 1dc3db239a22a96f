"""SIGKILL at random moments while listings flow: nothing is lost, nobody is told twice."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Demo
from tests.e2e.process import Stage, staged

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]
KILLS = 20
BARGAIN, DEAR = 0.25, 3.0


async def listing(stage: Stage, injected: list[dict[str, Any]], dice: random.Random) -> None:
    """List axies without end: some far below their value, some far above."""
    while True:
        multiple = dice.choice([BARGAIN, DEAR])
        injected.append(await stage.market_post("list", askMultiple=multiple))
        await asyncio.sleep(dice.uniform(0.1, 0.4))


async def test_after_twenty_kills_every_listing_is_recorded_and_every_alert_posted_once(
    demo: Demo, tmp_path: Path
) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    dice = random.Random(seed)
    injected: list[dict[str, Any]] = []
    async with staged(tmp_path, demo.folder) as stage:
        async with stage.bot():
            answer = await stage.slash("watch add", channel="buy-signals", name="bargains")
            assert "bargains" in str(answer)
        flow = asyncio.create_task(listing(stage, injected, dice))
        for _ in range(KILLS):
            process = await stage.start()
            # From the first imports to a bot in full work: any instruction may be the last.
            await asyncio.sleep(dice.uniform(0.2, 3.2))
            process.kill()
            await process.wait()
        flow.cancel()
        async with stage.bot():
            wanted = {truth["hash"] for truth in injected if not truth["egg"]}

            def all_recorded() -> bool:
                return wanted <= {row[0] for row in stage.rows("select hash from listings")}

            def nothing_pending() -> bool:
                return stage.rows("select count(*) from alerts where state = 'pending'") == [(0,)]

            await stage.until(all_recorded, f"{len(wanted)} listings to be recorded")
            await stage.until(nothing_pending, "the outbox to be empty")
        assert stage.rows("pragma integrity_check") == [("ok",)]
        assert stage.rows("pragma foreign_key_check") == []
        alerts = stage.rows("select nonce, state, listing_hash from alerts")
        assert {state for _, state, _ in alerts} == {"delivered"}
        # An answer to a command is a message without a nonce.
        posted = Counter(str(message["nonce"]) for message in await stage.messages() if message["nonce"])
        assert posted == Counter(nonce for nonce, _, _ in alerts)
        announced = {hash_ for _, _, hash_ in alerts}
        bargains = {t["hash"] for t in injected if t["ask_usd"] < t["fair_usd"] / 2 and t["fair_usd"] > 3}
        assert len(announced & bargains) >= 0.5 * len(bargains) > 3
        assert not announced & {t["hash"] for t in injected if t["ask_usd"] > 2 * t["fair_usd"]}
