"""The neural member: PyTorch through skorch where that extra is installed, else scikit-learn's own.

Either has the same architecture, so that both are served in the same way.
"""

from __future__ import annotations

import importlib.util
from typing import Any, cast

from models.encoding import Encoder
from models.members import Regressor

HIDDEN = (64, 32)
EPOCHS = 12
BATCH = 256
RATE = 1e-3
DECAY = 1e-3


def net(categories: int, seed: int) -> Regressor:
    """A net of two hidden layers of rectified units, on numbers and categories."""
    from sklearn.pipeline import make_pipeline

    torch = importlib.util.find_spec("torch") and importlib.util.find_spec("skorch")
    model = _torch(seed) if torch else _sklearn(seed)
    return cast(Regressor, make_pipeline(Encoder(categories, pairs=False, least=20), model))


def _sklearn(seed: int) -> Any:
    from sklearn.neural_network import MLPRegressor

    return MLPRegressor(
        hidden_layer_sizes=HIDDEN,
        alpha=DECAY,
        learning_rate_init=RATE,
        batch_size=BATCH,
        max_iter=EPOCHS,
        n_iter_no_change=EPOCHS + 1,
        random_state=seed,
    )


def _torch(seed: int) -> Any:
    from models.torched import TorchRegressor

    return TorchRegressor(HIDDEN, EPOCHS, BATCH, RATE, DECAY, seed)
