"""The verdict on signals, against a real simulated market."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.signal import Thresholds
from sandbox.verdict import Verdict, judge, net
from tests.e2e.parts import Market, market

THRESHOLDS = Thresholds(min_net_usd=0.0, min_return=0.2)


@pytest.fixture
async def bazaar() -> AsyncIterator[Market]:
    async with market() as served:
        await served.post("economy", buyers=0, listings=0)
        yield served


async def judged(bazaar: Market, signalled: set[str], looks_every_s: float = 0.0) -> Verdict:
    now = datetime.fromtimestamp((await bazaar.get("clock"))["now"], UTC)
    return await judge(
        bazaar.control, now - timedelta(minutes=5), now, signalled, THRESHOLDS, 0.0, looks_every_s
    )


async def test_signals_are_held_against_fair_values(bazaar: Market) -> None:
    cheap, missed, dear = [await bazaar.list_axie(multiple) for multiple in (0.5, 0.6, 1.5)]
    before = await judged(bazaar, set())
    found = await judged(bazaar, {cheap["hash"], dear["hash"]})
    assert (found.signals, found.true_bargains, found.found_of_oracle) == (2, 1, 1)
    assert found.oracle_bargains == before.oracle_bargains >= 2
    assert net(missed, 0.0) > 0 > net(dear, 0.0)


async def test_what_was_gone_between_two_looks_is_no_miss(bazaar: Market) -> None:
    await bazaar.post("economy", buyers=1)
    sold = await bazaar.list_axie(0.3)
    for _ in range(40):
        await bazaar.post("advance", seconds=60)
        if (await bazaar.get("truth", hash=sold["hash"]))[sold["hash"]]["closed_at"]:
            break
    now = datetime.fromtimestamp((await bazaar.get("clock"))["now"], UTC)
    since = now - timedelta(hours=2)
    seen = await judge(bazaar.control, since, now, set(), THRESHOLDS, 0.0, 0.0)
    blinked = await judge(bazaar.control, since, now, set(), THRESHOLDS, 0.0, 3600.0)
    assert blinked.oracle_bargains < seen.oracle_bargains
