"""Rate limits as Discord announces and enforces them: fixed windows, in headers and with 429.

A window opens with its first request and stays open for its length; a sliding window would refuse clients
that wait exactly as long as the headers told them to. Interaction answers count towards no global limit.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

GLOBAL_LIMIT, GLOBAL_WINDOW = 50, 1.0


@dataclass(frozen=True, slots=True)
class Rule:
    """At most `limit` requests in `window` seconds for each value of the pattern's group."""

    name: str
    method: str
    path: re.Pattern[str]
    limit: int
    window: float


RULES = (
    Rule("send", "POST", re.compile(r"/channels/(\d+)/messages"), 5, 5.0),
    Rule("edit", "PATCH", re.compile(r"/channels/(\d+)/messages/\d+"), 5, 5.0),
    Rule("delete", "DELETE", re.compile(r"/channels/(\d+)/messages/\d+"), 5, 1.0),
    Rule("follow-up", "POST", re.compile(r"/webhooks/(\d+/[^/]+)"), 5, 2.0),
    Rule("follow-up-edit", "PATCH", re.compile(r"/webhooks/(\d+/[^/]+)/messages/.+"), 5, 2.0),
)
_UNGOVERNED = re.compile(r"/(interactions|webhooks)/")


@dataclass(slots=True)
class _Window:
    opened: float
    used: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a request may pass, what the headers say, and seconds until it may where it may not."""

    allowed: bool
    headers: dict[str, str]
    retry_after: float = 0.0
    everywhere: bool = False


class Limiter:
    """Counts requests in fixed windows; `clock` gives seconds that never go back."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._windows: dict[tuple[str, str], _Window] = {}
        self.refused = 0

    def _window(self, key: tuple[str, str], length: float) -> tuple[_Window, float]:
        """The open window of a key, and the seconds that are left of it."""
        now = self._clock()
        window = self._windows.get(key)
        if window is None or now - window.opened >= length:
            if len(self._windows) > 1_000:
                longest = max(rule.window for rule in RULES)
                self._windows = {k: w for k, w in self._windows.items() if now - w.opened < longest}
            window = self._windows[key] = _Window(now)
        return window, length - (now - window.opened)

    def judge(self, method: str, path: str) -> Verdict:
        """Count one request and decide on it."""
        rule, major = _rule(method, path)
        headers: dict[str, str] = {}
        if not _UNGOVERNED.match(path):
            everywhere, left = self._window(("global", ""), GLOBAL_WINDOW)
            if everywhere.used >= GLOBAL_LIMIT:
                self.refused += 1
                headers = {"X-RateLimit-Global": "true", "X-RateLimit-Scope": "global"}
                return Verdict(False, headers, _ceil(left), everywhere=True)
            everywhere.used += 1
        if rule is None:
            return Verdict(True, headers)
        window, left = self._window((rule.name, major), rule.window)
        allowed = window.used < rule.limit
        window.used += allowed
        headers = {
            "X-RateLimit-Limit": str(rule.limit),
            "X-RateLimit-Remaining": str(rule.limit - window.used),
            "X-RateLimit-Reset": f"{time.time() + left:.3f}",
            "X-RateLimit-Reset-After": f"{_ceil(left):.3f}",
            "X-RateLimit-Bucket": sha256(rule.name.encode()).hexdigest()[:32],
        }
        if allowed:
            return Verdict(True, headers)
        self.refused += 1
        return Verdict(False, headers | {"X-RateLimit-Scope": "user"}, _ceil(left))


def _rule(method: str, path: str) -> tuple[Rule | None, str]:
    for rule in RULES:
        if rule.method == method and (match := rule.path.fullmatch(path)):
            return rule, match.group(1)
    return None, ""


def _ceil(seconds: float) -> float:
    """Milliseconds rounded up, so that a client that waits this long is never early."""
    return math.ceil(seconds * 1000) / 1000
