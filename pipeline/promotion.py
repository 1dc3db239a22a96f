"""Promotion: a challenger takes the champion's place only where it is better on what neither has seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from models.registry import NoSuchVersion, Registry, RegistryError
from pipeline.history import Examples

if TYPE_CHECKING:
    from pipeline.training import Learnt

MIN_COMPARED = 200


def verdict(learnt: Learnt, data: Examples, registry: Registry) -> tuple[bool, str]:
    """Whether the challenger is to be promoted, and why."""
    from pipeline.training import load_appraiser

    try:
        card, champion = load_appraiser(registry)
    except NoSuchVersion:
        return True, "it is the first"
    except RegistryError as error:
        return True, f"the champion cannot serve ({error})"
    fitted = learnt.fitted
    rows = fitted.metrics.rows
    unseen = data.at[-rows:] > float(card.facts["data_to_s"])
    if unseen.sum() < MIN_COMPARED:
        return False, f"only {unseen.sum()} sales are newer than what the champion has learnt from"
    y = data.y[-rows:][unseen]
    theirs = float(np.mean(np.abs(y - champion.ensemble.predict(data.X[-rows:][unseen]))))
    ours = float(np.mean(np.abs(y - fitted.forecast[-rows:][unseen])))
    reason = f"log error {ours:.4f} against the champion's {theirs:.4f} on {unseen.sum()} newer sales"
    return ours <= theirs, reason
