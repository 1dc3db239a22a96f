"""What is promised of an offer, and that nothing of it comes from its future."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from models.distribution import Residuals
from pipeline.appraisal.economics import Odds, Terms, odds
from pipeline.backtest.offers import listings_as_offers, sales_as_offers
from pipeline.backtest.weighing import NEEDED, BacktestError, Weighed, weigh
from pipeline.history import Examples, Progress
from pipeline.labels import ListingOutcome
from pipeline.market.values import OrderStatus
from pipeline.signal import Thresholds
from pipeline.training import Learnt, learn
from tests.pipeline.appraisal.history import START
from tests.pipeline.market_data import axie

FIRST = datetime.fromtimestamp(START, UTC).date()
DAY = timedelta(days=1)


def quiet(_stage: str, _share: float) -> None:
    pass


def learner(history: Examples, progress: Progress) -> Learnt:
    return learn(history, progress=progress)


def run(frame: pd.DataFrame, terms: Terms | None = None, *, daily: bool = True, first: int = 4) -> Weighed:
    data, offers = sales_as_offers(frame, quiet)
    asked = {"first": FIRST + first * DAY, "daily": daily, "progress": quiet}
    return weigh(data, offers, terms or Terms(), learner, **asked)


def promised(weighed: Weighed) -> tuple[np.ndarray, ...]:
    return (*weighed.odds, weighed.comparable_net_usd)


@pytest.fixture(scope="module")
def weighed(frame: pd.DataFrame) -> Weighed:
    return run(frame)


@pytest.mark.parametrize(("row", "daily"), [(0, True), (150, True), (60, False)])
def test_no_promise_depends_on_a_later_price(frame: pd.DataFrame, row: int, daily: bool) -> None:
    before = run(frame, daily=daily)
    price = frame["price_usd"].to_numpy().copy()
    start = len(price) - len(before)
    price[start + row + 1 :] *= 3.0
    after = run(frame.assign(price_usd=price), daily=daily)
    for one, other in zip(promised(before), promised(after), strict=True):
        np.testing.assert_array_equal(one[: row + 1], other[: row + 1])
    assert not np.array_equal(before.odds.net_usd[row + 1 :], after.odds.net_usd[row + 1 :])
    assert not np.array_equal(before.realised_usd, after.realised_usd, equal_nan=True)


def test_a_cheaper_offer_of_the_same_axie_promises_more(frame: pd.DataFrame, weighed: Weighed) -> None:
    price = frame["price_usd"].to_numpy().copy()
    start = len(price) - len(weighed)
    price[start] *= 0.7
    cheaper = run(frame.assign(price_usd=price))
    assert cheaper.odds.net_usd[0] > weighed.odds.net_usd[0]
    assert cheaper.odds.probability[0] > weighed.odds.probability[0]


def test_the_outcome_is_the_next_sale_of_the_same_axie_less_fee_ask_and_gas(
    frame: pd.DataFrame, weighed: Weighed
) -> None:
    sales = frame.iloc[len(frame) - len(weighed) :]
    following = sales.groupby("axie_id")["price_usd"].shift(-1).to_numpy()
    expected = following * (1 - 0.0425) - sales["price_usd"].to_numpy() - 0.01
    np.testing.assert_allclose(weighed.realised_usd, expected, rtol=1e-9)
    np.testing.assert_array_equal(np.isfinite(weighed.resold_at), np.isfinite(expected))


def test_fee_and_gas_lower_promise_and_outcome_alike(frame: pd.DataFrame, weighed: Weighed) -> None:
    free = run(frame, Terms(fee=0.0, gas_usd=0.0))
    assert (free.odds.net_usd > weighed.odds.net_usd).all()
    sold = np.isfinite(free.resold_at)
    assert (free.realised_usd[sold] > weighed.realised_usd[sold]).all()
    dear = run(frame, Terms(gas_usd=1.01))
    np.testing.assert_allclose(dear.odds.net_usd, weighed.odds.net_usd - 1, rtol=1e-9)


def test_promises_come_true_on_average(weighed: Weighed) -> None:
    sold = np.isfinite(weighed.resold_at)
    gains = weighed.realised_usd[sold] > 0
    assert weighed.odds.probability[sold].mean() == pytest.approx(gains.mean(), abs=0.1)
    likely = weighed.odds.probability[sold] > 0.5
    assert gains[likely].mean() > gains[~likely].mean() + 0.2


def test_the_odds_of_flips_are_those_of_their_distributions() -> None:
    residuals = Residuals.fit(np.random.default_rng(0).normal(size=20_000))
    centre, scale, cost = np.log([10.0, 30.0]), np.array([0.2, 0.4]), np.array([8.0, 40.0])
    fees = np.array([0.05, 0.1])
    found = odds(residuals, centre, scale, cost, fees)
    draws = np.random.default_rng(1).normal(size=200_000)
    for index in range(2):
        net = np.exp(centre[index] + scale[index] * draws) * (1 - fees[index]) - cost[index]
        assert found.net_usd[index] == pytest.approx(net.mean(), abs=0.1)
        assert found.return_[index] == pytest.approx(net.mean() / cost[index], abs=0.01)
        assert found.probability[index] == pytest.approx((net > 0).mean(), abs=0.01)


def test_odds_that_just_reach_a_threshold_are_enough_and_each_has_a_say() -> None:
    three = Odds(np.array([0.2, 0.3, 4.0]), np.full(3, 0.5), np.full(3, 0.75))
    assert three.reach(Thresholds(0.3, 0.5, 0.75)).tolist() == [False, True, True]
    assert not three.reach(Thresholds(0.3, 0.51, 0.75)).any()
    assert not three.reach(Thresholds(0.3, 0.5, 0.76)).any()


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        (FIRST + 4 * DAY, FIRST + 3 * DAY, "lies before --from"),
        (FIRST + 40 * DAY, None, "no offers from"),
        (FIRST + DAY, None, f"at least {NEEDED} are needed"),
    ],
)
def test_what_cannot_be_tested_is_refused_with_a_reason(
    frame: pd.DataFrame, first: date, last: date | None, message: str
) -> None:
    data, offers = sales_as_offers(frame, quiet)
    with pytest.raises(BacktestError, match=message):
        weigh(data, offers, Terms(), learner, first=first, last=last, progress=quiet)


def test_without_a_first_day_it_begins_after_half_of_the_history(frame: pd.DataFrame) -> None:
    data, offers = sales_as_offers(frame, quiet)
    found = weigh(data, offers, Terms(), learner, daily=False, progress=quiet)
    middle = frame["sold_at"].iloc[len(frame) // 2].date()
    assert len(found) == int((frame["sold_at"].dt.date > middle).sum())


def listing(number: int, axie_id: int, seen: float, ask: float, sold: float | None = None) -> ListingOutcome:
    at = datetime.fromtimestamp(seen, UTC)
    sold_by = None if sold is None else datetime.fromtimestamp(sold, UTC)
    return ListingOutcome(
        hash=f"0x{number}", axie=axie(axie_id), seller=f"0x{number}", ask_usd=ask, started_at=at, seen_at=at,
        is_auction=False, status=OrderStatus.MATCHED if sold else OrderStatus.OPEN,
        open_until=sold_by or at, sold_by=sold_by,
    )  # fmt: skip


def test_a_listing_that_was_bought_resells_at_the_sale_after_its_own(frame: pd.DataFrame) -> None:
    axie_id = int(frame["axie_id"].value_counts().index[0])
    sales = frame[frame["axie_id"] == axie_id]
    times = [time.timestamp() for time in sales["sold_at"]]
    prices = sales["price_usd"].tolist()
    outcomes = [
        listing(1, axie_id, times[2] - 60, prices[2], sold=times[2]),
        listing(2, axie_id, times[2] - 30, 99.0),  # withdrawn: somebody else's sale follows
        listing(3, axie_id, times[-1] - 60, prices[-1], sold=times[-1]),
        listing(4, 987_654, times[2] - 20, 5.0),
    ]
    _, offers = listings_as_offers(frame, outcomes, quiet)
    assert len(offers) == 4
    found = dict(zip(np.exp(offers.log_ask).round(6), offers.resale_usd, strict=True))
    assert found[round(prices[2], 6)] == pytest.approx(prices[3])
    assert found[99.0] == pytest.approx(prices[2])
    assert np.isnan(found[round(prices[-1], 6)])
    assert np.isnan(found[5.0])


def test_listings_are_weighed_at_their_asks_in_the_market_of_their_moment(frame: pd.DataFrame) -> None:
    begin = frame["sold_at"].iloc[-100].timestamp()
    asks = [0.5, 2.0, 50.0]
    outcomes = [listing(number, 900 + number, begin + number, ask) for number, ask in enumerate(asks)]
    data, offers = listings_as_offers(frame, outcomes, quiet)
    first = datetime.fromtimestamp(begin, UTC).date()
    found = weigh(data, offers, Terms(), learner, first=first, progress=quiet)
    assert len(found) == 3
    assert found.odds.probability[0] > found.odds.probability[1] > found.odds.probability[2]
    assert found.odds.net_usd[2] < 0
    np.testing.assert_allclose(
        found.comparable_net_usd, np.exp(offers.comparable) * (1 - 0.0425) - asks - 0.01
    )
