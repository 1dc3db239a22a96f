"""Listings are priced and held against every watch, for the first time or because their price has fallen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext

import structlog

from bot.errors import NoChampion
from bot.services.journal import Entry
from bot.services.mutes import Mutes, Silence
from bot.services.predictor import Predictor
from bot.services.stats import IntakeStats
from bot.services.watches import Watch, Watches
from bot.tracing import KEY, trace_ids
from pipeline.clock import Clock
from pipeline.falling import look_again
from pipeline.market.values import Listing
from pipeline.matching import Matcher
from pipeline.signal import Prediction

Price = Callable[[Sequence[Listing]], Sequence[Prediction | None]]
log = structlog.get_logger(__name__)


class Weighing:
    """The model, the watches and the mutes of the moment, asked together."""

    def __init__(
        self, predictor: Predictor, watches: Watches, mutes: Mutes, stats: IntakeStats, clock: Clock
    ) -> None:
        self._predictor = predictor
        self._watches = watches
        self._mutes = mutes
        self._stats = stats
        self._clock = clock
        self._matched: tuple[Watch, ...] = ()
        self._matcher = Matcher([])

    @property
    def waits_for_rates(self) -> bool:
        """Whether nothing but the exchange rates is missing: what cannot be priced now never would be."""
        return self._predictor.waits_for_rates

    async def new(self, listings: Sequence[Listing]) -> list[Entry]:
        """Listings that were never seen before."""
        return await self._weigh(listings, self._predictor.predict_page, log.info)

    async def again(self, listings: Sequence[Listing]) -> list[Entry]:
        """Listings that are known, at what is asked for them now."""
        return await self._weigh(listings, self._predictor.predict_again, log.debug)

    async def _weigh(
        self, listings: Sequence[Listing], price: Price, tell: Callable[..., None]
    ) -> list[Entry]:
        self._match_against(await self._watches.active())
        silence = Silence(await self._mutes.active())
        timing = self._stats.timings.timing
        with timing("price") if listings else nullcontext():
            predictions = self._price(listings, price)
        hashes = {True: list[str](), False: list[str]()}
        for listing, prediction in zip(listings, predictions, strict=True):
            hashes[prediction is not None].append(listing.hash)
        if hashes[True]:
            tell("listings priced", **{KEY: trace_ids(hashes[True])})
        if hashes[False]:
            tell("listings not priced", **{KEY: trace_ids(hashes[False])})
        with timing("decide") if listings else nullcontext():
            entries = [
                self._entry(listing, prediction, silence)
                for listing, prediction in zip(listings, predictions, strict=True)
            ]
        if entries:
            signals = trace_ids(entry.listing.hash for entry in entries if entry.watches)
            seen = trace_ids(listing.hash for listing in listings)
            tell("listings decided", signals=signals, **{KEY: seen})
        return entries

    def _price(self, listings: Sequence[Listing], price: Price) -> Sequence[Prediction | None]:
        try:
            return price(listings)
        except NoChampion:
            return [None] * len(listings)
        except Exception:
            log.exception("a page could not be priced at once; each listing is tried by itself")
            return [self._price_alone(listing, price) for listing in listings]

    def _price_alone(self, listing: Listing, price: Price) -> Prediction | None:
        """One that cannot be priced is recorded without a prediction: it must not hold up the others."""
        try:
            return price([listing])[0]
        except Exception:
            log.exception("a listing could not be priced", listing=listing.hash, axie=listing.axie.id)
            self._stats.rejected["not priced"] += 1
            return None

    def _match_against(self, watches: tuple[Watch, ...]) -> None:
        if watches is not self._matched:  # it is the same tuple for as long as no watch has changed
            self._matcher = Matcher([(watch.thresholds, watch.filters) for watch in watches])
            self._matched = watches

    def _entry(self, listing: Listing, prediction: Prediction | None, silence: Silence) -> Entry:
        if prediction is None:
            return Entry(listing, None, weigh_at=look_again(listing, None, None, self._clock.now()))
        at = prediction.forecast.at
        found = [self._matched[number] for number in self._matcher.matching(listing, prediction, at)]
        watches = tuple(each for each in found if not silence.covers(each.guild_id, each.id, listing))
        wanted = self._matcher.next_ask(listing, prediction, at) if listing.is_auction else None
        again = look_again(listing, prediction, wanted, at)
        if watches:
            prediction = self._predictor.explained(listing, prediction)  # for those who will read it
        return Entry(listing, prediction, watches, again)
