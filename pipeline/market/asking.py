"""One question to the marketplace: paid from the budget, asked again where that is worth it, judged.

A field that the schema has lost is dropped from this question and all later ones, where it is optional.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import structlog
from msgspec import Raw

from pipeline.clock import Clock
from pipeline.market.budget import Priority, RequestBudget
from pipeline.market.decode import Seen
from pipeline.market.errors import MarketError, MarketUnavailable, QueryRejected, RateLimited
from pipeline.market.pages import ClientStats
from pipeline.market.selection import FieldName, Query, unknown_fields
from pipeline.market.transport import Answer, Transport

log = structlog.get_logger(__name__)
# What GraphQL errors say of a service behind the gateway that is down for the moment.
_TEMPORARY = re.compile(
    r"\b50[0234]\b|bad gateway|gateway time|unavailable|timed? ?out|internal server error|econn|hang up"
    r"|too many requests",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a request is tried, and the back-off in real seconds (doubling, with full jitter).

    A reset after a 429 that is longer than `patience_s` is not waited for but raised.
    """

    attempts: int = 4
    base_s: float = 0.5
    cap_s: float = 8.0
    patience_s: float = 65.0


class Asking:
    """Sends queries by a transport. `timed` is told the seconds of each answered "request"."""

    def __init__(
        self,
        transport: Transport,
        clock: Clock,
        budget: RequestBudget,
        retries: Retries,
        sleep: Callable[[float], Awaitable[None]],
        timed: Callable[[str, float], None],
    ) -> None:
        self.transport, self.budget, self.retries = transport, budget, retries
        self.dropped: frozenset[FieldName] = frozenset()
        self.stats = ClientStats()
        self._clock, self._sleep, self._timed = clock, sleep, timed

    async def ask(
        self, query: Query, variables: Mapping[str, object], priority: Priority
    ) -> tuple[Raw, Seen]:
        """The data of a query. Asks again at once without optional fields that turn out to be unknown."""
        while True:
            try:
                answer = await self.send(query.body(variables, self.dropped), priority, bool(query.alias))
                return answer.envelope.data, Seen(answer.received, self._clock.now())
            except QueryRejected as error:
                self._drop(query, error)

    def _drop(self, query: Query, error: QueryRejected) -> None:
        names = [FieldName.parse(name) for name in error.fields]
        if not names:
            raise error
        lost = [str(name) for name in names if query.required(name) is not False]
        if lost or frozenset(names) <= self.dropped:
            raise QueryRejected(
                f"the marketplace no longer knows {', '.join(lost or error.fields)}, without which "
                f"{query.name} makes no sense: its schema has changed, and the bot must be updated",
                lost or error.fields,
            ) from error
        self.dropped |= frozenset(names)
        for name in names:
            if str(name) not in self.stats.drift:
                self.stats.drift.append(str(name))
                log.warning("the marketplace no longer knows a field; going on without it", field=str(name))

    async def send(self, body: object, priority: Priority, batched: bool = False) -> Answer:
        """One request, tried again where that is worth it. Raises a MarketError."""
        policy = self.retries
        for attempt in range(1, policy.attempts + 1):
            if (blocked := self.budget.blocked_s) > policy.patience_s:
                raise RateLimited(f"{self.transport.host} wants no request for {blocked:.0f} s", blocked)
            await self.budget.acquire(priority)
            self.stats.requests += 1
            self.stats.retries += attempt > 1
            try:
                sent = time.perf_counter()
                answer = await self.transport.post(body)
                self.stats.last_latency = answer.received - sent
                self._timed("request", self.stats.last_latency)
                self.budget.learn(answer.headers)
                self._judge(answer, batched)
                return answer
            except MarketError as error:
                self.stats.errors[type(error).__name__] += 1
                if isinstance(error, RateLimited):
                    self.budget.block(error.retry_after)
                if not isinstance(error, MarketUnavailable) or attempt == policy.attempts:
                    raise
                if not isinstance(error, RateLimited):  # for that, the budget waits
                    longest = min(policy.cap_s, policy.base_s * 2 ** (attempt - 1))
                    await self._sleep(random.uniform(0, longest))  # noqa: S311 - jitter  # nosec B311
        raise AssertionError("unreachable")

    def _judge(self, answer: Answer, batched: bool) -> None:
        """Raise unless the answer's data can be used, whatever errors came with it."""
        faults = answer.envelope.errors or []
        if not faults:
            return
        said = self.transport.strike("; ".join(fault.message for fault in faults[:3]))[:300]
        if unknown := unknown_fields(fault.message for fault in faults):
            names = [str(name) for name in unknown]
            raise QueryRejected(f"the marketplace does not know {', '.join(names)}", names)
        roots = [fault for fault in faults if not fault.path or len(fault.path) == 1]
        empty = answer.envelope.empty
        if any(_TEMPORARY.search(fault.message) for fault in (faults if empty else roots)):
            raise MarketUnavailable(f"the marketplace failed behind its gateway: {said}")
        # In a batch, an error of one alias (an order that nobody knows) leaves the others useful.
        if empty or (not batched and any(fault.path for fault in roots)):
            raise QueryRejected(f"the marketplace refused the query: {said}")
        self.stats.partial += 1
