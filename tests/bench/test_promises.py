"""What came of a flip is judged at the market's level of its purchase, and told as it was paid too."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from bench.promises import Flips, flips, show
from pipeline.appraisal.economics import Odds, Terms
from pipeline.appraisal.memory import DAY
from pipeline.backtest.weighing import Weighed

FLIPS = 20


def sold(axie: int, at: float, usd: float, fair: float) -> dict[str, object]:
    return {"axie_id": str(axie), "closed_at": at, "sold_usd": usd, "fair_usd": fair, "origin": "holder"}


@pytest.fixture
def found() -> Flips:
    """Axies bought for $10 and sold for $15 a day later, when the whole market stood a quarter higher."""
    axies, ones = np.arange(FLIPS), np.ones(FLIPS)
    promised = Odds(2.0 * ones, 0.2 * ones, np.linspace(0.6, 0.9, FLIPS))
    told = Weighed(DAY * ones, axies, promised, ones, np.nan * ones, np.inf * ones)
    bought = [sold(axie, DAY, 10.0, 8.0) for axie in axies.tolist()]
    again = [sold(axie, 2 * DAY, 15.0, 10.0) for axie in axies.tolist()]
    return flips(told, bought + again, Terms(fee=0.0))


def test_a_resale_is_scaled_to_the_level_of_its_purchase_and_kept_unscaled(found: Flips) -> None:
    np.testing.assert_allclose(found.realised_usd, 15.0 * 0.8 - 10.0)
    np.testing.assert_allclose(found.unscaled_usd, 15.0 - 10.0)


def test_both_are_shown(found: Flips) -> None:
    out = io.StringIO()
    show(found, Console(file=out, width=100))
    assert "realised $2.000 ± 0.000 (+0.0%, 15% are allowed)\n" in out.getvalue()
    assert out.getvalue().endswith(" unscaled $5.000 (+150.0%)\n")
    (band, *_) = [line for line in out.getvalue().splitlines() if line.startswith("│ 60%")]
    assert [cell.strip() for cell in band.split("│")[6:-1]] == ["$2.00", "100.0%", "$5.00"]
