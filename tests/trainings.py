"""A training on a table of sales, as one on what was collected: streamed, learnt from, judged and stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from models.registry import Registry
from pipeline import training
from pipeline.labels import ListingOutcome
from pipeline.side import Dated, PartStrength
from pipeline.streaming import Part, streamed


def train(
    table: pd.DataFrame,
    registry: Registry,
    outcomes: Sequence[ListingOutcome] = (),
    strengths: Sequence[Dated[PartStrength]] = (),
    **options: Any,
) -> training.Outcome:
    """Train on a table and on what became of listings; `options` are those of `pipeline.training.train`."""
    return training.train(streamed([Part(table, outcomes)], strengths), registry, **options)
