"""The simulated economy is reproducible, calibrated to real figures, and behaves like a market."""

import csv
import math
import statistics
from collections import defaultdict
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.marketplace import MarketConfig
from sandbox.marketplace.economy import DAY, Economy
from sandbox.marketplace.orders import TOKENS, Order, Status, auction_price, in_units, in_usd, written

DAILY = Path(__file__).parents[4] / "shared" / "data" / "axie-market-daily-2025-06--2026-06.csv"
SMALL = MarketConfig(speed=0, history_days=0.1, book=400)


@lru_cache
def three_days() -> tuple[Economy, float]:
    config = MarketConfig(seed=3, history_days=3)
    economy = Economy(config)
    return economy, config.epoch.timestamp() - 3 * DAY


def dollars(economy: Economy) -> np.ndarray:
    return np.array(
        [in_usd(s.price, s.order.token, float(economy.rates[s.order.token])) for s in economy.sales]
    )


def events(economy: Economy) -> list[tuple[object, ...]]:
    orders = [(o.hash, o.listed, o.base, o.status, o.closed) for o in economy.orders]
    return [*orders, *((s.at, s.order.number, s.price, s.buyer, s.shown) for s in economy.sales)]


def test_the_same_seed_gives_the_same_market_however_often_it_is_looked_at():
    rarely, often = Economy(SMALL), Economy(SMALL)
    start = rarely.now
    rarely.advance(start + 7_200)
    for second in range(0, 7_201, 37):
        often.advance(start + second)
    often.advance(start + 7_200)
    assert events(rarely) == events(often)
    assert len(rarely.sales) > 100


def test_another_seed_gives_another_market():
    assert events(Economy(SMALL)) != events(Economy(replace(SMALL, seed=8)))


