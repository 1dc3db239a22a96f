"""Compiled members forecast what scikit-learn's own do, to 1e-12, whatever rows they are asked for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.tree import DecisionTreeRegressor

from models.compiled import Compiled, compile_members, cost_us
from models.members import MEMBERS, Regressor, fit_member
from models.trees import single
from tests.models.conftest import CATEGORIES, make_rows

FEATURES = 9
ONE = np.ones(1)
Pair = tuple[Regressor, Compiled]


@pytest.fixture(scope="module")
def members() -> dict[str, Pair]:
    rows = make_rows(700)
    found = {}
    for name, factory in MEMBERS.items():
        member = fit_member(factory(CATEGORIES, 3), rows.X[:, :FEATURES], rows.y, rows.weight)
        found[name] = (member, compile_members([(ONE, member)], FEATURES))
    return found


def same(pair: Pair, X: np.ndarray) -> None:
    member, compiled = pair
    np.testing.assert_allclose(compiled.predict(X)[:, 0], member.predict(X), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", MEMBERS)
def test_a_compiled_member_forecasts_what_scikit_learn_does(members: dict[str, Pair], name: str) -> None:
    same(members[name], make_rows(400, seed=9).X[:, :FEATURES])


values = st.one_of(st.just(np.nan), st.floats(-1e6, 1e6), st.sampled_from([0.0, -0.0, 1e-300, 1e300, -1e300]))


@pytest.mark.parametrize(
    "name", ["boosting_absolute", "boosting_squared", "linear", "neural", "random_forest"]
)
@settings(max_examples=60, deadline=None)
@given(
    codes=arrays(np.float64, (1, CATEGORIES), elements=st.sampled_from([np.nan, *map(float, range(14))])),
    numbers=arrays(np.float64, (1, FEATURES - CATEGORIES), elements=values),
)
def test_unknown_new_and_extreme_values_go_the_same_way(
    members: dict[str, Pair], name: str, codes: np.ndarray, numbers: np.ndarray
) -> None:
    if name == "random_forest":  # scikit-learn's refuses what single precision cannot hold
        numbers = np.clip(numbers, -3e38, 3e38)
    same(members[name], np.hstack((codes, numbers)))


def test_a_value_on_a_threshold_goes_the_same_way(members: dict[str, Pair]) -> None:
    for name in ("boosting_absolute", "boosting_squared", "random_forest"):
        (trees,) = members[name][1].parts
        X = make_rows(30, seed=2).X[:, :FEATURES]
        for feature in range(CATEGORIES, FEATURES):
            own = trees.threshold[trees.asked == feature]
            for row, threshold in enumerate(own[np.isfinite(own)][:30]):
                X[row, feature] = threshold
        same(members[name], X)


@pytest.mark.parametrize("name", MEMBERS)
def test_what_a_member_learns_does_not_depend_on_the_scale_of_the_weights(name: str) -> None:
    rows = make_rows(300)
    X, weight = rows.X[:, :FEATURES], np.linspace(0.2, 1.0, 300)
    one, other = (
        fit_member(MEMBERS[name](CATEGORIES, 3), X, rows.y, weight * scale).predict(X)
        for scale in (1.0, 2**-5)
    )
    np.testing.assert_array_equal(one, other)


def test_members_together_are_the_weighed_sum_of_each(members: dict[str, Pair]) -> None:
    X = make_rows(50, seed=4).X[:, :FEATURES]
    pairs = [
        (np.array([0.1 * (rank + 1), 1.0 - 0.2 * rank]), member)
        for rank, (member, _) in enumerate(members.values())
    ]
    expected = sum(np.outer(member.predict(X), weight) for weight, member in pairs)
    np.testing.assert_allclose(compile_members(pairs, FEATURES).predict(X), expected, rtol=0, atol=1e-12)


def test_forests_split_on_single_precision_features_as_scikit_learn_does() -> None:
    # Two values that differ in double precision only: scikit-learn's forests cannot tell them apart.
    X = np.array([[1.0], [1.0 + 1e-9], [2.0], [3.0]] * 10)
    member = RandomForestRegressor(5, random_state=0).fit(X, np.arange(40.0))
    rows = np.array([[1.0], [1.0 + 1e-9], [1.5], [2.5], [np.nextafter(2.0, 3)]])
    same((member, compile_members([(ONE, member)], 1)), rows)


@given(
    threshold=st.one_of(st.floats(-1e30, 1e30), st.floats(-(2.0**100), 2.0**100, width=32)),
    units=st.integers(-3, 3),
    away=st.integers(-3, 3),
)
def test_a_double_goes_the_way_that_single_precision_sends_it(
    threshold: float, units: int, away: int
) -> None:
    (below,) = single(np.array([threshold]))
    near = np.float64(np.float32(threshold))
    halves = [
        below,
        threshold,
        near,
        (near + np.float64(np.nextafter(np.float32(near), np.float32(1e38)))) / 2,
    ]
    for value in halves:
        x = value + units * np.spacing(value)
        x = float(np.float64(np.float32(x)) + away * np.spacing(np.float32(x)) / 2)
        assert (x <= below) == (float(np.float32(x)) <= threshold)


def test_a_boosted_tree_of_more_leaves_than_bits_is_refused() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 3))
    member = HistGradientBoostingRegressor(max_iter=2, max_leaf_nodes=90, min_samples_leaf=5).fit(X, X[:, 0])
    with pytest.raises(TypeError, match="more than 64 leaves"):
        compile_members([(ONE, member)], 3)


def test_an_unknown_kind_of_member_is_refused() -> None:
    with pytest.raises(TypeError, match="DecisionTreeRegressor"):
        compile_members([(ONE, DecisionTreeRegressor())], 3)


def test_more_trees_cost_more(members: dict[str, Pair]) -> None:
    costs = {name: cost_us(member) for name, (member, _) in members.items()}
    assert all(cost > 0 for cost in costs.values())
    assert costs["boosting_absolute"] > costs["boosting_squared"]


def test_a_value_far_beyond_the_training_does_not_carry_a_forecast_away(members: dict[str, Pair]) -> None:
    _, compiled = members["linear"]
    X = make_rows(700).X[:, :FEATURES]
    far = np.zeros((1, FEATURES))
    far[0, 2] = 1e6
    assert abs(compiled.predict(far)[0, 0]) <= np.max(np.abs(compiled.predict(X))) + 0.5
