"""A long history is labelled, judged and replayed span by span, and says what it says as a whole."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from msgspec.structs import replace

from pipeline.collected import SPAN, Collected, cut
from pipeline.datasets import write_records
from pipeline.history import replayed
from pipeline.labels import build_sales, listing_outcomes
from pipeline.market.values import Listing, OrderStatus, Resolution, Sale
from pipeline.objects import LocalStore
from pipeline.streaming import streamed
from pipeline.validation import ValidationFailed
from tests.pipeline.market_data import NOW, RATES, listing, true_sales

DAY = timedelta(days=1)
DAYS = 100


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> LocalStore:
    """A hundred days of sales whose listings were seen, of listings that were not sold, and of wash trade."""
    rng = random.Random(4)
    sales, listings, answers = list[Sale](), list[Listing](), list[Resolution]()
    for number, true in enumerate(true_sales(700, span=DAYS * DAY, end=NOW - timedelta(hours=1))):
        seen = true.sale.sold_at - timedelta(hours=rng.choice([0.1, 3, 300]))
        offered = listing(
            number, true.sale.axie, seller=true.sale.seller, token=true.token, base=true.sale.amount,
            ended=true.sale.amount, started_at=seen - timedelta(minutes=1), seen_at=seen,
        )  # fmt: skip
        listings.append(offered)
        if number % 3:
            sales.append(true.sale)
        else:
            at = true.sale.sold_at
            status = OrderStatus.EXPIRED if number % 2 else OrderStatus.OPEN
            answers.append(Resolution(offered.hash, status, at))
        if number % 50 == 1:  # and straight back, on either side of some span's edge
            back = {"seller": true.sale.buyer, "buyer": true.sale.seller, "id": f"back-{number}"}
            sales.append(replace(true.sale, sold_at=true.sale.sold_at + rng.uniform(1, 20) * DAY, **back))
    made = LocalStore(tmp_path_factory.mktemp("store"))
    write_records(made, "rates", "run", [replace(RATES, at=NOW - (DAYS + 1) * DAY)])
    write_records(made, "sales", "run", [sale for sale in sales if sale.sold_at < NOW])
    write_records(made, "listings", "run", listings)
    write_records(made, "resolutions", "run", answers)
    return made


def test_spans_say_together_what_the_whole_history_says(store: LocalStore) -> None:
    whole, outcomes = build_sales(store), listing_outcomes(store, youngest=None)
    collected = Collected(store, NOW, min_rows=400)
    parts = list(collected.parts())
    assert [len(part.table) > 0 for part in parts] == [True] * 3
    table = pd.concat([part.table for part in parts], ignore_index=True)
    pd.testing.assert_frame_equal(table, whole.table)
    assert [outcome for part in parts for outcome in part.outcomes] == outcomes
    assert +collected.excluded == whole.excluded
    assert whole.excluded["ping-pong"] > 5
    assert collected.rows == len(whole.table)
    data, known = streamed(parts), replayed(whole.table, outcomes)
    for name in ("X", "log_usd", "level", "at", "axie"):
        np.testing.assert_array_equal(getattr(data, name), getattr(known, name))
    for name in ("X", "level", "log_ask", "hours", "sold"):
        np.testing.assert_array_equal(getattr(data.asks, name), getattr(known.asks, name))
    assert data.state.dump() == known.state.dump()


def test_a_history_of_two_spans_is_not_cut_and_a_longer_one_from_its_newest_day_back(
    store: LocalStore,
) -> None:
    since = NOW - 2 * SPAN
    assert cut(store, since) == [(since, None)]
    assert cut(store, None) == [(None, NOW - 2 * SPAN), (NOW - 2 * SPAN, NOW - SPAN), (NOW - SPAN, None)]


def test_a_row_of_long_ago_that_cannot_be_true_stops_the_training(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    write_records(store, "rates", "run", [replace(RATES, at=NOW - 90 * DAY)])
    write_records(store, "sales", "good", [true_sales(1, span=DAY)[0].sale])
    old = true_sales(1, seed=9, span=DAY, end=NOW - 80 * DAY)[0].sale
    write_records(store, "sales", "bad", [replace(old, axie=replace(old.axie, breed_count=9))])
    with pytest.raises(ValidationFailed, match=r"breed counts from 0 to 7; in raw/sales/dt=.*/bad"):
        list(Collected(store, NOW, min_rows=1).parts())


def test_how_far_it_is_only_grows(store: LocalStore) -> None:
    told: list[float] = []
    collected = Collected(store, NOW, min_rows=1, tell=lambda _, share: told.append(share))
    streamed(collected.parts(), progress=collected.progress)
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0.0, 1.0)
