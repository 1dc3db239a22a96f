"""What serves of a trained ensemble: arrays in, a log price and its scale out, and proof that it is right."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.compiled import Compiled, Part
from models.members import Floats

MIN_SCALE = 0.02
TOLERANCE = 1e-12
# What arithmetic on arrays that do not belong together ends in.
_SPOILT = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class Ensemble:
    """What serves: a log price and its scale, with the distribution of the error.

    `used` are the columns that the members see: one that never varied in training is left out. `errors`
    (n,) are the standardised residuals of the newest slice, the newest last. `typical`
    (features,) is a row with nothing remarkable. `compiled` gives log prices and logs of scales.
    `probes` (rows, features) with `answers` (rows, 2), computed by the uncompiled members at training,
    let a loaded copy prove that it still computes what was trained.
    """

    feature_names: tuple[str, ...]
    used: NDArray[np.intp]
    weights: dict[str, float]
    compiled: Part
    errors: Floats
    typical: Floats
    probes: Floats
    answers: Floats

    def forecast(self, X: Floats) -> tuple[Floats, Floats]:
        """Log price relative to the market's level, and size of the error to expect in it: (n,) each.

        X are features (n, len(feature_names)).
        """
        centre, log_scale = self.compiled.predict(X.take(self.used, axis=1)).T
        return centre, np.maximum(np.exp(log_scale), MIN_SCALE)

    def predict(self, X: Floats) -> Floats:
        """The log price alone."""
        return self.forecast(X)[0]

    def deviation(self) -> float:
        """How far this copy is off the answers of its training at most; infinity where it gives none."""
        try:
            found = self.compiled.predict(self.probes[:, self.used])
            off = float(np.max(np.abs(found - self.answers)))
        except _SPOILT:
            return math.inf
        return off if math.isfinite(off) else math.inf

    @property
    def is_compiled(self) -> bool:
        """Whether the compiled copy computes, and not the members themselves."""
        return isinstance(self.compiled, Compiled)

    def uncompiled(self, members: Part) -> Ensemble:
        """The same, computed by the members themselves."""
        return replace(self, compiled=members)
