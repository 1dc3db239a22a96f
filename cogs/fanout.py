"""Who is served next where one listing is a signal for thousands of channels, and what they share."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from pipeline.market.errors import MarketError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from bot.services.outbox import Owed
    from pipeline.market.client import MarketClient
    from pipeline.market.values import OrderStatus

# A lane takes few posts at a time: what becomes of the rest meanwhile (sold, watch removed) still counts.
LANE: Final = 3
CHECK_S: Final = 10.0
FRESH_S: Final = 10.0  # for so long what the marketplace said of an order goes for every channel
_MOST_KEPT: Final = 1_000


class _Place(NamedTuple):
    """A channel's place: the longest due first, then each server's first, second, … channel."""

    due_at: datetime
    of_its_guild: int
    number: int
    channel_id: int


def in_turn(owed: Sequence[Owed], busy: Collection[int], most: int) -> list[list[int]]:
    """The posts to send next, a list for each channel that is not busy, of at most so many channels.

    Oldest first; among channels whose posts have been due since the same moment, a server with a hundred of
    them waits with its second until every other server has had its first.
    """
    posts: defaultdict[int, list[Owed]] = defaultdict(list)
    places: list[_Place] = []
    taken: Counter[tuple[int, datetime]] = Counter()
    for number, each in enumerate(owed):
        if each.channel_id not in posts:
            turn = (each.guild_id, each.due_at)
            places.append(_Place(each.due_at, taken[turn], number, each.channel_id))
            taken[turn] += 1
        posts[each.channel_id].append(each)
    next_ones = [place.channel_id for place in sorted(places) if place.channel_id not in busy][:most]
    in_order = (sorted(posts[id_], key=lambda each: each.first_alert)[:LANE] for id_ in next_ones)
    return [[each.post_id for each in lane] for lane in in_order]


class Standing:
    """Whether orders still stand, asked once for all channels that are about to be told of them."""

    def __init__(self, market: MarketClient) -> None:
        self._market = market
        self._told: dict[str, tuple[float, OrderStatus | None]] = {}
        self._asking = asyncio.Lock()
        self._silent_at = 0.0  # when the marketplace last gave no answer

    async def of(self, hashes: Sequence[str]) -> dict[str, OrderStatus]:
        """The status of each order that the marketplace knows. Raises MarketError or TimeoutError.

        Where it does not answer, all who waited behind that question are told so, and none asks in turn.
        """
        came = time.monotonic()
        async with self._asking:
            now = time.monotonic()
            if self._silent_at > came:
                raise TimeoutError("whoever asked before found no answer")
            self._told = {hash_: told for hash_, told in self._told.items() if now - told[0] < FRESH_S}
            if unknown := [hash_ for hash_ in dict.fromkeys(hashes) if hash_ not in self._told]:
                try:
                    async with asyncio.timeout(CHECK_S):
                        found = await self._market.orders(unknown)
                except (MarketError, TimeoutError):
                    self._silent_at = time.monotonic()
                    raise
                now = time.monotonic()
                for hash_ in unknown[:_MOST_KEPT]:
                    self._told[hash_] = (now, found[hash_].status if hash_ in found else None)
            told = {hash_: self._told[hash_][1] for hash_ in hashes if hash_ in self._told}
        return {hash_: status for hash_, status in told.items() if status is not None}
