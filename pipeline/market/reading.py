"""What the watcher keeps in mind: within one poll what it has read, and between polls what it knows."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import datetime

from pipeline.market.pages import Page, Rejected
from pipeline.market.values import Listing


@dataclass(slots=True)
class Pending:
    """An axie whose order was null. `polls` counts down to its next check."""

    since: datetime
    checks: int = 0
    polls: int = 1


@dataclass(slots=True)
class Reading:
    """What one poll has read so far. `met` are known listings by hash, `refused` known rows that are bad."""

    pages: list[Page[Listing]] = field(default_factory=list)
    fresh: dict[str, Listing] = field(default_factory=dict)
    bad: dict[Hashable, Rejected] = field(default_factory=dict)
    met: dict[str, datetime] = field(default_factory=dict)
    refused: set[Hashable] = field(default_factory=set)
    axies: set[int] = field(default_factory=set)
    stopped: str | None = None
    """Why reading ended before it had caught up."""

    def overlap(self) -> int:
        """How many known rows prove that nothing new lies beyond: the newest of them do not.

        Within one second the marketplace may show old and new in any order.
        """
        newest = max(self.met.values(), default=None)
        return len(self.refused) + sum(at != newest for at in self.met.values())


@dataclass(slots=True)
class LookBack:
    """A second look at what was listed lately: the next page's offset, and the age at which it ends."""

    offset: int
    until: datetime


class Memory:
    """The most recent keys, bounded. Being asked for keeps a key recent."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._keys: dict[Hashable, None] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def knows(self, key: Hashable) -> bool:
        """Whether it is among them."""
        if key not in self._keys:
            return False
        self.add(key)
        return True

    def add(self, key: Hashable) -> None:
        """Put it in as the most recent; the oldest may have to go."""
        self._keys.pop(key, None)
        self._keys[key] = None
        if len(self._keys) > self._most:
            del self._keys[next(iter(self._keys))]


def key_of(rejected: Rejected) -> Hashable:
    """What tells a rejected row from others, as far as it could be read."""
    return (rejected.hash, rejected.axie_id) if rejected.hash or rejected.axie_id else rejected.excerpt
