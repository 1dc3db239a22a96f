"""The market's clock: market time passes `speed` times as fast as real time, or only by hand.

All market times are seconds since 1970 as floats; the real clock is monotonic and never read elsewhere.
"""

import time


class MarketClock:
    """Reads the market's now. With `speed` 0 it stands still until `advance`."""

    def __init__(self, start: float, speed: float) -> None:
        self._market = start
        self._real = time.monotonic()
        self._speed = speed

    @property
    def speed(self) -> float:
        """Market seconds per real second."""
        return self._speed

    def now(self) -> float:
        """Market time in seconds since 1970."""
        if not self._speed:
            return self._market
        return self._market + (time.monotonic() - self._real) * self._speed

    def for_quotas(self) -> float:
        """The time that request quotas run on: the market's, but real seconds count while it stands still."""
        return self.now() if self._speed else self._market + time.monotonic() - self._real

    def advance(self, seconds: float) -> None:
        """Jump forward, at any speed."""
        self._market += seconds

    def set_speed(self, speed: float) -> None:
        """Change the pace from this moment on, without a jump."""
        self._market = self.now()
        self._real = time.monotonic()
        self._speed = speed
