"""From a listing to a prediction: state, features, ensemble, distribution, economics.

One appraiser is what serves: a market state that live sales keep fresh, with a trained ensemble. It
never touches a data frame, so a page of listings is priced in milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from models.ensemble import Ensemble
from pipeline.appraisal.asks import Asks
from pipeline.appraisal.features import features
from pipeline.appraisal.state import LIKENESS, MarketState, keys
from pipeline.appraisal.subject import Subject, from_axie
from pipeline.market.values import Axie, Listing, Rates
from pipeline.signal import Comparable, Forecast, Prediction

INTERVAL = 0.9
COMPARABLES = 3
FRESH_RATES_S = 900.0
THIN = 3.0  # fewer comparables of the same battle parts than this is worth a caution


@dataclass(frozen=True, slots=True)
class Appraiser:
    """A market state with the ensemble that reads it, and what is known of how asks lie around values."""

    ensemble: Ensemble
    state: MarketState
    asks: Asks
    version: str

    def forecast(self, axie: Axie, at: datetime) -> Forecast:
        """What the axie would resell for, as of `at`, without regard to any ask."""
        ((subject, centre, scale),) = self._appraise([axie], at)
        return self._forecast(axie, subject, centre, scale, at)

    def predict(
        self, listings: Sequence[Listing], rates: Rates, gas_usd: float, at: datetime
    ) -> list[Prediction]:
        """The listings priced as of `at`, in their order. `gas_usd` is what the purchase costs on top."""
        stale = (at - rates.at).total_seconds() > FRESH_RATES_S
        unit = self.ensemble.residuals.spread
        predictions = []
        for listing, (subject, centre, scale) in zip(
            listings, self._appraise([listing.axie for listing in listings], at), strict=True
        ):
            ask_usd = listing.ask(at).usd(rates)
            centre, sigma = self.asks.posterior(centre, scale * unit, math.log(ask_usd))
            forecast = self._forecast(listing.axie, subject, centre, sigma / unit, at)
            atoms = self.ensemble.residuals.atoms(centre, sigma / unit)
            predictions.append(self._weigh(listing, subject, forecast, atoms, ask_usd, gas_usd, stale))
        return predictions

    def _appraise(self, axies: Sequence[Axie], at: datetime) -> list[tuple[Subject, float, float]]:
        """Each axie's subject with the centre and the scale of its log price in dollars."""
        now = at.timestamp()
        subjects = [from_axie(axie) for axie in axies]
        if not subjects:
            return []
        matrix = np.array([features(self.state, subject, now) for subject in subjects])
        centres = (self.state.level + self.ensemble.predict(matrix)).tolist()
        return list(zip(subjects, centres, self.ensemble.scale(matrix).tolist(), strict=True))

    def _forecast(self, axie: Axie, subject: Subject, centre: float, scale: float, at: datetime) -> Forecast:
        residuals = self.ensemble.residuals
        low, middle, high = (
            math.exp(centre + scale * residuals.quantile(level))
            for level in (0.5 - INTERVAL / 2, 0.5, 0.5 + INTERVAL / 2)
        )
        comparables = tuple(self._comparables(subject, at.timestamp()))
        return Forecast(axie.id, at, self.version, middle, low, high, comparables)

    def _weigh(
        self,
        listing: Listing,
        subject: Subject,
        forecast: Forecast,
        atoms: np.ndarray,
        ask_usd: float,
        gas_usd: float,
        stale: bool,
    ) -> Prediction:
        fee = listing.fee_bps / 10_000
        cost = ask_usd + gas_usd
        # Between two atoms the chance runs linearly; beyond the outermost it is never quite 0 or 1.
        levels = (np.arange(len(atoms)) + 0.5) / len(atoms)
        probability = 1.0 - float(np.interp(cost / (1 - fee), atoms, levels))
        net = float(atoms.mean()) * (1 - fee) - cost
        return Prediction(
            forecast=forecast,
            listing_hash=listing.hash,
            ask_usd=ask_usd,
            gas_usd=gas_usd,
            fee=fee,
            net_usd=net,
            return_=net / cost,
            probability=probability,
            cautions=tuple(self._cautions(listing, subject, forecast, ask_usd, stale)),
        )

    def _cautions(
        self, listing: Listing, subject: Subject, forecast: Forecast, ask_usd: float, stale: bool
    ) -> Iterator[str]:
        if listing.status.final:
            yield f"the order is {listing.status.value}"
        if listing.axie.banned:
            yield "the axie is banned"
        if stale:
            yield "the exchange rates are old"
        if ask_usd < forecast.low_usd / 2:
            yield "too cheap to be true: look for what the model cannot see"
        look = self.state.look(keys(subject)["battle"], forecast.at.timestamp())
        if look.weight < THIN:
            yield "few comparable sales"

    def _comparables(self, subject: Subject, now: float) -> Iterator[Comparable]:
        """The newest sales of the most alike, closest likeness first, none twice."""
        found = keys(subject)
        seen: set[tuple[int, float]] = set()
        for kind, likeness in LIKENESS.items():
            if kind not in found:
                continue
            for at, _, axie_id, price in reversed(self.state.look(found[kind], now).recent):
                if (axie_id, at) in seen:
                    continue
                seen.add((axie_id, at))
                label = "this very axie" if axie_id == subject.axie_id else likeness
                yield Comparable(axie_id, price, datetime.fromtimestamp(at, UTC), label)
                if len(seen) == COMPARABLES:
                    return
