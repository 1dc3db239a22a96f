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


async def judged(bazaar: Market, signalled: set[str], shown: set[str]) -> Verdict:
    now = datetime.fromtimestamp((await bazaar.get("clock"))["now"], UTC)
    told = dict.fromkeys(signalled, now)
    return await judge(bazaar.control, now - timedelta(minutes=5), now, told, THRESHOLDS, 0.0, shown)


async def test_signals_are_held_against_fair_values(bazaar: Market) -> None:
    cheap, missed, dear = [await bazaar.list_axie(multiple) for multiple in (0.5, 0.6, 1.5)]
    everything = {cheap["hash"], missed["hash"], dear["hash"]}
    found = await judged(bazaar, {cheap["hash"], dear["hash"]}, everything)
    assert found == Verdict(signals=2, true_bargains=1, oracle_bargains=2, found_of_oracle=1)
    assert net(missed, missed["ask_usd"], 0.0) > 0 > net(dear, dear["ask_usd"], 0.0)


async def test_what_no_answer_of_the_market_showed_is_no_miss(bazaar: Market) -> None:
    seen, unseen = await bazaar.list_axie(0.5), await bazaar.list_axie(0.5)
    assert (await judged(bazaar, set(), {seen["hash"], unseen["hash"]})).oracle_bargains == 2
    assert (await judged(bazaar, set(), {seen["hash"]})).oracle_bargains == 1


async def test_an_auction_is_judged_by_its_price_at_the_moment_of_the_signal(bazaar: Market) -> None:
    auction = await bazaar.list_axie(1.5, endMultiple=0.5, durationSeconds=200)
    signalled = {auction["hash"]}
    early = await judged(bazaar, signalled, signalled)
    assert (early.true_bargains, early.oracle_bargains) == (0, 0)
    await bazaar.post("advance", seconds=180)  # and now 0.6 of its fair value is asked
    late = await judged(bazaar, signalled, signalled)
    assert (late.true_bargains, late.oracle_bargains, late.found_of_oracle) == (1, 1, 1)
