import dataclasses

import joblib
import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesRegressor

from models import ensemble
from models.compiled import compile_members
from models.ensemble import Fitted, TrainingError
from models.members import MEMBERS
from tests.models.conftest import NAMES, make_rows


def test_weights_are_non_negative_and_sum_to_one(fitted: Fitted) -> None:
    weights = fitted.ensemble.weights
    assert all(weight > 0 for weight in weights.values())
    assert sum(weights.values()) == pytest.approx(1.0)
    assert set(weights) <= set(MEMBERS)


def test_it_forecasts_rows_that_it_has_not_seen_better_than_their_mean(fitted: Fitted) -> None:
    X, y, _ = make_rows(800, seed=1)
    error = np.mean((fitted.ensemble.predict(X) - y) ** 2)
    assert error < 0.35 * np.var(y)


def test_intervals_cover_what_they_promise_on_rows_that_it_has_not_seen(fitted: Fitted) -> None:
    X, y, _ = make_rows(3000, seed=2)
    z = (y - fitted.ensemble.predict(X)) / fitted.ensemble.scale(X)
    residuals = fitted.ensemble.residuals
    for share in (0.5, 0.8, 0.9):
        low, high = residuals.quantile(0.5 - share / 2), residuals.quantile(0.5 + share / 2)
        assert np.mean((z >= low) & (z <= high)) == pytest.approx(share, abs=0.07)


def test_the_scale_is_larger_where_the_data_is_noisier(fitted: Fitted) -> None:
    X, _, _ = make_rows(800, seed=3)
    noisy = np.nan_to_num(X[:, 4]) > 0
    scale = fitted.ensemble.scale(X)
    assert scale[noisy].mean() > 1.5 * scale[~noisy].mean()


def test_metrics_come_from_the_newest_slice_alone(fitted: Fitted) -> None:
    X, y, weight = make_rows()
    assert fitted.metrics.rows == len(fitted.newest_forecast) == len(y) // ensemble.SLICES
    ruined = y.copy()
    ruined[-fitted.metrics.rows :] += 10.0  # what came last has no say in the weights
    again = ensemble.fit(X, ruined, weight, NAMES)
    assert again.ensemble.weights == pytest.approx(fitted.ensemble.weights)
    assert again.metrics.r2_log < 0


@pytest.mark.parametrize("name", MEMBERS)
def test_a_compiled_member_forecasts_what_scikit_learn_does(name: str) -> None:
    X, y, weight = make_rows(600)
    X = X[:, :7]
    member = ensemble._fit_member(name, X, y, weight, seed=3)
    compiled = compile_members([(1.0, member)])
    fresh, _, _ = make_rows(500, seed=9)
    np.testing.assert_allclose(
        compiled.predict(fresh[:, :7]), member.predict(fresh[:, :7]), rtol=0, atol=1e-12
    )


def test_compiled_forests_split_on_single_precision_features_as_scikit_learn_does() -> None:
    # Two values that differ in double precision only: scikit-learn's forests cannot tell them apart.
    X = np.array([[1.0], [1.0 + 1e-9], [2.0], [3.0]] * 10)
    y = np.arange(40.0)
    member = ExtraTreesRegressor(5, random_state=0).fit(X, y)
    rows = np.array([[1.0], [1.0 + 1e-9], [1.5], [2.5], [np.nextafter(2.0, 3)]])
    np.testing.assert_allclose(
        compile_members([(1.0, member)]).predict(rows), member.predict(rows), atol=1e-12
    )


def test_one_row_and_a_page_of_rows_give_the_same_forecasts(fitted: Fitted) -> None:
    X, _, _ = make_rows(100, seed=5)
    page = fitted.ensemble.predict(X)
    single = np.array([fitted.ensemble.predict(row[None, :])[0] for row in X])
    np.testing.assert_allclose(single, page, rtol=0, atol=1e-12)


def test_a_copy_that_computes_something_else_does_not_verify(fitted: Fitted) -> None:
    fitted.ensemble.verify()
    for name in ("answers", "log_scales"):
        off = getattr(fitted.ensemble, name) + 1e-6
        with pytest.raises(TrainingError, match="no longer computes"):
            dataclasses.replace(fitted.ensemble, **{name: off}).verify()


def test_a_few_absurd_prices_do_not_decide_how_much_a_member_weighs() -> None:
    rng = np.random.default_rng(4)
    truth = rng.normal(size=2000)
    y = truth + rng.normal(0, 0.05, 2000)
    y[:40] += 8.0  # dreams that somebody paid
    close, yielding = truth + rng.normal(0, 0.02, 2000), truth + rng.normal(0, 0.4, 2000)
    yielding[:40] += 4.0
    weights = ensemble._weigh(np.column_stack((close, yielding)), y, np.ones(2000))
    assert weights[0] > 0.95


def test_training_is_reproducible_and_the_same_with_two_workers(fitted: Fitted) -> None:
    again = ensemble.fit(*make_rows(), NAMES, n_jobs=2)
    np.testing.assert_allclose(again.ensemble.answers, fitted.ensemble.answers, rtol=0, atol=1e-9)
    assert joblib.hash(again.ensemble.probes) == joblib.hash(fitted.ensemble.probes)


def test_too_few_rows_are_refused_with_the_number_that_is_needed() -> None:
    with pytest.raises(TrainingError, match=r"99 rows .* at least 500"):
        ensemble.fit(*make_rows(99), NAMES)


def test_progress_only_ever_goes_forward(fitted: Fitted, told: list[float]) -> None:
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_a_value_far_beyond_the_training_does_not_carry_a_forecast_away() -> None:
    X, y, weight = make_rows(600)
    X = X[:, :7]
    member = ensemble._fit_member("ridge", X, y, weight, seed=0)
    compiled = compile_members([(1.0, member)])
    row = np.zeros((1, 7))
    far = row.copy()
    far[0, 0] = 1e6
    most = np.max(np.abs(compiled.predict(X)))
    assert abs(compiled.predict(far)[0]) <= most + 0.5
    np.testing.assert_allclose(compiled.predict(far), member.predict(far), rtol=0, atol=1e-12)
