"""How long it takes to score a listing: features, ensemble, interval, economics and rule."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench import original
from bench.timing import Quantiles, measure
from models.registry import Registry
from pipeline.appraisal.features import features
from pipeline.appraisal.subject import from_axie
from pipeline.history import replayed
from pipeline.labels import build_sales, listing_outcomes
from pipeline.loading import load_appraiser
from pipeline.market.values import Listing, Rates
from pipeline.objects import ObjectStore
from pipeline.side import part_strength_tables
from pipeline.signal import Filters, Thresholds, refusal


def run(
    store: ObjectStore, registry: Registry, listings: Sequence[Listing], rates: Rates, times: int
) -> dict[str, Quantiles]:
    """Time ours on one listing and a page of up to 100, the bare ensemble and the original stack on one.

    The original stack is given a row of features and gives its price back, as the bare ensemble is and does;
    it never made features, intervals or a decision.
    """
    card, appraiser = load_appraiser(registry)
    thresholds, filters = Thresholds(), Filters()
    at = rates.at

    def score(page: Sequence[Listing]) -> None:
        for listing, prediction in zip(page, appraiser.predict(page, rates, 0.003, at), strict=True):
            refusal(thresholds, filters, listing, prediction, at)

    turn = iter(range(10**9))
    one = measure(lambda: score([listings[next(turn) % len(listings)]]), times)
    page = measure(lambda: score(listings[:100]), max(20, times // 20))

    table, outcomes = build_sales(store).table, listing_outcomes(store, youngest=None)
    data = replayed(table, outcomes, part_strength_tables(store))
    model = original.fit(data, appraiser.ensemble)
    subjects = [from_axie(listing.axie) for listing in listings]
    rows = features(appraiser.state.look(subjects, at.timestamp()), subjects)
    with original.served(model) as ask:
        # Both must be forecasting the same thing, or the comparison would mean nothing.
        theirs = np.array([ask(row) for row in rows[:20]])
        ours = appraiser.ensemble.predict(rows[:20])
        if np.median(np.abs(theirs - ours)) > 0.15:
            raise RuntimeError("the two ways of serving do not forecast the same prices")
        old = measure(lambda: ask(rows[next(turn) % len(rows)]), max(50, times // 10))
        bare = measure(lambda: appraiser.ensemble.predict(rows[[next(turn) % len(rows)]]), times)
    del card
    return {
        "score_one_ms": one,
        "score_page_100_ms": page,
        "ensemble_one_ms": bare,
        "original_stack_one_ms": old,
    }
