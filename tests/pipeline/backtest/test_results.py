"""What signals came to, counted by hand."""

import io
import math

import numpy as np
import pytest
from PIL import Image

from pipeline.appraisal.economics import Odds, Terms
from pipeline.appraisal.memory import DAY
from pipeline.backtest.plot import draw
from pipeline.backtest.report import FEW, report
from pipeline.backtest.results import Streak, best, count, days, grid, signals, tried, worst_streak
from pipeline.backtest.weighing import Weighed
from pipeline.signal import Thresholds

NAN, INF = math.nan, math.inf


def weighed(
    net: list[float], realised: list[float], *, axie: list[int] | None = None, step: float = DAY / 4,
    chance: float = 0.8, return_: float = 0.5, comparable: list[float] | None = None,
    resold_after: float = DAY,
) -> Weighed:  # fmt: skip
    n = len(net)
    at = np.arange(n) * step
    came = np.array(realised)
    return Weighed(
        at=at,
        axie=np.array(axie or range(n)),
        odds=Odds(np.array(net), np.full(n, return_), np.full(n, chance)),
        comparable_net_usd=np.array(comparable or net),
        realised_usd=came,
        resold_at=np.where(np.isnan(came), INF, at + resold_after),
    )


def test_figures_are_those_counted_by_hand() -> None:
    one = weighed([1, 2, 3, 4, 5], [2.0, -1.0, NAN, -3.0, 6.0])
    found = count(one, np.arange(5))
    assert (found.signals, found.resolved, found.resolved_share) == (5, 4, 0.8)
    assert (found.win_rate, found.mean_net_usd, found.median_net_usd) == (0.5, 1.0, 0.5)
    assert found.promised_mean_net_usd == 3.0
    assert found.promised_win_rate == pytest.approx(0.8)
    assert found.total_net_usd == 4.0
    assert days(one) == 2
    assert found.profit_per_day_usd == 2.0
    assert found.worst_streak == Streak(2, -4.0)


def test_without_outcomes_nothing_is_made_up() -> None:
    for rows in (np.arange(2), np.arange(0)):
        found = count(weighed([1, 2], [NAN, NAN]), rows)
        assert (found.win_rate, found.mean_net_usd, found.median_net_usd) == (None, None, None)
        assert (found.resolved, found.total_net_usd, found.worst_streak) == (0, 0.0, Streak())
    assert count(weighed([1], [NAN]), np.arange(0)).resolved_share is None


@pytest.mark.parametrize(
    ("net", "expected"),
    [
        ([], Streak()),
        ([1.0, 2.0], Streak()),
        ([-1.0, 1.0, -2.0, 0.0, 5.0, -9.0], Streak(2, -2.0)),
        ([-1.0, 1.0, -3.0], Streak(1, -3.0)),
    ],
)
def test_the_worst_streak_is_the_longest_and_of_these_the_dearest(net: list[float], expected: Streak) -> None:
    assert worst_streak(np.array(net)) == expected


def test_a_streak_is_in_the_order_of_the_resales() -> None:
    one = weighed([1, 1, 1], [-1.0, 5.0, -1.0])
    assert count(one, np.arange(3)).worst_streak.losses == 1
    late = Weighed(
        **{name: getattr(one, name) for name in one.__slots__} | {"resold_at": np.array([9, 1, 10])}
    )
    assert count(late, np.arange(3)).worst_streak == Streak(2, -2.0)


def test_an_axie_is_not_bought_twice_before_it_is_resold() -> None:
    one = weighed([1] * 5, [2.0, 2.0, 2.0, NAN, NAN], axie=[7, 7, 7, 7, 7], resold_after=DAY / 2)
    # Bought at 0, held when offered at 1, resold and free again at 2; the last is bought while 2's is held.
    assert signals(one, Thresholds(0, 0, 0)).tolist() == [0, 2, 4]


def test_a_grid_is_every_combination() -> None:
    cells = grid([0.3, 1.0], [0.2], [0.6, 0.8])
    assert [(cell.min_net_usd, cell.min_probability) for cell in cells] == [
        (0.3, 0.6), (0.3, 0.8), (1.0, 0.6), (1.0, 0.8),
    ]  # fmt: skip
    one = weighed([0.5, 2.0], [1.0, 1.0])
    assert [tried(one, cell).result.signals for cell in cells] == [2, 2, 1, 1]


def test_the_best_tenth_is_held_against_as_many_that_the_simple_rule_prefers() -> None:
    net = [float(value) for value in range(20)]
    realised = [1.0 if value >= 15 else -1.0 for value in range(20)]
    found = best(weighed(net, realised, comparable=net[::-1]))
    assert found.chosen == 2
    assert (found.model.win_rate, found.model.signals) == (1.0, 2)
    assert (found.comparable.win_rate, found.comparable.signals) == (0.0, 2)


def test_offers_that_the_simple_rule_knows_nothing_of_are_its_last_choice() -> None:
    found = best(weighed([1.0] * 10, [-1.0] * 9 + [1.0], comparable=[NAN] * 9 + [-5.0]))
    assert found.comparable.win_rate == 1.0


def test_the_caveats_tell_of_a_grid_and_of_few_outcomes() -> None:
    few = weighed([1.0, 2.0], [1.0, NAN])
    single = report(few, [Thresholds()], Terms(), "sales", daily=True)
    assert any("1 of 2 offers (50.0%)" in caveat for caveat in single.caveats)
    assert any(f"fewer than {FEW} resolved" in caveat for caveat in single.caveats)
    assert not any("grid" in caveat for caveat in single.caveats)
    several = report(few, grid([0.3], [0.2], [0.6, 0.7]), Terms(), "listings", daily=True)
    assert any("grid" in caveat for caveat in several.caveats)
    many = weighed([1.0] * 400, [1.0] * 400)
    assert not any(
        "mostly chance" in c for c in report(many, [Thresholds()], Terms(), "sales", daily=True).caveats
    )


@pytest.mark.parametrize("realised", [[1.0, -1.0] * 30, [NAN] * 60])
def test_a_picture_is_drawn_whatever_came_of_it(realised: list[float]) -> None:
    one = weighed([float(value) for value in range(60)], realised)
    with Image.open(io.BytesIO(draw(one, grid([0.3, 5, 1000], [0.2], [0.7])))) as picture:
        assert picture.format == "PNG"
        assert picture.width >= 800
