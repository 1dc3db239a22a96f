"""`axieflip train --sales`: tables of sales go the way of what was collected, down to the champion."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from bot import entry
from models import ensemble
from models.members import MEMBERS
from models.rows import TrainingError
from pipeline import birth, given
from pipeline.given import Given
from pipeline.history import replayed
from pipeline.streaming import streamed
from pipeline.validation import ValidationFailed
from tests.pipeline.appraisal.history import events, table

LONG_AGO = timedelta(days=1_200)
SALES = table(events(2_200)).assign(sold_at=lambda sales: sales["sold_at"] - LONG_AGO)
NEWEST = SALES["sold_at"].iloc[-1].to_pydatetime()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The older sales as CSV and the newer ones as Parquet, the newer first."""
    folder = tmp_path_factory.mktemp("sales")
    newer, older = folder / "newer.parquet", folder / "older.csv.gz"
    SALES[1_500:].to_parquet(newer)
    SALES[:1_500].to_csv(older, index=False)
    return [newer, older]


Train = Callable[..., tuple[int, str]]


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Train:
    """Runs the command and answers its exit code and standard error."""
    monkeypatch.setenv("OBJECT_STORE", f"file:{tmp_path / 'store'}")
    monkeypatch.setenv("MODEL_SIGNING_KEY", "a key of sixteen+")
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["axieflip", "train", "--jobs", "1", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            entry.main()
        return int(ended.value.code or 0), capfd.readouterr().err

    return run


def test_a_model_of_tables_is_validated_contested_stored_and_promoted(
    files: list[Path], train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def here(order: birth.Order, tell: object) -> birth.Result:
        return await asyncio.to_thread(birth.run, order)

    monkeypatch.setattr("bot.commands.give_birth", here)
    monkeypatch.setattr(ensemble, "MEMBERS", {"linear": MEMBERS["linear"]})
    words = [word for file in files for word in ("--sales", file)]
    code, said = train(*words)
    assert (code, "2200 sales learnt from" in said) == (0, True), said
    champion = json.loads((tmp_path / "store/models/champion.json").read_text())["version"]
    card = json.loads((tmp_path / f"store/models/{champion}/card.json").read_text())["facts"]
    assert datetime.fromisoformat(card["data_to"]) == NEWEST
    assert list((tmp_path / "store").glob("reports/*/validation.html"))

    code, said = train(*words, "--days", 8.9)
    assert (code, "not promoted" in said) == (0, True), said
    assert len(list((tmp_path / "store").glob("models/*/card.json"))) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot read"), ("", "is empty"), ("axie_id,sold_at\n1,2022-04-01\n", "no sales table")],
)
def test_a_file_that_is_no_sales_table_is_a_sentence_and_exit_code_2(
    content: str | None, message: str, files: list[Path], train: Train, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "it.csv").write_text(content)
    code, said = train("--sales", files[0], "--sales", "it.csv")
    assert code == 2
    last = said.splitlines()[-1]
    assert last.startswith("No model was trained: ")
    assert message in last
    assert "it.csv" in last
    assert not (tmp_path / "store/models").exists()


def taken(paths: list[Path], **more: float) -> Given:
    return Given(paths, datetime.now(UTC), days=more.get("days"), min_rows=100)


def test_parts_are_replayed_as_the_whole_is(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(given, "ROWS", 700)
    told: list[float] = []
    source = Given(files, datetime.now(UTC), min_rows=2_000, tell=lambda _stage, share: told.append(share))
    data = streamed(source.parts(), progress=source.progress)
    assert data.state.dump() == replayed(SALES).state.dump()
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_days_are_counted_back_from_the_newest_sale(files: list[Path]) -> None:
    (part,) = taken(files, days=2).parts()
    assert len(part.table) == 481
    assert part.table["sold_at"].min() >= NEWEST - timedelta(days=2)


def test_a_table_without_rows_names_its_file(tmp_path: Path) -> None:
    SALES[:0].to_csv(tmp_path / "none.csv", index=False)
    with pytest.raises(TrainingError, match=r"no sales in .*none\.csv"):
        list(taken([tmp_path / "none.csv"]).parts())


def test_what_is_broken_in_a_table_stops_at_the_gate(tmp_path: Path) -> None:
    faults: list[tuple[pd.DataFrame, str]] = [
        (SALES.assign(breed_count=9), "breed_count"),
        (SALES.assign(sold_at=SALES["sold_at"] + 10 * LONG_AGO), "max_to_be_between on sold_at"),
    ]
    for table_, column in faults:
        table_.to_parquet(tmp_path / "it.parquet")
        source = taken([tmp_path / "it.parquet"])
        with pytest.raises(ValidationFailed, match=column):
            list(source.parts())