def test_a_day_s_sales_have_the_quantiles_of_the_real_month():
    if not DAILY.exists():
        pytest.skip(f"NOT CALIBRATED against real figures: {DAILY} is absent")
    with DAILY.open() as file:
        days = [row for row in csv.DictReader(file) if row["day"].startswith("2025-06")]
    real = [
        statistics.median(float(row[c]) for row in days)
        for c in ("p25_usd", "median_usd", "p75_usd", "p95_usd")
    ]
    economy, start = three_days()
    usd, day = dollars(economy), np.array([int((s.at - start) // DAY) for s in economy.sales])
    for n in range(3):
        assert np.quantile(usd[day == n], [0.25, 0.5, 0.75, 0.95]) == pytest.approx(real, rel=0.25)
        assert 2_800 < (day == n).sum() < 9_000  # the range of the year's days


def test_one_exact_build_sells_at_scattered_prices():
    economy, _ = three_days()
    c = economy.population.columns
    builds = defaultdict(list)
    for sale, usd in zip(economy.sales, dollars(economy), strict=True):
        row = sale.order.row
        odd = c["egg"][row] or c["collection"][row] or c["banned"][row] or sale.order.origin == "wash"
        if not odd:
            builds[c["class"][row], *c["genes"][row, :, 0].tolist()].append(math.log(usd))
    groups = [np.array(v) for v in builds.values() if len(v) >= 5]
    spread = sum(float(((g - g.mean()) ** 2).sum()) for g in groups) / sum(len(g) - 1 for g in groups)
    assert math.sqrt(spread) == pytest.approx(0.23, abs=0.03)
    assert sum(map(len, groups)) > 0.4 * len(economy.sales)  # comparables of exact builds exist
    assert sum(len(v) == 1 for v in builds.values()) > 1_000  # and so does a long tail


def test_asks_are_wider_than_sales_and_lean_upwards_with_bargains_and_slips_among_them():
    economy, start = three_days()
    over = np.array(
        [
            math.log(o.asked / o.fair)
            for o in economy.orders
            if o.listed > start and o.fixed and o.origin == "fresh"
        ]
    )
    assert over.mean() == pytest.approx(0.2, abs=0.06)
    assert over.std() == pytest.approx(0.45, abs=0.05)
    assert 0.01 < (over < -0.3).mean() < 0.06
    assert (over < -1.2).any()


def test_collections_are_rare_and_dear():
    economy, _ = three_days()
    c = economy.population.columns
    value = np.exp(c["relative"][: economy.population.size]) * 3
    kind = c["collection"][: economy.population.size]
    assert 0.02 < (kind > 0).mean() < 0.06
    medians = [float(np.median(value[kind == k])) for k in range(1, 9)]
    assert medians == pytest.approx([2_517, 603, 197, 193, 182, 64, 26, 14], rel=0.5)


def test_payment_tokens_have_their_real_shares_and_some_sales_are_auctions():
    economy, _ = three_days()
    share = np.bincount([s.order.token for s in economy.sales], minlength=5) / len(economy.sales)
    assert share == pytest.approx([0.53, 0.41, 0.035, 0.025, 0.0015], abs=0.015)
    assert 0.15 < np.mean([not o.fixed for o in economy.orders]) < 0.25


def test_a_bargain_sells_within_minutes_and_a_dear_one_hardly_ever():
    economy = Economy(SMALL)
    bargains = [economy.place(economy.population.fresh(), -0.5, origin="injected") for _ in range(60)]
    dear = [economy.place(economy.population.fresh(), 0.6, origin="injected") for _ in range(60)]
    listed = economy.now
    economy.advance(listed + DAY)
    fair_game = [o for o in bargains if o.buyable]
    assert all(o.status is Status.MATCHED for o in fair_game)
    assert np.median([o.closed - listed for o in fair_game]) < 900
    assert sum(o.status is Status.MATCHED for o in dear) <= 3


def test_without_buyers_nothing_sells_and_listings_go_on():
    economy = Economy(SMALL)
    economy.demand = 0
    sales, orders = len(economy.sales), len(economy.orders)
    economy.advance(economy.now + 4 * 3_600)
    # Two wallets that trade with each other are no buyers; they are few.
    assert sum(s.order.origin != "wash" for s in economy.sales[sales:]) == 0
    assert len(economy.orders) > orders + 200


def test_sold_axies_come_back_and_repriced_ones_are_new_orders():
    economy, _ = three_days()
    rows = [o.row for o in economy.orders]
    origins = {o.origin for o in economy.orders}
    assert origins >= {"fresh", "flip", "repriced", "relisted", "wash"}
    assert len(set(rows)) < len(rows)
    assert len({o.hash for o in economy.orders}) == len(rows)
    assert any(s.buyer == s.order.maker for s in economy.sales)


def test_the_book_holds_exactly_the_orders_that_nobody_closed():
    economy, _ = three_days()
    in_book = {o.number for o in economy.orders if o.slot >= 0}
    assert len(in_book) == economy.book.count == len(economy.order_of) == len(economy.book.open_slots())
    assert all(o.closed == 0 and o.expires > economy.now for o in economy.orders if o.slot >= 0)
    assert not any(o.status is Status.OPEN for o in economy.orders if o.slot < 0)


def test_axie_ids_are_never_given_twice():
    economy, _ = three_days()
    ids = economy.population.columns["id"][: economy.population.size]
    assert len(np.unique(ids)) == len(ids)


def test_a_dutch_price_is_exact_to_the_unit_of_a_real_order():
    # A real auction of November 2022: 8.5 to 5 ETH in fourteen days, 1188534 seconds before its end.
    args = (8_500_000_000_000_000_000, 5_000_000_000_000_000_000)
    elapsed = 1_209_600 - 1_188_534
    assert auction_price(*args, elapsed, 1_209_600) == 8_439_045_138_888_888_888
    assert auction_price(*args, elapsed - 60, 1_209_600) == 8_439_218_750_000_000_000


@given(
    base=st.integers(1, 10**22),
    ended=st.integers(1, 10**22),
    duration=st.integers(1, 10**7),
    moments=st.tuples(st.integers(-100, 10**7), st.integers(-100, 10**7)),
)
def test_a_dutch_price_moves_one_way_and_stays_between_its_ends(base, ended, duration, moments):
    early, late = (auction_price(base, ended, m, duration) for m in sorted(moments))
    assert min(base, ended) <= early <= max(base, ended)
    assert (late - early) * (ended - base) >= 0
    assert auction_price(base, ended, 0, duration) == base
    assert auction_price(base, ended, duration, duration) == ended


@given(units=st.integers(1, 10**24), scientific=st.booleans())
def test_writing_an_amount_loses_nothing(units, scientific):
    from decimal import Decimal

    assert Decimal(written(units, scientific=scientific)) == units


@given(usd=st.floats(0.05, 1e5), token=st.integers(0, 4), digits=st.integers(3, 6))
def test_amounts_in_a_token_are_worth_the_ask_but_for_rounding(usd, token, digits):
    rate = (3_000.0, 1.0, 1.5, 0.35, 0.0013)[token]
    assert in_usd(in_units(usd, token, rate, digits), token, rate) == pytest.approx(usd, rel=0.02)


def test_fixed_orders_run_for_half_a_year():
    economy, _ = three_days()
    runs: list[int] = [o.expires - o.started for o in economy.orders if isinstance(o, Order) and o.fixed]
    assert statistics.mode(runs) in (182 * 86_400, 182 * 86_400 - 1)
    assert {t.symbol for t in TOKENS} == {"WETH", "USDC", "AXS", "WRON", "SLP"}
