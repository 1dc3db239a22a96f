"""The marketplace as a handful of questions, each answered in domain values or with one clear error.

Every question spends from the request budget with a priority, is asked again where that is worth it, and
survives the loss of optional fields of the schema. Latency is measured from a page's `received`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from types import TracebackType
from typing import TypeVar

import aiohttp
import structlog
from msgspec import Raw

from pipeline.clock import Clock
from pipeline.market import decode, queries
from pipeline.market.asking import Asking, Retries
from pipeline.market.budget import Priority, RequestBudget, RequestLimits
from pipeline.market.decode import Seen
from pipeline.market.errors import QueryRejected
from pipeline.market.pages import AxieDetail, Page, Problem, Rejected
from pipeline.market.proxy import Proxy, ProxyCost, measure
from pipeline.market.selection import FieldName, Query
from pipeline.market.transport import Timeouts, Transport
from pipeline.market.values import AxieClass, Listing, Rates, Resolution, Sale

log = structlog.get_logger(__name__)

PAGE = 100
SALES_PAGE = 50
SETTLED_PAGE = 20
CHEAPEST_PAGE = 100  # the cheapest of all are banned axies, by the dozen

K = TypeVar("K", int, str)
T = TypeVar("T")


class MarketClient:
    """Asks the marketplace. Use it as an async context manager; it owns its HTTP session unless given one.

    `timed` is told the seconds of each answered "request" and of each page's "decode".
    """

    def __init__(
        self,
        url: str,
        api_key: str | None,
        clock: Clock,
        *,
        limits: RequestLimits = RequestLimits(),  # noqa: B008 - frozen
        timeouts: Timeouts = Timeouts(),  # noqa: B008 - frozen
        retries: Retries = Retries(),  # noqa: B008 - frozen
        session: aiohttp.ClientSession | None = None,
        proxy: Proxy | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        timed: Callable[[str, float], None] | None = None,
    ) -> None:
        self._transport = Transport(url, api_key, timeouts, session, proxy)
        self.budget = RequestBudget(limits, speed=clock.speed, sleep=sleep)
        self._timed = timed or (lambda _, __: None)
        self._asking = Asking(self._transport, clock, self.budget, retries, sleep, self._timed)
        self.stats = self._asking.stats

    def __repr__(self) -> str:
        return f"MarketClient({self._transport!r})"

    async def __aenter__(self) -> MarketClient:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.__aexit__(kind, error, trace)

    async def newest_listings(
        self, offset: int = 0, size: int = PAGE, *, priority: Priority = Priority.WATCH
    ) -> Page[Listing]:
        """Adult axies for sale, latest first; the order is not strict."""
        variables = {"from": offset, "size": size}
        return await self._page(queries.NEWEST, variables, decode.listings, priority)

    async def standing_listings(
        self,
        classes: Sequence[AxieClass] = (),
        breed_counts: Sequence[int] = (),
        offset: int = 0,
        size: int = PAGE,
        *,
        priority: Priority = Priority.BACKGROUND,
    ) -> Page[Listing]:
        """Adult axies for sale of some classes and breed counts (empty: all), by id. See queries.OFFSET_CAP.

        Ask for one breed count, or two neighbours: it is not known whether the marketplace reads more of
        them as a set or as a range.
        """
        criteria: dict[str, object] = {"stages": [queries.ADULT]}
        if classes:
            criteria["classes"] = [class_.value for class_ in classes]
        if breed_counts:
            # One count twice means the same as a set and as a range.
            criteria["breedCount"] = (
                sorted({*breed_counts}) if len({*breed_counts}) > 1 else [breed_counts[0]] * 2
            )
        variables = {"from": offset, "size": size, "criteria": criteria}
        return await self._page(queries.STANDING, variables, decode.listings, priority)

    async def cheapest(
        self,
        criteria: Mapping[str, object],
        size: int = CHEAPEST_PAGE,
        *,
        priority: Priority = Priority.BACKGROUND,
    ) -> Page[Listing]:
        """Adult axies for sale that satisfy search criteria, the cheapest first."""
        variables = {"size": size, "criteria": {"stages": [queries.ADULT], **criteria}}
        return await self._page(queries.CHEAPEST, variables, decode.listings, priority)

    async def axies(
        self, ids: Iterable[int], *, priority: Priority = Priority.BACKGROUND
    ) -> dict[int, AxieDetail]:
        """Axies by id with their sell orders, 50 a request. Unknown and unreadable ones are absent."""
        found: dict[int, AxieDetail] = {}
        for batch in _batches(dict.fromkeys(ids)):
            data, seen = await self._asking.ask(
                queries.DETAILS, _aliases(str(id_) for id_ in batch), priority
            )
            details, page = decode.details(data, _aliases(batch), seen)
            self._count(page.rejected, page.unread)
            found |= details
        return found

    async def orders(
        self, hashes: Iterable[str], *, priority: Priority = Priority.BACKGROUND
    ) -> dict[str, Resolution]:
        """What became of orders, 50 a request. Unknown ones are absent."""
        found: dict[str, Resolution] = {}
        for batch in _batches(dict.fromkeys(hashes)):
            data, seen = await self._asking.ask(queries.ORDERS, _aliases(batch), priority)
            resolutions, rejected = decode.resolutions(data, _aliases(batch), seen)
            self._count(rejected)
            found |= resolutions
        return found

    async def sales(
        self,
        before: datetime | None = None,
        size: int = SALES_PAGE,
        *,
        priority: Priority = Priority.BACKGROUND,
    ) -> Page[Sale]:
        """Sales up to a moment, latest first. Expect a page to repeat rows of the second it begins with."""
        variables = {"before": None if before is None else int(before.timestamp()), "size": size}
        return await self._page(queries.SALES, variables, decode.activities, priority)

    async def sales_of(
        self, axie_id: int, size: int = 10, *, priority: Priority = Priority.BACKGROUND
    ) -> Page[Sale]:
        """The sales of one axie, latest first."""
        variables = {"axie": str(axie_id), "size": size}
        return await self._page(queries.SALES_OF, variables, decode.activities, priority)

    async def settled(
        self, offset: int = 0, size: int = SETTLED_PAGE, *, priority: Priority = Priority.BACKGROUND
    ) -> Page[Sale]:
        """The latest hundred sales, by offset: what is left where the feed of `sales` fails."""
        variables = {"from": offset, "size": size}
        return await self._page(queries.SETTLED, variables, decode.settled, priority)

    async def rates(self, *, priority: Priority = Priority.BACKGROUND) -> Rates:
        """Dollars for a whole token, now."""
        data, seen = await self._asking.ask(queries.RATES, {}, priority)
        return decode.rates(data, seen)

    async def proxy_cost(self, *, priority: Priority = Priority.BACKGROUND) -> ProxyCost | None:
        """What the proxy adds to a request, measured now with a few small ones; None without a proxy."""
        if self._transport.proxy is None:
            return None

        async def ask(direct: bool) -> float:
            await self.budget.acquire(priority)
            self.stats.requests += 1
            sent = time.perf_counter()
            answer = await self._transport.post(queries.RATES.body({}, self._asking.dropped), direct=direct)
            self.budget.learn(answer.headers)
            return answer.received - sent

        return await measure(ask)

    async def check_queries(self, *, priority: Priority = Priority.BACKGROUND) -> list[Problem]:
        """What our queries ask for and the marketplace does not know. Empty if all is well.

        By introspection where that is allowed, else by sending each query for one row.
        """
        try:
            known = decode.schema((await self._asking.send(queries.INTROSPECTION, priority)).envelope.data)
        except QueryRejected:
            known = None
        if known is None:
            return [problem for query in queries.ALL for problem in await self._probe(query, priority)]
        return [
            Problem(query.name, str(name), bool(query.required(name)), "the schema does not have it")
            for query in queries.ALL
            for name in query.names()
            if name.name not in known.get(name.on, ())
        ]

    async def _probe(self, query: Query, priority: Priority) -> list[Problem]:
        problems: list[Problem] = []
        dropped: frozenset[FieldName] = frozenset()
        while True:
            try:
                await self._asking.send(
                    query.body(queries.PROBES[query.name], dropped), priority, bool(query.alias)
                )
            except QueryRejected as error:
                names = [FieldName.parse(name) for name in error.fields]
                new = [name for name in names if name not in dropped]
                problems += [
                    Problem(query.name, str(name), bool(query.required(name)), str(error)) for name in new
                ]
                if not new:
                    return problems or [Problem(query.name, "", True, str(error))]
                dropped |= frozenset(new)
            else:
                return problems

    async def _page(
        self,
        query: Query,
        variables: Mapping[str, object],
        read: Callable[[Raw, Seen], Page[T]],
        priority: Priority,
    ) -> Page[T]:
        data, seen = await self._asking.ask(query, variables, priority)
        began = time.perf_counter()
        page = read(data, seen)
        self._timed("decode", time.perf_counter() - began)
        self._count(page.rejected, page.unread)
        return page

    def _count(self, rejected: Iterable[Rejected], unread: Iterable[str] = ()) -> None:
        self.stats.rejected.update(row.reason for row in rejected)
        self.stats.unread.update(unread)


def _batches(keys: Iterable[K]) -> Iterator[list[K]]:
    rest = iter(keys)
    while batch := list(islice(rest, queries.BATCH)):
        yield batch


def _aliases(keys: Iterable[K]) -> dict[str, K]:
    return {f"k{i}": key for i, key in enumerate(keys)}
