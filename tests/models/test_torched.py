"""The neural member in PyTorch; only where the extra `neural` is installed (CONTRIBUTING.md says how)."""

import numpy as np
import pytest

pytest.importorskip("skorch")
pytest.importorskip("torch")

from models.ensemble import fit
from models.members import fit_member, neural
from models.serving import TOLERANCE
from models.torched import TorchRegressor
from tests.models.conftest import CATEGORIES, make_rows


def net(seed: int = 0, epochs: int = 40) -> TorchRegressor:
    return TorchRegressor((32, 16), epochs=epochs, batch=64, rate=3e-3, decay=1e-3, seed=seed)


def line(n: int = 600, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    X = np.random.default_rng(seed).normal(size=(n, 3))
    return X, np.maximum(X[:, 0], 0) - X[:, 1]


def test_it_is_the_neural_member_and_learns_as_scikit_learn_s_own_does() -> None:
    rows, later = make_rows(3000), make_rows(600, seed=5)
    member = fit_member(neural(CATEGORIES, 0), rows.X[:, :9], rows.y, rows.weight)
    assert type(member.steps[-1][1]) is TorchRegressor
    error = np.mean((member.predict(later.X[:, :9]) - later.y) ** 2)
    assert error < 0.4 * np.var(later.y)


def test_the_same_seed_gives_the_same_net() -> None:
    X, y = line()
    one, same, other = (net(seed, epochs=3).fit(X, y).predict(X) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 1e-6


def test_rows_count_by_their_weights() -> None:
    X, y = line()
    X, y = np.vstack((X, X)), np.concatenate((y, y + 5.0))
    weight = np.repeat((1.0, 1e-6), len(X) // 2)
    found = net().fit(X, y, sample_weight=weight).predict(X[: len(X) // 2])
    assert np.mean(np.abs(found - y[: len(X) // 2])) < 0.2


def test_an_ensemble_with_it_is_served_without_pytorch() -> None:
    fitted = fit(make_rows(600))
    assert "neural" in fitted.members
    assert fitted.ensemble.deviation() <= TOLERANCE
