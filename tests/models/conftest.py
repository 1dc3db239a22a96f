import os

import numpy as np
import pytest

from models import ensemble
from models.ensemble import Fitted
from models.rows import Rows

CATEGORIES = 2
NAMES = ("kind", "colour", *(f"f{i}" for i in range(8)))

# All members, each quicker than when it serves: for tests of how they are weighed and calibrated.
LIGHT = {
    "boosting_absolute": {"max_iter": 40, "learning_rate": 0.2, "max_leaf_nodes": 20},
    "boosting_squared": {"max_iter": 40, "learning_rate": 0.15, "max_leaf_nodes": 20},
    "random_forest": {"n_estimators": 15},
}


class Bomb:
    """What an attacker would store: unpickling it writes a file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, int]]:
        return os.open, (self.path, os.O_CREAT | os.O_WRONLY)


def make_rows(n: int = 1500, seed: int = 0) -> Rows:
    """Rows ten seconds apart: two categories, seven numbers, one feature that nobody knows."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 10))
    X[:, 0], X[:, 1] = rng.integers(0, 6, n), rng.integers(0, 9, n)
    X[rng.random(X.shape) < 0.1] = np.nan
    X[:, 9] = np.nan
    known = np.nan_to_num(X)
    y = 0.8 * known[:, 2] + np.abs(known[:, 3]) - 0.3 * known[:, 4] * known[:, 5]
    y += np.array([0.0, 0.9, -0.4, 0.2, 1.1, -0.8])[known[:, 0].astype(int)] * (known[:, 1] % 2)
    noise = 0.1 + 0.3 * (known[:, 6] > 0)
    y += rng.normal(size=n) * noise
    return Rows(X, y, np.ones(n), 10.0 * np.arange(n), NAMES, CATEGORIES)


@pytest.fixture(scope="session")
def told() -> list[float]:
    """The progress that the training of `fitted` told of."""
    return []


@pytest.fixture(scope="session")
def fitted(told: list[float]) -> Fitted:
    return ensemble.fit(make_rows(), overrides=LIGHT, progress=lambda _stage, share: told.append(share))
