"""Finds each new sell order on the marketplace exactly once, however the feed shuffles and shifts.

What is new is told by its order's hash, never by its place: after a burst the watcher reads on until a
page overlaps with what it knows. A batch counts as known only once it is acknowledged, so a caller that
could not store it gets it again.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from datetime import datetime, timedelta

from pipeline.clock import Clock
from pipeline.market.budget import Priority
from pipeline.market.errors import MarketUnavailable
from pipeline.market.pages import Page
from pipeline.market.queries import BATCH, OFFSET_CAP
from pipeline.market.reading import LookBack, Memory, Pending, Reading, key_of
from pipeline.market.values import Listing
from pipeline.market.watching import Batch, Client, Gap, WatcherSettings

NEW_PER_POLL = 0.5
"""How many new listings a poll should meet: fewer polls where less happens."""
_SMOOTHING = 0.2
PENDING_FOR = timedelta(hours=1)
"""An axie whose order stays null is asked for again after 1, 2, 4, … polls, in market time this long."""
_MOST_PENDING = 1000
LOOK_BACK_EVERY = timedelta(seconds=30)


class Watcher:
    """Polls the newest listings. `known` are hashes of stored orders, oldest first."""

    def __init__(
        self,
        client: Client,
        clock: Clock,
        *,
        known: Iterable[str] = (),
        settings: WatcherSettings = WatcherSettings(),  # noqa: B008 - frozen
    ) -> None:
        self._client, self._clock, self._settings = client, clock, settings
        self._known = Memory(settings.remember)
        for hash_ in known:
            self._known.add(hash_)
        self._rejected = Memory(settings.remember)
        self._pending: dict[int, Pending] = {}
        self._newest: datetime | None = None
        self._looked_back: datetime | None = None
        self._back: LookBack | None = None
        self._rate: float | None = None
        self._last: float | None = None

    async def poll(self) -> Batch:
        """Read until caught up. Raises the client's MarketError; nothing is lost by it.

        The very first poll of a watcher that knows nothing takes one page and calls it a start, no gap.
        """
        reading = await self._read()
        await self._look_back(reading)
        await self._check_pending(reading)
        first = reading.pages[0]
        listings = list(reading.fresh.values())[::-1]  # of two started in one second, the lower is older
        listings.sort(key=lambda listing: listing.started_at)
        return Batch(
            listings=tuple(listings),
            gap=self._gap(reading) if reading.stopped else None,
            pages=len(reading.pages),
            rejected=tuple(reading.bad.values()),
            received=first.received,
            at=first.at,
            delay=self._delay(first.received, len(listings)),
        )

    def acknowledge(self, batch: Batch) -> None:
        """The batch is stored: its orders are known from here on."""
        for listing in batch.listings:
            self._known.add(listing.hash)
            self._pending.pop(listing.axie.id, None)
        for rejected in batch.rejected:
            self._rejected.add(key_of(rejected))
        if batch.listings:
            newest = max(listing.started_at for listing in batch.listings)
            self._newest = max(newest, self._newest or newest)

    async def _read(self) -> Reading:
        settings, reading = self._settings, Reading()
        enough = min(settings.overlap, len(self._known))
        offset = 0
        previous: Page[Listing] | None = None
        while True:
            page = await self._client.newest_listings(offset, settings.size, priority=Priority.WATCH)
            self._take(page, reading)
            apart = previous if offset and not self._joins(previous, page) else None
            if apart and not _is_newer(page, apart):
                # Rows above were bought while we paged, and others may have slipped past us: step back.
                offset = max(0, offset - settings.size // 2)
            elif not apart and (reading.overlap() >= enough or _ends(page, offset, settings.size)):
                return reading
            else:
                # Where more came above than a page holds, what was to be read next has only moved down.
                previous = page
                offset += settings.size - settings.margin
            if len(reading.pages) >= settings.max_pages:
                reading.stopped = f"no overlap within {settings.max_pages} pages"
                return reading
            if offset >= OFFSET_CAP:
                reading.stopped = f"the marketplace shows no more than {OFFSET_CAP} rows"
                return reading

    def _joins(self, before: Page[Listing] | None, page: Page[Listing]) -> bool:
        return before is None or len(_keys(before) & _keys(page)) > self._settings.margin // 2

    def _take(self, page: Page[Listing], reading: Reading) -> None:
        reading.pages.append(page)
        for listing in page.rows:
            reading.axies.add(listing.axie.id)
            if self._known.knows(listing.hash):
                reading.met[listing.hash] = listing.started_at
                self._pending.pop(listing.axie.id, None)
            else:
                reading.fresh.setdefault(listing.hash, listing)
        for rejected in page.rejected:
            key = key_of(rejected)
            if self._rejected.knows(key):
                reading.refused.add(key)
            else:
                reading.bad.setdefault(key, rejected)
        for axie_id in page.pending:
            reading.axies.add(axie_id)
            if len(self._pending) < _MOST_PENDING:
                self._pending.setdefault(axie_id, Pending(page.at))

    async def _look_back(self, reading: Reading) -> None:
        """Read one page more of what was listed lately, where a look back is due or under way.

        New rows have pushed everything down since the last of these pages.
        """
        settings, now, step = self._settings, reading.pages[0].at, self._settings.size - self._settings.margin
        if self._back is not None:
            self._back.offset += len(reading.fresh)
        else:
            # From where the last life, or the time before an outage, had got to.
            since = max(reading.met.values(), default=now) - settings.look_back
            before = self._looked_back
            if not settings.look_back or (
                before is not None and timedelta(0) <= now - before < LOOK_BACK_EVERY
            ):
                return
            self._looked_back = now
            if not reading.met or self._reaches(reading.pages[-1], since):
                return
            self._back = LookBack(len(reading.pages) * step, since)
        back, self._back = self._back, None
        if back.offset >= OFFSET_CAP:
            return
        try:
            page = await self._client.newest_listings(back.offset, settings.size, priority=Priority.WATCH)
        except MarketUnavailable:
            self._back = back  # what the first pages brought is worth more than waiting
            return
        self._take(page, reading)
        back.offset += step
        if not (self._reaches(page, back.until) or _ends(page, back.offset, settings.size)):
            self._back = back

    def _reaches(self, page: Page[Listing], back_to: datetime) -> bool:
        """Whether the page's end is that old; a row that is far out of its place says nothing."""
        tail = sorted(listing.started_at for listing in page.rows[-self._settings.overlap :])
        return not tail or tail[len(tail) // 2] <= back_to

    async def _check_pending(self, reading: Reading) -> None:
        """Ask by id for axies whose order was null and which have since left the pages that we read."""
        now = self._clock.now()
        for axie_id in [id_ for id_, pending in self._pending.items() if now - pending.since > PENDING_FOR]:
            del self._pending[axie_id]
        due: list[int] = []
        for axie_id, pending in self._pending.items():
            if axie_id not in reading.axies:
                pending.polls -= 1
                if pending.polls <= 0:
                    due.append(axie_id)
        if not due:
            return
        try:
            details = await self._client.axies(due[:BATCH], priority=Priority.WATCH)
        except MarketUnavailable:
            return  # they stay due; what the pages brought is worth more than waiting
        for axie_id in due[:BATCH]:
            detail, pending = details.get(axie_id), self._pending[axie_id]
            if detail is None or detail.listing is None:
                pending.checks += 1
                pending.polls = 2**pending.checks
            elif self._known.knows(detail.listing.hash):
                del self._pending[axie_id]
            else:
                # It stays pending until it is acknowledged.
                reading.fresh.setdefault(detail.listing.hash, detail.listing)

    def _gap(self, reading: Reading) -> Gap:
        times = [listing.started_at for listing in reading.fresh.values()]
        if not times:
            return Gap(self._newest, None, None, reading.stopped or "")
        oldest, span = min(times), (max(times) - min(times)).total_seconds()
        estimate = None
        if self._newest is not None and span > 0:
            missed = max((oldest - self._newest).total_seconds(), 0.0)
            estimate = max(round(missed * (len(times) - 1) / span) - 1, 0)
        return Gap(self._newest, oldest, estimate, reading.stopped or "")

    def _delay(self, received: float, new: int) -> float:
        settings = self._settings
        if self._last is not None and received > self._last:
            rate = new / (received - self._last)
            self._rate = rate if self._rate is None else self._rate + _SMOOTHING * (rate - self._rate)
        self._last = received
        wanted = settings.min_interval
        if self._rate is not None and new < settings.size - settings.overlap:
            wanted = NEW_PER_POLL / self._rate if self._rate > 0 else settings.max_interval
        wanted = min(max(wanted, settings.min_interval), settings.max_interval)
        return max(wanted, self._client.budget.watch_interval())


def _keys(page: Page[Listing]) -> frozenset[Hashable]:
    """All that can be recognised of a page's rows."""
    return frozenset((*(row.hash for row in page.rows), *map(key_of, page.rejected), *page.pending))


def _is_newer(page: Page[Listing], than: Page[Listing]) -> bool:
    """Whether a page's rows, as a whole, were listed after another's."""
    new, old = (sorted(row.started_at for row in each.rows) for each in (page, than))
    return bool(new and old) and new[len(new) // 2] > old[len(old) // 2]


def _ends(page: Page[Listing], offset: int, size: int) -> bool:
    """Whether nothing lies beyond this page. A short page alone does not say so where a total is known."""
    if not page.seen:
        return True
    return offset + size >= page.total if page.total else page.seen < size
