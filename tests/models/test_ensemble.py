import dataclasses

import numpy as np
import pytest

from models import ensemble, weighing
from models.ensemble import Fitted
from models.members import MEMBERS, boosting, fit_member
from models.rows import EDGES, Rows, TrainingError, embargoed, typical
from models.serving import TOLERANCE
from tests.models.conftest import CATEGORIES, LIGHT, make_rows


def test_weights_are_non_negative_and_sum_to_one(fitted: Fitted) -> None:
    weights = fitted.ensemble.weights
    assert all(weight > 0 for weight in weights.values())
    assert sum(weights.values()) == pytest.approx(1.0)
    assert set(weights) | set(fitted.left_out) == set(MEMBERS) == set(fitted.members)


def test_it_forecasts_rows_that_it_has_not_seen_better_than_their_mean(fitted: Fitted) -> None:
    rows = make_rows(800, seed=1)
    error = np.mean((fitted.ensemble.predict(rows.X) - rows.y) ** 2)
    assert error < 0.35 * np.var(rows.y)


def test_the_scale_is_larger_where_the_data_is_noisier(fitted: Fitted) -> None:
    X = make_rows(800, seed=3).X
    noisy = np.nan_to_num(X[:, 6]) > 0
    _, scale = fitted.ensemble.forecast(X)
    assert scale[noisy].mean() > 1.25 * scale[~noisy].mean()


def test_metrics_come_from_the_newest_slice_alone(fitted: Fitted) -> None:
    rows = make_rows()
    count = fitted.metrics.rows
    assert count == len(rows) - int(len(rows) * EDGES[1])
    assert len(fitted.forecast) == len(fitted.scale) == len(rows) - fitted.first
    ruined = rows.y.copy()
    ruined[-count:] += 10.0  # what came last has no say in the weights
    again = ensemble.fit(dataclasses.replace(rows, y=ruined), overrides=LIGHT)
    assert again.ensemble.weights == pytest.approx(fitted.ensemble.weights)
    assert again.metrics.r2_log < 0


def test_what_came_within_the_embargo_before_a_slice_teaches_nothing_about_it() -> None:
    rows = make_rows(600)
    start = int(len(rows) * EDGES[0])
    assert embargoed(rows, start) == start  # the row at the very moment is the slice's own
    minutes = dataclasses.replace(rows, embargo_s=600.0)
    stop = embargoed(minutes, start)
    assert rows.at[stop - 1] <= rows.at[start] - 600.0 < rows.at[stop]


def test_a_member_that_does_not_help_is_left_out_and_said_so() -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=400)
    forecasts = np.column_stack([y + rng.normal(0, 0.1, 400), rng.normal(size=(400, len(MEMBERS) - 1))])
    costs = np.ones(len(MEMBERS))
    weights, left_out = weighing.choose(list(MEMBERS), forecasts, y, np.ones(400), costs, 100.0)
    assert weights[0] > 0.9
    assert set(left_out.values()) == {"does not help"}


def test_members_that_break_the_latency_budget_are_left_out_and_the_rest_weighed_anew() -> None:
    rng = np.random.default_rng(1)
    y = rng.normal(size=800)
    forecasts = y[:, None] + rng.normal(0, 0.3, (800, len(MEMBERS)))
    costs = np.array([60.0, 60.0, 60.0, 500.0, 60.0, 60.0])
    weights, left_out = weighing.choose(list(MEMBERS), forecasts, y, np.ones(800), costs, 150.0)
    assert left_out[list(MEMBERS)[3]] == "too slow by itself"
    assert list(left_out.values()).count("would break the latency budget") == 3
    assert costs[weights > 0].sum() <= 150.0
    assert weights.sum() == pytest.approx(1.0)
    with pytest.raises(TrainingError, match="latency budget of 10"):
        weighing.choose(list(MEMBERS), forecasts, y, np.ones(800), costs, 10.0)


def test_one_row_and_a_page_of_rows_give_the_same_forecasts(fitted: Fitted) -> None:
    X = make_rows(100, seed=5).X
    page = np.stack(fitted.ensemble.forecast(X), axis=1)
    single = np.array([np.stack(fitted.ensemble.forecast(row[None, :]), axis=1)[0] for row in X])
    np.testing.assert_allclose(single, page, rtol=0, atol=1e-12)


def test_a_copy_that_computes_something_else_shows_by_how_much(fitted: Fitted) -> None:
    assert fitted.ensemble.deviation() <= TOLERANCE
    for off in ((1e-6, 0.0), (0.0, 1e-6)):
        other = dataclasses.replace(fitted.ensemble, answers=fitted.ensemble.answers + off)
        assert other.deviation() == pytest.approx(1e-6)


