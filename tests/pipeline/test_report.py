"""The report of a training: figures that add up, pictures that are pictures, all of it kept and named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from matplotlib.image import imread

from models import ensemble
from models.members import MEMBERS
from models.registry import Registry
from pipeline.objects import open_store
from pipeline.report import Report, keep_report, report_of
from pipeline.report.plots import PICTURES
from pipeline.training import Outcome
from tests.pipeline.appraisal.history import table
from tests.pipeline.test_promotion import KEY, flipped
from tests.trainings import train


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """A training that was judged against a champion."""
    registry = Registry(open_store(f"file:{tmp_path_factory.mktemp('store')}"), KEY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ensemble, "MEMBERS", {"linear": MEMBERS["linear"]})
        train(table(flipped(2000)), registry)
        return train(table(flipped(3600)), registry)


@pytest.fixture(scope="module")
def report(outcome: Outcome) -> Report:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ensemble, "MEMBERS", {"linear": MEMBERS["linear"]})
        return report_of(outcome)


def test_the_figures_are_of_the_sales_that_the_model_was_judged_by(outcome: Outcome, report: Report) -> None:
    contest = outcome.card.facts["contest"]
    assert report.rows == contest["rows"] == len(report.dots)
    for bands in (report.by_price, report.by_seen, report.by_day):
        assert sum(band.rows for band in bands) == report.rows
    covered = sum(day.rows * day.coverage["90"] for day in report.by_day) / report.rows
    assert covered == pytest.approx(contest["challenger"]["metrics"]["coverage"]["90"])
    errors = [abs(forecast / paid - 1) for paid, forecast in report.dots]
    assert np.median(errors) == pytest.approx(contest["challenger"]["metrics"]["median_ape"], abs=1e-3)
    assert set(report.profit) == {"this model", "the champion"}
    for name, side in (("this model", "challenger"), ("the champion", "champion")):
        net = report.profit[name][-1].net_usd if report.profit[name] else 0.0
        assert net == pytest.approx(contest[side]["signals"]["net_usd"], abs=1e-3)
    assert report.weights == {"linear": 1.0}
    counts = [point.rows for point in report.learning]
    assert counts == sorted(counts)
    assert report.learning[-1].mae_log < report.learning[0].mae_log


def test_everything_is_kept_under_the_run_and_its_keys_are_told(report: Report, tmp_path: Path) -> None:
    store = open_store(f"file:{tmp_path}")
    keys = keep_report(store, "20260601T000000", report)
    assert sorted(keys.values()) == store.list("reports/20260601T000000/")
    assert set(keys) == {"figures", "overview", *PICTURES}
    assert msgspec.json.decode(store.get(keys["figures"]), type=Report) == report
    for name in ("overview", *PICTURES):
        pixels = imread(tmp_path / keys[name])
        assert pixels.shape[0] > 300
        assert pixels.std() > 0.01  # something is drawn


def test_a_report_without_signals_and_with_members_left_out_is_drawn_too(
    report: Report, tmp_path: Path
) -> None:
    bare = msgspec.structs.replace(
        report,
        profit={"this model": []},
        by_day=report.by_day[:1],
        by_price=report.by_price[:1],
        weights={"linear": 1.0, "neural": 0.0},
        left_out={"neural": "too slow by itself"},
    )
    assert keep_report(open_store(f"file:{tmp_path}"), "bare", bare)


def test_dots_are_a_sample_where_there_are_many_sales(
    outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ensemble, "MEMBERS", {"linear": MEMBERS["linear"]})
    monkeypatch.setattr("pipeline.report.figures.MOST_DOTS", 50)
    assert len(report_of(replace(outcome)).dots) == 50
