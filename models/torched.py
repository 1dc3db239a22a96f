"""The neural member in PyTorch, through skorch: the architecture and the training of scikit-learn's own.

Only where the extra `neural` is installed; its weights are kept as numpy arrays under scikit-learn's
names, so that what serves needs no PyTorch.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, RegressorMixin
from skorch import NeuralNetRegressor

from models.members import Floats


class TorchRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A net of rectified layers under squared loss, trained with Adam.

    Attributes
    ----------
    coefs_, intercepts_ : weights (in, out) and biases (out,) of each layer, first to last.

    """

    def __init__(
        self,
        hidden: tuple[int, ...],
        epochs: int,
        batch: int,
        rate: float,
        decay: float,
        seed: int,
    ) -> None:
        self.hidden = hidden
        self.epochs = epochs
        self.batch = batch
        self.rate = rate
        self.decay = decay
        self.seed = seed

    def fit(self, X: Any, y: Floats, sample_weight: Floats | None = None) -> TorchRegressor:
        """Learn from X (n, features), sparse or not, and y (n,), with a weight (n,) for each row."""
        torch.manual_seed(self.seed)
        dense = _dense(X)
        sizes = (dense.shape[1], *self.hidden, 1)
        layers: list[torch.nn.Module] = []
        for wide, narrow in pairwise(sizes):
            layers += [torch.nn.Linear(wide, narrow, dtype=torch.float64), torch.nn.ReLU()]
        weight = np.ones(len(y)) if sample_weight is None else sample_weight / sample_weight.mean()
        net = _Weighed(
            torch.nn.Sequential(*layers[:-1]),
            max_epochs=self.epochs,
            batch_size=self.batch,
            lr=self.rate,
            optimizer=torch.optim.Adam,
            optimizer__weight_decay=self.decay / 100,
            iterator_train__shuffle=True,
            train_split=None,
            verbose=0,
        )
        net.fit(dense, np.column_stack((y, weight)))
        linear = [layer for layer in net.module_ if isinstance(layer, torch.nn.Linear)]
        self.coefs_ = [layer.weight.detach().numpy().T.copy() for layer in linear]
        self.intercepts_ = [layer.bias.detach().numpy().copy() for layer in linear]
        return self

    def predict(self, X: Any) -> Floats:
        """Forecast for X: an array (n,)."""
        held = _dense(X)
        for index, (weights, biases) in enumerate(zip(self.coefs_, self.intercepts_, strict=True)):
            held = (np.maximum(held, 0.0) if index else held) @ weights + biases
        return np.asarray(held[:, 0])


class _Weighed(NeuralNetRegressor):  # type: ignore[misc]
    """Takes targets (n, 2): what is to be forecast, and how much the row weighs."""

    def get_loss(self, y_pred: Any, y_true: Any, *_: Any, **__: Any) -> Any:
        """Mean of the weighed squares."""
        return (y_true[:, 1] * (y_pred[:, 0] - y_true[:, 0]) ** 2).mean()


def _dense(X: Any) -> Floats:
    return np.asarray(X.toarray() if hasattr(X, "toarray") else X, dtype=np.float64)