def test_a_few_absurd_prices_do_not_decide_how_much_a_member_weighs() -> None:
    rng = np.random.default_rng(4)
    truth = rng.normal(size=2000)
    y = truth + rng.normal(0, 0.05, 2000)
    y[:40] += 8.0  # dreams that somebody paid
    close, yielding = truth + rng.normal(0, 0.02, 2000), truth + rng.normal(0, 0.4, 2000)
    yielding[:40] += 4.0
    weights = weighing.weigh(np.column_stack((close, yielding)), y, np.ones(2000))
    assert weights[0] > 0.95


def test_training_is_reproducible_and_the_same_with_two_workers(fitted: Fitted) -> None:
    again = ensemble.fit(make_rows(), n_jobs=2, overrides=LIGHT)
    np.testing.assert_array_equal(again.ensemble.answers, fitted.ensemble.answers)
    np.testing.assert_array_equal(again.ensemble.errors, fitted.ensemble.errors)
    assert again.ensemble.weights == fitted.ensemble.weights


def test_weights_move_a_boosted_member_s_forecasts_and_not_the_edges_of_its_bins() -> None:
    rows = make_rows(600)
    weight = np.where(rows.X[:, 2] > 0, 50.0, 1.0)  # scikit-learn would give all bins to the upper half
    members = [
        fit_member(boosting(CATEGORIES, 0, "squared_error", max_iter=3), rows.X, rows.y, weights)
        for weights in (rows.weight, weight)
    ]
    plain, weighed = (member._bin_mapper.bin_thresholds_ for member in members)  # type: ignore[attr-defined]
    for column in range(rows.X.shape[1]):
        np.testing.assert_array_equal(plain[column], weighed[column])
    X = make_rows(100, seed=8).X
    assert not np.allclose(members[0].predict(X), members[1].predict(X))


def test_overrides_reach_the_member_that_they_name() -> None:
    few = {"boosting_absolute": {"max_iter": 3}}
    assert ensemble.make_member("boosting_absolute", 0, 0, few).max_iter == 3
    assert ensemble.make_member("boosting_squared", 0, 0, few).max_iter > 3


def test_too_few_rows_are_refused_with_the_number_that_is_needed() -> None:
    with pytest.raises(TrainingError, match=r"99 rows .* at least 500"):
        ensemble.fit(make_rows(99))


def test_targets_that_are_no_numbers_are_refused() -> None:
    rows = make_rows(600)
    with pytest.raises(TrainingError, match="finite"):
        ensemble.fit(dataclasses.replace(rows, y=np.where(rows.at == 50.0, np.inf, rows.y)))


def test_progress_only_ever_goes_forward(fitted: Fitted, told: list[float]) -> None:
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_the_typical_row_is_what_most_rows_are() -> None:
    nan = np.nan
    # A category of three in four, one of each; a number that most know, one that most do not.
    X = np.array([[0.0, 0.0, 5.0, nan], [0.0, 1.0, 6.0, nan], [0.0, 2.0, 7.0, 3.0], [4.0, 3.0, nan, nan]])
    rows = Rows(X, np.zeros(4), np.ones(4), np.arange(4.0), ("kind", "part", "price", "rare"), 2, 0.0)
    np.testing.assert_array_equal(typical(rows), [0.0, nan, 6.0, nan])


def test_the_typical_row_names_no_category_and_has_the_middle_of_every_number(fitted: Fitted) -> None:
    rows: Rows = make_rows()
    assert np.isnan(fitted.ensemble.typical[:2]).all()
    np.testing.assert_array_equal(fitted.ensemble.typical[2:9], np.nanmedian(rows.X[:, 2:9], axis=0))


def test_columns_that_stand_still_in_a_slice_do_no_harm() -> None:
    rows = make_rows(700)
    X = rows.X.copy()
    X[350:, 5] = np.nan  # known at first, and then no longer
    X[350:, 6] = 1.0
    fitted = ensemble.fit(dataclasses.replace(rows, X=X), overrides=LIGHT)
    assert np.isfinite(fitted.ensemble.predict(X)).all()


def test_a_column_that_became_known_after_the_first_fold_is_learnt_from() -> None:
    rows = make_rows(1500)
    X = rows.X.copy()
    X[:800, 2] = np.nan  # the strongest of them
    known = dataclasses.replace(rows, X=X)
    fitted = ensemble.fit(known)
    assert 2 in fitted.ensemble.used
    newest, far = X[-300:], X[-300:].copy()
    far[:, 2] = 2.0
    assert np.mean(fitted.ensemble.predict(far) - fitted.ensemble.predict(newest)) > 0.5


def test_intervals_made_of_the_earlier_slice_hold_for_the_newest() -> None:
    rows = make_rows(3000)
    quick = {name: {"max_iter": 40} for name in ("boosting_absolute", "boosting_squared")}
    fitted = ensemble.fit(rows, overrides=quick)
    standardised = (rows.y[fitted.first :] - fitted.forecast) / fitted.scale
    earlier, newest = standardised[: -fitted.metrics.rows], standardised[-fitted.metrics.rows :]
    low, high = np.quantile(earlier, (0.05, 0.95))
    assert 0.86 < np.mean((newest > low) & (newest < high)) < 0.94
