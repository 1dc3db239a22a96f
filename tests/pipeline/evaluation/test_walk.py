"""Walks over a made-up market in which every build has a price of its own."""

from dataclasses import fields
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from pipeline.evaluation.forecasters import Baseline, Model, Point, baselines, comparable, static
from pipeline.evaluation.timeline import Known, timeline
from pipeline.evaluation.walk import MODEL, SEEN, Evaluation, EvaluationError, Walk, evaluate, summarise, walk
from tests.pipeline.appraisal.history import NOISE, START, events, table

FIRST = datetime.fromtimestamp(START, UTC).date()
DAY = timedelta(days=1)
COUNT = 2200  # nine days and a bit
FIELDS = [field.name for field in fields(Known)]


def quiet(_stage: str, _share: float) -> None:
    pass


def sales(count: int = COUNT, drift_a_day: float = 0.0) -> pd.DataFrame:
    return table(events(count, drift_a_day=drift_a_day))


def linear(known: Known, log_price: np.ndarray) -> Point:
    """A quick forecaster that reads everything the model reads."""
    fitted = make_pipeline(SimpleImputer(keep_empty_features=True), Ridge(1.0))
    fitted.fit(known.features, log_price - known.level)
    return lambda asked: asked.level + fitted.predict(asked.features)


def quick() -> dict[str, Baseline]:
    return {MODEL: Baseline(linear), "static": Baseline(static), "comparable": Baseline(comparable)}


def run(frame: pd.DataFrame, start: int, *, daily: bool, forecasters: dict | None = None) -> Walk:
    return walk(timeline(frame, quiet), start, forecasters or quick(), daily=daily, progress=quiet)


def altered(frame: pd.DataFrame, start: int, factor: float) -> pd.DataFrame:
    """The same sales, with other prices from a row on."""
    price = frame["price_usd"].to_numpy().copy()
    price[start:] *= factor
    return frame.assign(price_usd=price)


@pytest.fixture(scope="module")
def result() -> Evaluation:
    forecasters = {MODEL: Model(), **baselines()}
    return evaluate(sales(drift_a_day=-0.04), forecasters, first=FIRST + 5 * DAY, daily=False, progress=quiet)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 250), st.floats(1e-3, 1e3))
def test_nothing_known_before_a_sale_depends_on_its_price_or_a_later_one(index: int, factor: float) -> None:
    before, after = (
        timeline(sales(251), quiet).known,
        timeline(altered(sales(251), index, factor), quiet).known,
    )
    for name in FIELDS:
        one, other = getattr(before, name), getattr(after, name)
        np.testing.assert_array_equal(one[: index + 1], other[: index + 1], err_msg=name)


@settings(max_examples=12, deadline=None)
@given(st.integers(600, 1099), st.sampled_from([0.01, 0.7, 50.0]), st.booleans())
def test_no_forecast_depends_on_its_own_price_or_a_later_one(index: int, factor: float, daily: bool) -> None:
    before = run(sales(1100), 600, daily=daily)
    after = run(altered(sales(1100), index, factor), 600, daily=daily)
    upto = index - 600 + 1
    for name, quantiles in before.quantiles.items():
        np.testing.assert_array_equal(quantiles[:upto], after.quantiles[name][:upto])


def test_later_forecasts_do_see_an_earlier_price() -> None:
    before = run(sales(1100), 600, daily=True).quantiles
    after = run(altered(sales(1100), 700, 50.0), 600, daily=True).quantiles
    for name in (MODEL, "comparable"):  # the state and the trail follow every sale
        assert not np.array_equal(before[name][101:], after[name][101:])
    same_day = slice(101, 138)  # static learns at the next day's start only
    np.testing.assert_array_equal(before["static"][same_day], after["static"][same_day])
    assert not np.array_equal(before["static"][500 - 100 :], after["static"][500 - 100 :])


def test_the_models_own_forecasts_do_not_depend_on_later_prices() -> None:
    before = run(sales(900), 700, daily=False, forecasters={MODEL: Model()}).quantiles[MODEL]
    after = run(altered(sales(900), 800, 7.0), 700, daily=False, forecasters={MODEL: Model()}).quantiles[
        MODEL
    ]
    np.testing.assert_array_equal(before[:101], after[:101])
    assert not np.array_equal(before[101:], after[101:])


@pytest.mark.parametrize("daily", [True, False])
def test_it_learns_at_the_start_of_each_day_or_once(daily: bool) -> None:
    asked: dict[int, int] = {}
    told: list[int] = []

    class Recorder:
        def learn(self, known: Known, log_price: np.ndarray, progress: object) -> None:
            assert len(known) == len(log_price)
            self.learnt = len(known)

        def forecast(self, known: Known) -> np.ndarray:
            assert len(told) == sum(asked.values()), "the next block is asked for before the last was told"
            asked[self.learnt] = asked.get(self.learnt, 0) + len(known)
            return np.zeros((len(known), 7))

        def observe(self, known: Known, log_price: np.ndarray) -> None:
            assert len(known) == len(log_price)
            told.extend(log_price)

    frame = sales(1500)
    days = frame["sold_at"].dt.date
    start = int((days < FIRST + 3 * DAY).sum())
    run(frame, start, daily=daily, forecasters={MODEL: Recorder()})
    per_day = days[start:].value_counts().sort_index().tolist()
    starts = (start + np.concatenate(([0], np.cumsum(per_day)[:-1]))).tolist()
    assert asked == (dict(zip(starts, per_day, strict=True)) if daily else {start: 1500 - start})
    assert len(told) == 1500 - start


