"""What a reading of the marketplace gives: good rows, rows set aside with their reason, and when it came.

A bad row never stops its page. Reasons are a small fixed set of words, fit to be counted by.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from pipeline.market.values import Axie, Listing

Row = TypeVar("Row", covariant=True)
EXCERPT = 300


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that could not be used.

    `field` is the path to what was wrong with it, `excerpt` the row's first characters, and `hash` its
    order's, as far as they could be read.
    """

    reason: str
    field: str
    axie_id: int | None
    excerpt: str
    hash: str | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """One page of rows, in the order in which they came.

    `seen` counts the raw rows, good or not. `pending` holds the axies whose order is still null.
    `unread` names optional fields whose values made no sense and were left out, once for every row.
    `received` (time.perf_counter) and `at` (market time) are the instant when the answer had arrived.
    """

    rows: tuple[Row, ...]
    rejected: tuple[Rejected, ...]
    total: int | None
    pending: tuple[int, ...]
    seen: int
    received: float
    at: datetime
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AxieDetail:
    """An axie asked for by its id, with its sell order if it has one."""

    axie: Axie
    listing: Listing | None


@dataclass(frozen=True, slots=True)
class Problem:
    """What the marketplace's schema lacks of what a query asks for."""

    query: str
    field: str
    required: bool
    message: str


@dataclass(slots=True)
class ClientStats:
    """Counters of a client's life so far. Latencies are in seconds."""

    requests: int = 0
    retries: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    """By error class."""
    rejected: Counter[str] = field(default_factory=Counter)
    """Rows set aside, by reason."""
    unread: Counter[str] = field(default_factory=Counter)
    """Values of optional fields that made no sense, by field."""
    drift: list[str] = field(default_factory=list)
    """Optional fields that the marketplace no longer knows, as Type.field."""
    partial: int = 0
    """Answers that brought data together with errors."""
    last_latency: float | None = None
