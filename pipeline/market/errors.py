"""What can go wrong at the border to the marketplace, told apart by what helps against it.

`MarketUnavailable` passes by itself; every other error needs a person, and its message says what to do.
No message ever holds the key.
"""

from __future__ import annotations

from collections.abc import Sequence


class MarketError(Exception):
    """Anything that went wrong between us and the marketplace."""


class MarketUnavailable(MarketError):
    """The marketplace cannot answer now: it is down, slow, or unreachable. Trying later helps."""


class RateLimited(MarketUnavailable):
    """The request budget is spent. `retry_after` is in real seconds, None where the market did not say."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class MalformedAnswer(MarketUnavailable):
    """What came is not the JSON that was asked for: cut short, or of another shape."""


class AnswerTooLarge(MarketError):
    """The answer exceeds the size cap, which no page of a hundred rows comes near."""


class KeyRejected(MarketError):
    """The API key is missing, wrong, or lacks the marketplace service."""


class MarketBlocked(MarketError):
    """A protection page (Cloudflare) answered instead of the marketplace."""


class WrongAddress(MarketError):
    """There is no marketplace at the configured address."""


class QueryRejected(MarketError):
    """The marketplace refused a query. `fields` names the fields that it does not know, as Type.field."""

    def __init__(self, message: str, fields: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.fields = tuple(fields)


class GeneError(MarketError, ValueError):
    """A gene string that cannot be read."""
