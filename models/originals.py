"""The fitted members themselves, as scikit-learn has them.

They give the answers that a compiled copy is held against, and serve in its place where it does not
reproduce these. Unpickling them imports scikit-learn, so they are stored apart from the copy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from models.members import Floats, Regressor


@dataclass(frozen=True, slots=True)
class Originals:
    """Members, each with weights (outputs,): how much of it goes into each output."""

    members: tuple[tuple[Floats, Regressor], ...]

    def predict(self, X: Floats) -> Floats:
        """Forecasts for X, float64 (n, features) with NaN for unknown: an array (n, outputs)."""
        shares = [np.multiply.outer(member.predict(X), weight) for weight, member in self.members]
        return cast(Floats, np.sum(shares, axis=0))
