"""What can be chosen about a simulated market, and the real figures that it is calibrated to.

A world is determined by `seed`, `epoch`, `history_days` and `month`; the rest changes how it is served.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final


@dataclass(frozen=True, slots=True)
class Month:
    """One month's typical day: its sale-price quantiles in USD."""

    p25: float
    median: float
    p75: float
    p95: float


# Source: medians over the days of each month of the marketplace's daily totals, June 2025 to June 2026.
MONTHS: Final = {
    "2025-06": Month(p25=2.70, median=2.99, p75=4.53, p95=13.77),
    "2025-10": Month(p25=2.41, median=2.61, p75=3.95, p95=11.39),
    "2026-04": Month(p25=0.66, median=0.89, p75=1.89, p95=4.91),
}

# Source: median sale of the last 90 days by collection (June 2026), USD.
COLLECTION_MEDIANS: Final = {
    "Mystic": 2_517.0,
    "Origin": 603.0,
    "Shiny": 197.0,
    "Christmas": 193.0,
    "MEO": 182.0,
    "Japanese": 64.0,
    "Nightmare": 26.0,
    "Summer": 14.0,
}


@dataclass(frozen=True, slots=True)
class MarketConfig:
    """The whole set-up of one simulated market. `speed` is market seconds per real second, 0 = by hand."""

    seed: int = 7
    speed: float = 60.0
    history_days: float = 5.0
    epoch: datetime = datetime(2026, 7, 1, tzinfo=UTC)
    """Market time at the moment of serving; the history lies before it."""
    month: str = "2025-06"
    book: int = 18_000
    """Open orders at the beginning of the history."""
    sales_a_day: float = 4_600.0
    api_key: str | None = None
    """Where set, the `X-API-Key` header must be this."""
    per_second: int = 50
    per_minute: int = 300
    per_hour: int = 5_000
    per_day: int = 100_000
    host: str = "127.0.0.1"
    port: int = 0
