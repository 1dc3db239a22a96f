"""Signals added up: what counts as paid, what is told apart, and what holds whatever the results are."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.services.ledger import Basis, LedgerRow
from bot.services.performance import PROVED_ENOUGH, Chance, best, course, summarise
from pipeline.market.values import OrderStatus
from tests.bot.factories import NOON

SOLD, OPEN, CANCELLED = OrderStatus.MATCHED, OrderStatus.OPEN, OrderStatus.CANCELLED


def row(number: int, **over: Any) -> LedgerRow:
    """A signal that promised 4 dollars with a chance of 85 %, sold after an hour, with 3 dollars on paper."""
    fields: dict[str, Any] = {
        "alert_id": number,
        "guild_id": 1,
        "watch_id": 4,
        "watch_name": "all",
        "axie_id": number,
        "listing_hash": f"0x{number}",
        "model_version": "v1",
        "alerted_at": NOON,
        "ask_usd": 12.0,
        "resale_usd": 17.0,
        "net_usd": 4.0,
        "return_": 0.3,
        "probability": 0.85,
        "status": SOLD,
        "ended_at": NOON + timedelta(hours=1),
        "sold_usd": 12.0,
        "paper_net_usd": 3.0,
        "basis": Basis.FORECAST,
        "resold_usd": None,
        "resold_at": None,
    }
    if over.get("status", SOLD) is not SOLD:
        over = {"paper_net_usd": None, "basis": None, "sold_usd": None, **over}
    return LedgerRow(**(fields | over))


def test_no_signals_come_to_nothing() -> None:
    found = summarise([])
    assert (found.signals, found.hit_rate, found.median_net_usd, found.chances) == (0, None, None, ())
    assert course([]) == best([]) == []
    assert not found.capped


def test_sold_withdrawn_and_open_signals_are_told_apart() -> None:
    found = summarise(
        [
            row(1),
            row(2, paper_net_usd=-1.0),
            row(3, paper_net_usd=9.0, ended_at=NOON + timedelta(hours=5), basis=Basis.RESALE),
            row(4, status=CANCELLED),
            row(5, status=OPEN, ended_at=None),
            row(6, paper_net_usd=None),  # sold, but never priced
        ]
    )
    assert (found.signals, found.sold, found.open) == (6, 3, 1)
    assert found.gone == 2
    assert found.hit_rate == pytest.approx(2 / 3)
    assert (found.proved, found.proved_paid) == (1, 1)
    assert (found.net_usd, found.promised_usd, found.median_net_usd) == (11.0, 12.0, 3.0)
    assert found.median_sold_after_s == 3600


def test_a_listing_that_two_watches_signalled_counts_once() -> None:
    found = summarise([row(1), row(2, listing_hash="0x1", watch_id=9)])
    assert (found.signals, found.net_usd) == (1, 3.0)


def test_chances_rest_on_resales_alone_once_there_are_enough() -> None:
    flattered = [row(n) for n in range(100)]
    few = [row(200 + n, basis=Basis.RESALE, paper_net_usd=-1.0) for n in range(PROVED_ENOUGH - 1)]
    found = summarise([*flattered, *few])
    assert not found.chances_proved
    [chance] = found.chances
    assert chance.paid == pytest.approx(100 / 119)
    one_more = row(300, basis=Basis.RESALE, probability=0.95)
    found = summarise([*flattered, *few, one_more])
    assert found.chances_proved
    assert found.chances == (
        Chance(pytest.approx(0.85), 0.0, PROVED_ENOUGH - 1),  # type: ignore[arg-type]
        Chance(0.95, 1.0, 1),
    )


def test_the_course_adds_results_up_as_they_came_in() -> None:
    later = row(1, ended_at=NOON + timedelta(hours=9))
    steps = course([later, row(2, paper_net_usd=-2.0), row(3, status=OPEN, ended_at=None)])
    assert [(step.net_usd, step.promised_usd) for step in steps] == [(-2.0, 4.0), (1.0, 8.0)]
    assert [step.at for step in steps] == [NOON + timedelta(hours=1), NOON + timedelta(hours=9)]


def test_the_best_results_come_first() -> None:
    rows = [row(n, paper_net_usd=float(n)) for n in range(5)]
    assert [each.axie_id for each in best(rows, 2)] == [4, 3]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(OrderStatus),
            st.none() | st.floats(-100, 100),
            st.sampled_from(Basis),
            st.floats(0, 1),
        )
    )
)
def test_whatever_the_results_the_parts_add_up(results: list[Any]) -> None:
    rows = [
        row(n, status=status, paper_net_usd=net if status is SOLD else None, basis=basis, probability=told)
        for n, (status, net, basis, told) in enumerate(results)
    ]
    found = summarise(rows)
    assert found.signals == found.sold + found.open + found.gone == len(rows)
    assert found.gone >= 0
    assert found.proved_paid <= found.paid <= found.sold
    counted = found.proved if found.chances_proved else found.sold
    assert sum(chance.signals for chance in found.chances) == counted
    assert all(0 <= chance.paid <= 1 for chance in found.chances)
    steps = course(rows)
    assert len(steps) == found.sold
    if steps:
        assert steps[-1].net_usd == pytest.approx(found.net_usd, abs=1e-6)
