"""Replaying history: sales, asks and part strengths, each seen as it was at its time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from models.rows import TrainingError
from pipeline.appraisal.features import NAMES
from pipeline.history import replayed
from pipeline.labels import ListingOutcome
from pipeline.market.values import OrderStatus
from pipeline.side import Dated, PartStrength
from tests.bot.factories import make_axie
from tests.pipeline.appraisal.history import events, table

FIRST = datetime.fromtimestamp(events(1)[0].at, UTC)


def strengths(day: date, attack: int) -> Dated[PartStrength]:
    """A table in which every part of the made-up builds has the same attack."""
    slots = ("eyes", "ears", "mouth", "horn", "back", "tail")
    return Dated(
        day, tuple(PartStrength(f"{slot}-{n}", 3, 1, attack, 20) for slot in slots for n in range(8))
    )


def column(X: np.ndarray, name: str) -> np.ndarray:
    return X[:, NAMES.index(name)]


def outcome(index: int, hours: float, sold: bool, seen_after_h: float = 0.0) -> ListingOutcome:
    started = FIRST + timedelta(hours=index)
    seen = started + timedelta(hours=seen_after_h)
    until = seen + timedelta(hours=hours)
    return ListingOutcome(
        hash=f"0x{index}", axie=make_axie(id=index), seller="0xs", ask_usd=4.0, started_at=started,
        seen_at=seen, is_auction=False, status=OrderStatus.MATCHED if sold else OrderStatus.OPEN,
        open_until=until, sold_by=until + timedelta(hours=2) if sold else None,
    )  # fmt: skip


def test_a_part_is_as_strong_as_the_table_of_its_day_says() -> None:
    frame = table(events(720))  # ten an hour: three days
    later = (FIRST + timedelta(days=1)).date()
    last = (FIRST + timedelta(days=2)).date()
    data = replayed(frame, strengths=[strengths(later, 10), strengths(last, 30)])
    days = frame["sold_at"].dt.date.to_numpy()
    attack = column(data.X, "strength_attack")
    assert np.isnan(attack[days < later]).all()
    assert (attack[(days >= later) & (days < last)] == 60).all()
    assert (attack[days >= last] == 180).all()
    assert data.state.strengths["horn-3"] == (3.0, 1.0, 30.0, 20.0)


def test_without_tables_nothing_is_known_of_strengths() -> None:
    assert np.isnan(column(replayed(table(events(50))).X, "strength_tier")).all()


def test_asks_have_features_and_sales_do_not_change_by_their_being_looked_at() -> None:
    frame = table(events(200))
    listings = [outcome(index, 3.0, index % 2 == 0) for index in range(1, 19)]
    plain, mixed = replayed(frame), replayed(frame, listings)
    assert mixed.X.shape == plain.X.shape
    standing = [NAMES.index(name) for name in NAMES if name.endswith(("_floor", "_depth", "_listings"))]
    np.testing.assert_array_equal(np.delete(mixed.X, standing, 1), np.delete(plain.X, standing, 1))
    assert mixed.asks.X.shape == (18, len(NAMES))
    assert mixed.asks.sold.tolist() == [index % 2 == 0 for index in range(1, 19)]
    assert mixed.asks.log_ask == pytest.approx(np.log(4.0))


def test_the_time_that_a_listing_stood_ends_in_the_middle_of_where_its_sale_may_lie() -> None:
    data = replayed(table(events(60)), [outcome(1, 3.0, sold=True), outcome(2, 5.0, sold=False)])
    assert data.asks.hours.tolist() == [4.0, 5.0]


def test_what_was_seen_late_teaches_nothing_of_how_fast_a_sale_is() -> None:
    data = replayed(table(events(60)), [outcome(1, 3.0, True, seen_after_h=20.0), outcome(2, 5.0, True)])
    assert data.asks.hours.tolist() == [6.0]


def test_sales_are_seen_in_order_with_their_own_axies_and_prices() -> None:
    sales = [replace(sale, price_usd=2.0 + index) for index, sale in enumerate(events(30))]
    data = replayed(table(sales))
    np.testing.assert_allclose(np.exp(data.log_usd), 2.0 + np.arange(30))
    assert data.axie.tolist() == [sale.subject.axie_id for sale in sales]
    np.testing.assert_allclose(data.y, data.log_usd - data.level)


def test_no_sales_are_refused_with_what_to_do() -> None:
    with pytest.raises(TrainingError, match="collect"):
        replayed(table([]))
