"""The key check and the request quota, with the headers that the real gateway sends.

Windows are fixed and counted in market time, so that a sped-up market stays usable: at speed 60 a minute's
300 requests are renewed every real second. `ratelimit-reset` is in real seconds.
"""

import math
from typing import Final

from sandbox.marketplace.clock import MarketClock
from sandbox.marketplace.config import MarketConfig

WINDOWS: Final = (("second", 1), ("minute", 60), ("hour", 3_600), ("day", 86_400))


class Quota:
    """Counts requests in the windows of a second, minute, hour and day."""

    def __init__(self, config: MarketConfig, clock: MarketClock) -> None:
        self._clock = clock
        self._most = (config.per_second, config.per_minute, config.per_hour, config.per_day)
        self._window = [-1] * 4
        self._used = [0] * 4

    def take(self) -> tuple[bool, dict[str, str]]:
        """Count a request; returns whether it may pass, and the headers of its answer."""
        now = self._clock.for_quotas()
        allowed, wait = True, 0.0
        for i, (_, seconds) in enumerate(WINDOWS):
            window = int(now // seconds)
            if window != self._window[i]:
                self._window[i], self._used[i] = window, 0
            if self._used[i] >= self._most[i]:
                allowed, wait = False, max(wait, (window + 1) * seconds - now)
        if allowed:
            self._used = [used + 1 for used in self._used]
        headers = {
            f"x-ratelimit-remaining-{name}": str(most - used)
            for (name, _), most, used in zip(WINDOWS, self._most, self._used, strict=True)
        }
        if not allowed:
            headers["ratelimit-reset"] = str(max(1, math.ceil(wait / (self._clock.speed or 1))))
        return allowed, headers


def key_problem(wanted: str | None, given: str | None) -> tuple[int, str] | None:
    """The status and message for a missing or wrong key, or None where all is well."""
    if wanted is None or given == wanted:
        return None
    if not given:
        return 401, "No API key found in request"
    return 403, "You cannot consume this service"
