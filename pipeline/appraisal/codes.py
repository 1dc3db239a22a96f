"""Numbers for the values of categories, given in the order of first sales."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.appraisal.memory import Floats
from pipeline.appraisal.subject import CATEGORIES, NAN, Subject

MOST_CODES = 250  # values of a category that are told apart: scikit-learn's trees know no more


class Codes:
    """The numbers of class, parts and collection that have been sold; what has not is NaN."""

    def __init__(self, tables: Sequence[dict[str, int]] | None = None) -> None:
        self.tables = list(tables) if tables is not None else [{} for _ in CATEGORIES]

    def add(self, subject: Subject) -> None:
        """Number the values of a subject that have none yet, as far as there is room."""
        for codes, value in zip(self.tables, subject.categories, strict=True):
            if value not in codes and len(codes) < MOST_CODES:
                codes[value] = len(codes)

    def of(self, subject: Subject) -> list[float]:
        """The numbers of a subject's values, in the order of `CATEGORIES`."""
        return [codes.get(value, NAN) for codes, value in zip(self.tables, subject.categories, strict=True)]

    def recoded(self, codes: Floats, by: Codes) -> Floats:
        """Numbers of categories (n, categories) of ours as others give them, NaN where it has none.

        Numbers are given in the order of first sales, so those of two histories differ.
        """
        found = np.full(codes.shape, NAN)
        for column, (ours, theirs) in enumerate(zip(self.tables, by.tables, strict=True)):
            known = ~np.isnan(codes[:, column])
            table = np.array([theirs.get(value, NAN) for value in ours])  # ours are numbered as they stand
            found[known, column] = table[codes[known, column].astype(int)]
        return found
