"""How good the signals were, by the fair values that only the simulator knows.

A signal is a true bargain if a resale at fair value, less the fee, brings more than was asked when it was
signalled: an auction's price falls. The oracle knows every fair value, and which orders are void, and
signals whatever clears the same minimum profit and return, an auction as soon as it does. It sits where the
bot sits: where the clock runs hundreds of times faster, many bargains are bought between two looks at the
market, and what no answer of the market showed nobody could signal.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from msgspec import Struct

from pipeline.signal import Thresholds

# A run begins with listings that are not brand new, and may signal those too.
LISTED_BEFORE = timedelta(days=1)


class Verdict(Struct, frozen=True):
    """Counts over the listings of a span of market time."""

    signals: int
    true_bargains: int
    oracle_bargains: int
    found_of_oracle: int


async def judge(
    control: str,
    since: datetime,
    until: datetime,
    signalled: Mapping[str, datetime],
    thresholds: Thresholds,
    gas_usd: float,
    shown: Collection[str],
) -> Verdict:
    """Compare what was signalled with the truth; the oracle's are listed in [since, until].

    `signalled` are hashes with the moment as of which each was weighed, `shown` the hashes of all
    listings that the market's answers held.
    """
    told_from = (since - LISTED_BEFORE).timestamp()
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{control}/truth/listings", params={"since": told_from}) as response,
    ):
        response.raise_for_status()
        truths = await response.json()
    window = [truth for truth in truths if since.timestamp() <= truth["listed_at"] <= until.timestamp()]
    true = {
        truth["hash"]
        for truth in truths
        if (told := signalled.get(truth["hash"])) and net(truth, ask(truth, told), gas_usd) > 0
    }
    oracle = {
        truth["hash"]
        for truth in window
        if _could_be_bought(truth)
        and truth["hash"] in shown
        and _clears(truth, _lowest(truth, until), thresholds, gas_usd)
    }
    return Verdict(
        signals=len(signalled),
        true_bargains=len(true),
        oracle_bargains=len(oracle),
        found_of_oracle=len(oracle.intersection(signalled)),
    )


def _could_be_bought(truth: dict[str, Any]) -> bool:
    return bool(truth["buyable"]) and not truth["banned"] and not truth["egg"]


def ask(truth: dict[str, Any], at: datetime) -> float:
    """What is asked at a moment, in dollars at the rates of the listing."""
    begins, ends = truth["listed_at"], truth["ends_at"]
    passed = (at.timestamp() - begins) / (ends - begins) if ends > begins else 1.0
    start, end = truth["ask_usd"], truth["end_usd"]
    return float(start + (end - start) * min(max(passed, 0.0), 1.0))


def _lowest(truth: dict[str, Any], until: datetime) -> float:
    """The least that was asked while it stood."""
    stood_until = min(until.timestamp(), truth["closed_at"] or float("inf"))
    return min(float(truth["ask_usd"]), ask(truth, datetime.fromtimestamp(stood_until, UTC)))


def net(truth: dict[str, Any], ask_usd: float, gas_usd: float) -> float:
    """Dollars left when the axie is bought at an ask and sold at its fair value."""
    return float(truth["fair_usd"] * (1 - truth["fee"]) - ask_usd - gas_usd)


def _clears(truth: dict[str, Any], ask_usd: float, thresholds: Thresholds, gas_usd: float) -> bool:
    profit, cost = net(truth, ask_usd, gas_usd), ask_usd + gas_usd
    return profit >= thresholds.min_net_usd and profit / cost >= thresholds.min_return
