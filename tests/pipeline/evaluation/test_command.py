"""`axieflip evaluate` as a person runs it, down to the exit code."""

import json
import sys
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from bot import entry
from tests.pipeline.appraisal.history import events, table

METRICS = {
    "rows", "mae", "mape", "median_ape", "within_20", "r2_log", "coverage", "width_log", "pinball",
}  # fmt: skip


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return table(events(1000))


@pytest.fixture(scope="module")
def path(frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sales") / "sales.csv.gz"
    frame.to_csv(path, index=False)
    return path


def day(frame: pd.DataFrame, number: int) -> str:
    return (frame["sold_at"].iloc[0] + timedelta(days=number)).strftime("%Y-%m-%d")


def evaluate(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], *words: object
) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of one run."""
    monkeypatch.setattr(sys, "argv", ["axieflip", "evaluate", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        entry.main()
    out, err = capfd.readouterr()
    return int(ended.value.code or 0), out, err


def test_json_is_one_object_of_the_promised_shape_and_nothing_else(
    frame: pd.DataFrame, path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ("--sales", path, "--from", day(frame, 4), "--retrain", "never", "--jobs", 1, "--json")
    code, out, err = evaluate(monkeypatch, capfd, *words)
    assert code == 0
    found = json.loads(out)
    assert out.count("\n") == 1
    assert "Evaluating" in err
    assert set(found) == {"model", "baselines", "by_day", "by_build_seen"}
    assert set(found["baselines"]) == {"static", "comparable", "plain_forest"}
    assert set(found["by_build_seen"]) == {"0", "1-4", "5+"}
    assert sorted(found["by_day"]) == list(found["by_day"])
    assert next(iter(found["by_day"])) == day(frame, 4)
    for cut in (found["baselines"], found["by_day"], found["by_build_seen"], {"": found["model"]}):
        for metrics in cut.values():
            assert set(metrics) == METRICS
            assert set(metrics["coverage"]) == set(metrics["width_log"]) == {"50", "80", "90"}
    assert 0 < found["model"]["median_ape"] < 1
    assert found["model"]["rows"] == int((frame["sold_at"].dt.strftime("%Y-%m-%d") >= day(frame, 4)).sum())


def test_a_person_gets_tables(
    frame: pd.DataFrame, path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = evaluate(
        monkeypatch, capfd, "--sales", path, "--from", day(frame, 4), "--to", day(frame, 4), "--jobs", 1
    )
    assert code == 0
    for word in (
        "this model",
        "static median",
        "plain forest",
        "median APE",
        "90 % covers",
        "By day",
        "By earlier sales",
        day(frame, 4),
    ):
        assert word in out


def test_mistakes_end_in_one_sentence_and_no_output(
    frame: pd.DataFrame,
    path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    lacking, garbage = tmp_path / "lacking.csv", tmp_path / "garbage.parquet"
    frame.drop(columns="horn").to_csv(lacking, index=False)
    garbage.write_bytes(b"not parquet")
    for sales, first, message, ends_with in (
        (tmp_path / "none.csv", day(frame, 2), "cannot read", 2),
        (garbage, day(frame, 2), "cannot read", 2),
        (lacking, day(frame, 2), "required column “horn” missing", 2),
        (path, "1999-01-01", "outside the data", 2),
        (path, day(frame, 1), "are needed to learn from", 2),
    ):
        code, out, err = evaluate(monkeypatch, capfd, "--sales", sales, "--from", first, "--json")
        assert code == ends_with
        assert out == ""
        assert message in " ".join(err.split())
        assert "Traceback" not in err


@pytest.mark.parametrize(
    "words", [("--from", "yesterday"), ("--from", "2026-06-01", "--retrain", "hourly"), ()]
)
def test_a_command_line_that_makes_no_sense_exits_with_2(
    words: tuple[str, ...], path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = evaluate(monkeypatch, capfd, "--sales", path, *words)
    assert code == 2
    assert out == ""
