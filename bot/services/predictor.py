"""The champion at work: it prices listings with a market state that live sales keep fresh.

Loading a model reads, verifies and unpacks it in a thread; exchanging it is one assignment, so a
prediction always comes from one whole version.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from bot.errors import NoChampion
from models.registry import Card, NoSuchVersion, Registry
from pipeline.appraisal.appraiser import Appraiser
from pipeline.appraisal.like import like_sales
from pipeline.appraisal.subject import SaleEvent
from pipeline.clock import Clock
from pipeline.loading import load_appraiser
from pipeline.market.values import Axie, Listing, Rates, Token
from pipeline.signal import Comparable, Forecast, Prediction

# What gas is reckoned with where the market does not tell the rate of RON: more than it has cost lately.
DEAR_RON_USD = 5.0


class Predictor:
    """What is known now: the champion with its state, and the exchange rates."""

    def __init__(self, registry: Registry, clock: Clock, gas_ron: float) -> None:
        self._registry = registry
        self._clock = clock
        self._gas_ron = gas_ron
        self._card: Card | None = None
        self._appraiser: Appraiser | None = None
        self.rates: Rates | None = None

    @property
    def version(self) -> str | None:
        """The version that serves, or None."""
        return self._card.version if self._card else None

    @property
    def card(self) -> dict[str, Any] | None:
        """The facts of the version that serves: rows, data window, metrics, members and their weights.

        `compiled` is whether its compiled copy computes, and not scikit-learn's members in its place.
        """
        if self._card is None or self._appraiser is None:
            return None
        return {
            "version": self._card.version,
            "created_at": self._card.created_at,
            "compiled": self._appraiser.ensemble.is_compiled,
            **self._card.facts,
        }

    @property
    def appraiser(self) -> Appraiser | None:
        """The champion with its market state, or None before one is loaded."""
        return self._appraiser

    @property
    def ready(self) -> bool:
        """Whether listings can be priced."""
        return self._appraiser is not None and self.rates is not None

    @property
    def waits_for_rates(self) -> bool:
        """Whether nothing but the exchange rates is missing to price listings."""
        return self._appraiser is not None and self.rates is None

    async def refresh(self) -> bool:
        """Take on the champion if it is another than the one that serves. True if it was exchanged.

        Raises NoChampion where there is none yet and RegistryError where it cannot be used; what
        serves goes on serving in both cases.
        """
        try:
            champion = await asyncio.to_thread(self._registry.champion)
        except NoSuchVersion as error:
            raise NoChampion(str(error)) from error
        if champion == self.version:
            return False
        self._card, self._appraiser = await asyncio.to_thread(load_appraiser, self._registry, champion)
        return True

    def observe(self, events: Iterable[SaleEvent]) -> None:
        """Let the market's state see sales, oldest first."""
        if self._appraiser is not None:
            self._appraiser.observe(list(events))

    def forecast(self, axie: Axie) -> Forecast:
        """What an axie would resell for now."""
        champion = self._champion()
        return champion.explain(axie, champion.forecast(axie, self._clock.now()))

    def history(self, axie: Axie) -> list[Comparable]:
        """The past sales that are most like an axie, as far as they are remembered."""
        return like_sales(self._champion().state, axie)

    def predict(self, listing: Listing) -> Prediction:
        """A listing priced as of now."""
        (prediction,) = self.predict_page([listing])
        if prediction is None:
            raise NoChampion(f"the exchange rate of {listing.token} is not known: try again later")
        return self.explained(listing, prediction)

    def explained(self, listing: Listing, prediction: Prediction) -> Prediction:
        """The prediction with what makes its price; to be asked for before the state moves on."""
        forecast = self._champion().explain(listing.axie, prediction.forecast)
        return msgspec.structs.replace(prediction, forecast=forecast)

    def predict_page(self, listings: Sequence[Listing]) -> list[Prediction | None]:
        """New listings priced as of now, in their order; None where the token's rate is not known."""
        self._champion().enter(listings, self._rates())
        return self.predict_again(listings)

    def weigh(self, listing: Listing) -> Prediction:
        """A listing priced as of now that leaves no trace in the market's book: nobody vouches for it."""
        (prediction,) = self.predict_again([listing])
        if prediction is None:
            raise NoChampion(f"the exchange rate of {listing.token} is not known: try again later")
        return self.explained(listing, prediction)

    def predict_again(self, listings: Sequence[Listing]) -> list[Prediction | None]:
        """Listings priced as of now; those that shall stand in the market's book do so already."""
        champion, rates = self._champion(), self._rates()
        told = [listing for listing in listings if listing.token in rates.usd]
        gas_usd = self._gas_ron * rates.usd.get(Token.WRON, DEAR_RON_USD)
        priced = iter(champion.predict(told, rates, gas_usd, self._clock.now()))
        return [next(priced) if listing.token in rates.usd else None for listing in listings]

    def _rates(self) -> Rates:
        if self.rates is None:
            raise NoChampion("the exchange rates are not known yet: try again in a moment")
        return self.rates

    def _champion(self) -> Appraiser:
        if self._appraiser is None:
            raise NoChampion("no model has been trained yet: run `axieflip train`, or /model retrain")
        return self._appraiser
