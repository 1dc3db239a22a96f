"""The main job: each new listing is priced, held against every watch, and written down in one transaction.

Nothing is acknowledged to the watcher before it is stored, and nothing is announced before that either:
a process killed at any instruction finds the same listings again, and the alerts that it owes.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from bot.errors import NoChampion
from bot.services.journal import Entry, Journal
from bot.services.mutes import Mutes, Silence
from bot.services.outbox import Outbox
from bot.services.parts import Parts
from bot.services.posts import Posts
from bot.services.predictor import Predictor
from bot.services.stats import IntakeStats
from bot.services.watches import Watch, Watches
from pipeline.clock import Clock
from pipeline.market.values import Listing
from pipeline.market.watcher import Batch, Watcher
from pipeline.matching import Matcher
from pipeline.signal import Prediction

log = structlog.get_logger()
WITHOUT_RATES_S = 0.5


class Intake:
    """One turn is one poll of the marketplace's newest listings."""

    def __init__(
        self,
        watcher: Watcher,
        predictor: Predictor,
        watches: Watches,
        mutes: Mutes,
        journal: Journal,
        outbox: Outbox,
        posts: Posts,
        parts: Parts,
        stats: IntakeStats,
        clock: Clock,
    ) -> None:
        self._watcher = watcher
        self._predictor = predictor
        self._watches = watches
        self._mutes = mutes
        self._journal = journal
        self._outbox = outbox
        self._posts = posts
        self._parts = parts
        self._stats = stats
        self._clock = clock
        self._matched: tuple[Watch, ...] = ()
        self._matcher = Matcher([])

    async def turn(self) -> float:
        """Poll, price, record, acknowledge. Returns the seconds to wait before the next turn.

        Without exchange rates nothing is read: what cannot be priced now would never be priced, and the
        watcher pages back over what was listed meanwhile.
        """
        if self._predictor.waits_for_rates:
            return WITHOUT_RATES_S
        batch = await self._watcher.poll()
        predictions = self._price(batch.listings)
        self._match_against(await self._watches.active())
        silence = Silence(await self._mutes.active())
        entries = [
            self._entry(listing, prediction, silence)
            for listing, prediction in zip(batch.listings, predictions, strict=True)
        ]
        self._stats.arrived(batch.received, [entry.listing.hash for entry in entries if entry.watches])
        alerts = await self._journal.record(entries) if entries else 0
        self._watcher.acknowledge(batch)
        if alerts:
            self._outbox.wake()
        if entries:
            self._posts.wake()  # a new price may be told in an old message
            await self._parts.seen(listing.axie for listing in batch.listings)
        self._count(batch, predictions, alerts)
        return batch.delay

    def _price(self, listings: Sequence[Listing]) -> Sequence[Prediction | None]:
        try:
            return self._predictor.predict_page(listings)
        except NoChampion:
            return [None] * len(listings)
        except Exception:
            log.exception("a page could not be priced at once; each listing is tried by itself")
            return [self._price_alone(listing) for listing in listings]

    def _price_alone(self, listing: Listing) -> Prediction | None:
        """One that cannot be priced is recorded without a prediction: it must not hold up the others."""
        try:
            return self._predictor.predict(listing)
        except Exception:
            log.exception("a listing could not be priced", listing=listing.hash, axie=listing.axie.id)
            self._stats.rejected["not priced"] += 1
            return None

    def _match_against(self, watches: tuple[Watch, ...]) -> None:
        if watches is not self._matched:  # it is the same tuple for as long as no watch has changed
            self._matcher = Matcher([(watch.thresholds, watch.filters) for watch in watches])
            self._matched = watches

    def _entry(self, listing: Listing, prediction: Prediction | None, silence: Silence) -> Entry:
        watches = self._signalled(listing, prediction, silence)
        if prediction is not None and watches:
            prediction = self._predictor.explained(listing, prediction)  # for those who will read it
        return Entry(listing, prediction, watches)

    def _signalled(
        self, listing: Listing, prediction: Prediction | None, silence: Silence
    ) -> tuple[Watch, ...]:
        if prediction is None:
            return ()
        found = [self._matched[i] for i in self._matcher.matching(listing, prediction, self._clock.now())]
        return tuple(each for each in found if not silence.covers(each.guild_id, each.id, listing))

    def _count(self, batch: Batch, predictions: Sequence[Prediction | None], alerts: int) -> None:
        scored = sum(prediction is not None for prediction in predictions)
        self._stats.polled(batch.at, len(batch.listings), scored, alerts)
        for rejected in batch.rejected:
            self._stats.rejected[rejected.reason] += 1
        if batch.gap is not None:
            self._stats.gaps += 1
            log.warning("listings may have been missed", gap=str(batch.gap))