def test_intervals_cover_about_what_they_promise_in_a_falling_market(result: Evaluation) -> None:
    for share in ("50", "80", "90"):
        assert result.model.coverage[share] == pytest.approx(int(share) / 100, abs=0.08)


def test_the_model_is_close_to_the_noise_and_better_than_static_medians(result: Evaluation) -> None:
    assert result.model.median_ape is not None
    assert result.model.mae is not None
    assert result.model.median_ape < 0.6745 * NOISE * 1.25  # the median of a normal error
    static_mae = result.baselines["static"].mae
    assert static_mae is not None
    assert result.model.mae < 0.6 * static_mae


def test_the_cuts_by_day_and_by_build_each_hold_every_row_once(result: Evaluation) -> None:
    rows = result.model.rows
    assert set(result.baselines) == {"static", "comparable", "plain_forest"}
    assert all(metrics.rows == rows for metrics in result.baselines.values())
    assert list(result.by_build_seen) == list(SEEN) == ["0", "1-4", "5+"]
    assert sum(metrics.rows for metrics in result.by_day.values()) == rows
    assert sum(metrics.rows for metrics in result.by_build_seen.values()) == rows
    assert min(result.by_day) == (FIRST + 5 * DAY).isoformat()


def test_how_often_a_build_was_seen_counts_earlier_sales_only() -> None:
    known = timeline(sales(300), quiet).known
    builds = sales(300)[["class", "eyes", "ears", "mouth", "horn", "back", "tail"]].agg("|".join, axis=1)
    assert known.seen.tolist() == builds.groupby(builds).cumcount().tolist()


def test_the_comparable_is_the_median_of_the_builds_newest_sales() -> None:
    frame = sales(300)
    known = timeline(frame, quiet).known
    build = ["class", "eyes", "ears", "mouth", "horn", "back", "tail"]
    index = int(np.flatnonzero(known.seen >= 7)[0])
    same = (frame[build] == frame.loc[index, build]).all(axis=1) & (frame.index < index)
    expected = np.log(frame.loc[same, "price_usd"].tail(5).median())
    assert known.comparable[index] == pytest.approx(expected)


def test_only_the_days_asked_for_are_scored() -> None:
    scored = evaluate(
        sales(), quick(), first=FIRST + 4 * DAY, last=FIRST + 5 * DAY, daily=True, progress=quiet
    )
    assert list(scored.by_day) == [(FIRST + day * DAY).isoformat() for day in (4, 5)]
    assert scored.model.rows == 480


def test_rows_after_the_last_day_change_nothing() -> None:
    asked = {"first": FIRST + 4 * DAY, "last": FIRST + 4 * DAY, "daily": True, "progress": quiet}
    short = sales()[lambda frame: frame["sold_at"].dt.date <= FIRST + 4 * DAY]
    assert evaluate(sales(), quick(), **asked) == evaluate(short, quick(), **asked)


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        (FIRST - DAY, None, "outside the data"),
        (FIRST + 30 * DAY, None, "outside the data"),
        (FIRST + 4 * DAY, FIRST + 3 * DAY, "lies before --from"),
        (FIRST + DAY, None, "only 36 sales lie before"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_with_a_reason(
    first: date, last: date | None, message: str
) -> None:
    with pytest.raises(EvaluationError, match=message):
        evaluate(sales(), quick(), first=first, last=last, daily=True, progress=quiet)


def test_days_without_a_sale_are_refused() -> None:
    days = sales()["sold_at"].dt.date
    frame = sales()[days != FIRST + 5 * DAY]
    with pytest.raises(EvaluationError, match="no sales from"):
        evaluate(frame, quick(), first=FIRST + 5 * DAY, last=FIRST + 5 * DAY, daily=True, progress=quiet)


def test_summaries_cut_rows_by_how_often_their_build_was_seen() -> None:
    quantiles = np.zeros((4, 7))
    done = Walk(
        {MODEL: quantiles}, np.log([1.0, 2.0, 3.0, 4.0]), np.array([0, 0, 1, 1]), np.array([0, 1, 4, 5])
    )
    found = summarise(done)
    assert {name: metrics.rows for name, metrics in found.by_build_seen.items()} == {
        "0": 1,
        "1-4": 2,
        "5+": 1,
    }
    assert {name: metrics.mae for name, metrics in found.by_day.items()} == {
        "1970-01-01": pytest.approx(0.5),
        "1970-01-02": pytest.approx(2.5),
    }
