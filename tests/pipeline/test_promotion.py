"""Who becomes champion: judged on what neither has seen, beyond chance, with the codes each has learnt."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.registry import Registry
from pipeline.appraisal.features import features
from pipeline.appraisal.state import MarketState
from pipeline.appraisal.subject import CATEGORIES, SaleEvent
from pipeline.appraisal.view import LEVEL
from pipeline.contest import Contestant, chance_better, score
from pipeline.history import Examples, replayed
from pipeline.loading import load_appraiser
from pipeline.objects import open_store
from pipeline.promotion import as_contestant, verdict
from pipeline.training import Learnt, learn
from tests.pipeline.appraisal.history import events, table
from tests.trainings import train

KEY = b"a key of sixteen+"
SEEN = 2000
pytestmark = pytest.mark.usefixtures("light_members")


def flipped(count: int) -> list[SaleEvent]:
    """Sales of axies that are sold again and again."""
    return [
        replace(sale, subject=replace(sale.subject, axie_id=index * 7 % 450))
        for index, sale in enumerate(events(count))
    ]


@pytest.fixture(scope="module")
def data() -> Examples:
    return replayed(table(flipped(3600)))


@pytest.fixture(scope="module")
def challenger(data: Examples) -> Learnt:
    return learn(data)


@pytest.fixture(scope="module")
def reigning(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """A registry whose champion has learnt from the older sales."""
    registry = Registry(open_store(f"file:{tmp_path_factory.mktemp('store')}"), KEY)
    train(table(flipped(SEEN)), registry)
    return registry


def clouded(registry: Registry, folder: Path, noise: float) -> Registry:
    """The same champion in a store of its own, its probes and forecasts off by so much."""
    card, artefact = registry.load(registry.champion())
    ensemble = artefact["ensemble"]
    off = np.array([noise, 0.0])
    compiled = replace(ensemble.compiled, offset=ensemble.compiled.offset + off)
    worse = Registry(open_store(f"file:{folder}"), KEY)
    moved = replace(ensemble, compiled=compiled, answers=ensemble.answers + off)
    worse.save("clouded", {**artefact, "ensemble": moved}, card.facts)
    worse.promote("clouded")
    return worse


def test_the_next_sale_of_the_same_axie_is_where_it_is() -> None:
    held = replayed(table(flipped(1000)))
    axies = held.axie.tolist()
    expected = [
        next((later for later in range(place + 1, len(axies)) if axies[later] == axie), -1)
        for place, axie in enumerate(axies)
    ]
    assert held.following.tolist() == expected


def test_a_champion_is_asked_with_the_numbers_of_categories_that_it_learnt(
    data: Examples, reigning: Registry
) -> None:
    _, champion = load_appraiser(reigning)
    sales = flipped(3600)[1500:]  # begins elsewhere, so that categories come in another order
    later = replayed(table(sales))
    assert later.state.codes.recoded(np.zeros((1, len(CATEGORIES))), champion.state.codes).any()
    twin = MarketState()
    twin.codes = copy.deepcopy(champion.state.codes)
    X, level = [], []
    for taken, view in twin.walk(iter(sales)):
        X.append(features(view, [event.subject for event in taken]))
        level.append(view.levels[:, LEVEL].copy())
    asked = as_contestant(champion, later, 300)
    own = np.concatenate(X)[-300:]
    centre, scale = champion.ensemble.forecast(own)
    np.testing.assert_array_equal(asked.centre, np.concatenate(level)[-300:] + centre)
    np.testing.assert_array_equal(asked.scale, scale)
    mistaken = np.concatenate(level)[-300:] + champion.ensemble.predict(later.X[-300:])
    assert (mistaken != asked.centre).any()


def test_what_another_state_does_not_know_is_unknown(data: Examples) -> None:
    codes = data.X[-50:, : len(CATEGORIES)]
    assert np.isnan(data.state.codes.recoded(codes, MarketState().codes)).all()
    np.testing.assert_array_equal(data.state.codes.recoded(codes, data.state.codes), codes)


def test_a_challenger_that_is_clearly_closer_is_promoted(
    challenger: Learnt, data: Examples, reigning: Registry, tmp_path: Path
) -> None:
    judged = verdict(challenger, data, clouded(reigning, tmp_path, 0.3))
    assert judged.promoted
    assert "closer than chance explains" in judged.reason
    assert judged.figures["chance_better"]["error"] > 0.99
    assert judged.figures["champion"]["version"] == "clouded"
    assert set(judged.figures["challenger"]["metrics"]) >= {"median_ape", "pinball", "coverage"}


def test_a_challenger_that_is_only_luckier_is_not(
    challenger: Learnt, data: Examples, reigning: Registry
) -> None:
    judged = verdict(challenger, data, reigning)
    assert 0.05 < judged.figures["chance_better"]["error"] < 0.95
    assert not judged.promoted
    assert "no better than chance explains" in judged.reason
    assert verdict(challenger, data, reigning).figures["chance_better"] == judged.figures["chance_better"]


def test_a_challenger_that_is_worse_is_not(challenger: Learnt, data: Examples, reigning: Registry) -> None:
    fitted = challenger.fitted
    worse = replace(challenger, fitted=replace(fitted, forecast=fitted.forecast[::-1].copy()))
    judged = verdict(worse, data, reigning)
    assert not judged.promoted
    assert "against the champion's" in judged.reason


def test_what_the_champion_may_learn_from_the_challenger_may_too(
    challenger: Learnt, data: Examples, reigning: Registry, tmp_path: Path
) -> None:
    card, artefact = reigning.load(reigning.champion())
    fresh = Registry(open_store(f"file:{tmp_path}"), KEY)
    fresh.save("fresh", artefact, {**card.facts, "data_to_s": float(data.at[-301])})
    fresh.promote("fresh")
    fitted = challenger.fitted
    stale = replace(challenger, fitted=replace(fitted, forecast=np.zeros_like(fitted.forecast)))
    judged = verdict(stale, data, fresh)
    assert judged.figures["rows"] == 300
    assert judged.figures["challenger"]["mae_log"] < 0.2  # of members that learnt up to there, not of zeros


def test_a_challenger_that_is_too_slow_is_not(
    challenger: Learnt, data: Examples, reigning: Registry, tmp_path: Path
) -> None:
    judged = verdict(challenger, data, clouded(reigning, tmp_path, 0.3), budget_ms=0.0)
    assert not judged.promoted
    assert "too slow" in judged.reason


def test_signals_come_to_what_the_same_axies_were_sold_for_next(challenger: Learnt, data: Examples) -> None:
    rows = challenger.fitted.metrics.rows
    told = challenger.judged(data, rows)
    log_usd = np.full(rows, 3.0)
    log_usd[:10] = 1.0  # far below what is forecast
    log_usd[10:20] = 3.5
    sure = Contestant(np.full(rows, 3.0), np.full(rows, 0.05), np.linspace(-1.5, 1.5, 400), told.flips)
    following = np.full(rows, -1)
    following[:8] = np.arange(10, 18)
    scored = score(sure, log_usd, following)
    assert scored.scores.signals.count >= 10
    assert scored.scores.signals.resolved == 8
    assert scored.scores.signals.won == 1.0
    assert scored.scores.signals.net_usd == pytest.approx(
        8 * (np.exp(3.5) * (1 - 0.0425) - np.exp(1.0) - 0.01)
    )


@given(st.integers(20, 400), st.integers(0, 50))
def test_equal_losses_are_a_draw_and_smaller_ones_a_sure_win(rows: int, seed: int) -> None:
    losses = np.random.default_rng(seed).random(rows)
    assert chance_better(losses, losses, seed) == 0.5
    assert chance_better(losses, losses + 0.1, seed) == 1.0
    assert chance_better(losses + 0.1, losses, seed) == 0.0
    other = losses[::-1].copy()
    assert chance_better(losses, other, seed) == chance_better(losses, other, seed)
