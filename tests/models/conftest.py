import numpy as np
import pytest

from models import ensemble
from models.ensemble import Fitted

NAMES = [f"f{i}" for i in range(8)]


def make_rows(n: int = 1500, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 8))
    X[rng.random(X.shape) < 0.1] = np.nan
    X[:, 7] = np.nan  # a feature that nobody knows
    known = np.nan_to_num(X)
    y = 0.8 * known[:, 0] + np.abs(known[:, 1]) - 0.3 * known[:, 2] * known[:, 3]
    noise = 0.1 + 0.3 * (known[:, 4] > 0)
    return X, y + rng.normal(size=n) * noise, np.ones(n)


@pytest.fixture(scope="session")
def told() -> list[float]:
    """The progress that the training of `fitted` told of."""
    return []


@pytest.fixture(scope="session")
def fitted(told: list[float]) -> Fitted:
    return ensemble.fit(*make_rows(), NAMES, progress=lambda _stage, share: told.append(share))
