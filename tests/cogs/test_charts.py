"""What is drawn: a readable picture for any figures, and nothing heavy in the bot's own process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.services.workers import Workers
from cogs import charts

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
STEPS = [("Market level", 1.0), ("Battle parts", 12.5), ("Level", -1.4)]
RESALE = (9.0, 12.1, 16.0)
PRICES = st.floats(1e-3, 1e6)


def size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n")
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


@pytest.mark.parametrize(
    "picture",
    [
        partial(charts.waterfall, STEPS, ("Resale", 12.1), 8.0),
        partial(charts.waterfall, [("$x_1^ \\frac", -3.0), ("y" * 90, 2503.0)], ("Resale", 2500.0), 0.01),
        partial(charts.history, [], 8.0, RESALE, NOON),
        partial(charts.history, [charts.Point(NOON, 12.0, True)], 8.0, RESALE, NOON),
    ],
)
def test_a_picture_is_as_wide_as_two_points_for_each_of_a_phone(picture: Callable[[], bytes]) -> None:
    drawn = picture()
    width, height = size(drawn)
    assert width == 800
    assert 200 < height < 1000
    assert len(drawn) < 200_000


@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**7), PRICES), max_size=20), PRICES, PRICES)
def test_any_prices_at_any_times_can_be_drawn(
    sales: list[tuple[int, float]], ask: float, resale: float
) -> None:
    points = [charts.Point(NOON - timedelta(seconds=age), usd) for age, usd in sales]
    size(charts.history(points, ask, (resale / 2, resale, resale * 2), NOON))


def test_the_bot_imports_its_charts_without_what_draws_them() -> None:
    code = "import sys, cogs.charts; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


async def test_a_worker_draws_and_one_that_was_killed_is_replaced() -> None:
    workers = Workers()
    try:
        first = await workers.run(os.getpid)
        assert first != os.getpid()
        with pytest.raises(BrokenProcessPool):
            await workers.run(os.kill, first, signal.SIGKILL)
        size(await workers.run(charts.waterfall, STEPS, ("Resale", 12.1), ask_usd=8.0))
        assert await workers.run(os.getpid) != first
    finally:
        workers.close()
