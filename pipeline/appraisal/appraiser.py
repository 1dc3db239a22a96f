"""From a listing to a prediction: state, features, ensemble, flips, economics.

One appraiser is what serves: a market state that live events keep fresh, with a trained ensemble. It
never touches a data frame, so a page of listings is priced in milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec
import numpy as np

from models.distribution import Calibrator, Residuals
from models.members import Floats
from models.serving import Ensemble
from pipeline.appraisal.economics import odds
from pipeline.appraisal.explain import contributions
from pipeline.appraisal.features import NAMES, features
from pipeline.appraisal.flips import Flips
from pipeline.appraisal.like import comparable
from pipeline.appraisal.memory import Ints
from pipeline.appraisal.selling import Selling
from pipeline.appraisal.state import MarketState
from pipeline.appraisal.subject import AskEvent, Event, SaleEvent, from_axie
from pipeline.appraisal.view import LEVEL
from pipeline.market.values import Axie, Listing, Rates
from pipeline.signal import QUANTILE_LEVELS, Forecast, Prediction

TAIL = 0.05  # the interval leaves out so much at either end
COMPARABLES = 3
FRESH_RATES_S = 900.0
LEAST_USD = 1e-18  # an auction may come down to nothing, which has no logarithm
_BATTLE_WEIGHT = NAMES.index("battle_weight")
THIN = 3.0  # fewer comparables of the same battle parts than this is worth a caution


@dataclass(frozen=True, slots=True)
class _Priced:
    """What the ensemble says of some subjects as of a moment: features, rows, centre and scale."""

    X: Floats
    listed: Ints
    level: float
    centre: Floats
    scale: Floats


@dataclass(frozen=True, slots=True)
class Appraiser:
    """A market state with the ensemble that reads it, and what was learnt of flips and of selling."""

    ensemble: Ensemble
    state: MarketState
    flips: Flips
    selling: Selling | None
    version: str
    calibrator: Calibrator = field(init=False)

    def __post_init__(self) -> None:
        """Begin with the calibration of the training; outcomes move it on."""
        object.__setattr__(self, "calibrator", Calibrator(self.ensemble.errors))

    def observe(self, events: Sequence[Event]) -> None:
        """Let the state see events, oldest first, and the calibration how each sale had been forecast."""
        for taken, view in self.state.walk(events):
            sold = [index for index, event in enumerate(taken) if isinstance(event, SaleEvent)]
            if not sold:
                continue
            X = features(view, [event.subject for event in taken])[sold]
            price = np.log([event.price_usd for event in taken if isinstance(event, SaleEvent)])
            centre, scale = self.ensemble.forecast(X)
            self.calibrator.add((price - view.levels[sold, LEVEL] - centre) / scale)

    def enter(self, listings: Sequence[Listing], rates: Rates) -> None:
        """Let the asks of listings stand in the book."""
        self.state.replay(
            AskEvent(
                from_axie(listing.axie),
                listing.seen_at.timestamp(),
                listing.ask(listing.seen_at).usd(rates),
                listing.seller,
            )
            for listing in listings
            if listing.token in rates.usd and not listing.status.final
        )

    def forecast(self, axie: Axie, at: datetime) -> Forecast:
        """What the axie would resell for, as of `at`, whatever is asked for it."""
        priced = self._price([axie], at)
        residuals = self.calibrator.residuals
        centre, scale = float(priced.centre[0]), float(priced.scale[0])
        return self._forecast(priced, 0, axie.id, at, centre, scale, residuals)

    def explain(self, axie: Axie, forecast: Forecast) -> Forecast:
        """The forecast with what makes its price, in dollars; the state must still be that of its moment.

        It takes a millisecond, ten times what the forecast does, so it is for what a person will read.
        """
        priced = self._price([axie], forecast.at)
        shares = contributions(
            self.ensemble, priced.X[0], priced.level, float(priced.centre[0]), math.log(forecast.resale_usd)
        )
        return msgspec.structs.replace(forecast, contributions=shares)

    def predict(
        self, listings: Sequence[Listing], rates: Rates, gas_usd: float, at: datetime
    ) -> list[Prediction]:
        """The listings priced as of `at`, in their order. `gas_usd` is what the purchase costs on top."""
        if not listings:
            return []
        stale = (at - rates.at).total_seconds() > FRESH_RATES_S
        priced = self._price([listing.axie for listing in listings], at)
        asks = np.array([listing.ask(at).usd(rates) for listing in listings])
        centre, scale = self.flips.resale(priced.centre, priced.scale, np.log(np.maximum(asks, LEAST_USD)))
        middle = centre + scale * self.flips.residuals.quantile(0.5)
        chances, hours = self._selling(middle - priced.centre, priced.scale)
        fees = np.array([listing.fee_bps / 10_000 for listing in listings])
        promised = odds(self.flips.residuals, centre, scale, asks + gas_usd, fees)
        promises = zip(*(figure.tolist() for figure in promised), strict=True)
        return [
            self._weigh(
                listing, priced, index, (centre[index], scale[index]), float(asks[index]), gas_usd,
                promise, (chances[index], hours[index]), at, stale,
            )
            for index, (listing, promise) in enumerate(zip(listings, promises, strict=True))
        ]  # fmt: skip

    def _price(self, axies: Sequence[Axie], at: datetime) -> _Priced:
        subjects = [from_axie(axie) for axie in axies]
        view = self.state.look(subjects, at.timestamp())
        X, level = features(view, subjects), self.state.level
        centre, scale = self.ensemble.forecast(X)
        return _Priced(X, view.listed, level, level + centre, scale)

    def _selling(self, gap: Floats, scale: Floats) -> tuple[list[float | None], list[float | None]]:
        """Chance of a sale within a day and median hours to it, of a resale asked at the forecast's price."""
        if self.selling is None:
            unknown: list[float | None] = [None] * len(gap)
            return unknown, unknown
        return (
            [*self.selling.chance(gap, scale).tolist()],
            [*self.selling.median_hours(gap, scale).tolist()],
        )

    def _forecast(
        self,
        priced: _Priced,
        index: int,
        axie_id: int,
        at: datetime,
        centre: float,
        scale: float,
        residuals: Residuals,
    ) -> Forecast:
        levels = (TAIL, *QUANTILE_LEVELS, 1 - TAIL)
        low, *quantiles, high = np.exp(centre + scale * residuals.quantiles(levels)).tolist()
        middle = quantiles[len(quantiles) // 2]
        comparables = tuple(
            comparable(sold) for sold in self.state.comparables(axie_id, priced.listed[index], COMPARABLES)
        )
        return Forecast(axie_id, at, self.version, middle, low, high, comparables, tuple(quantiles))

    def _weigh(
        self,
        listing: Listing,
        priced: _Priced,
        index: int,
        resale: tuple[float, float],
        ask_usd: float,
        gas_usd: float,
        promise: tuple[float, ...],
        selling: tuple[float | None, float | None],
        at: datetime,
        stale: bool,
    ) -> Prediction:
        net, return_, probability = promise
        forecast = self._forecast(priced, index, listing.axie.id, at, *resale, self.flips.residuals)
        known = math.expm1(priced.X[index, _BATTLE_WEIGHT])
        return Prediction(
            forecast=forecast,
            listing_hash=listing.hash,
            ask_usd=ask_usd,
            gas_usd=gas_usd,
            fee=listing.fee_bps / 10_000,
            net_usd=net,
            return_=return_,
            probability=probability,
            cautions=tuple(self._cautions(listing, known, forecast, ask_usd, stale)),
            sell_chance=selling[0],
            sell_hours=selling[1],
        )

    def _cautions(
        self, listing: Listing, known: float, forecast: Forecast, ask_usd: float, stale: bool
    ) -> Iterator[str]:
        if listing.status.final:
            yield f"the order is {listing.status.value}"
        if listing.axie.banned:
            yield "the axie is banned"
        if stale:
            yield "the exchange rates are old"
        if ask_usd < forecast.low_usd / 2:
            yield "too cheap to be true: look for what the model cannot see"
        if known < THIN:
            yield "few comparable sales"
