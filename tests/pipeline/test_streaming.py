"""A long history, file by file: the same rows as all at once, and no more of them than are asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.rows import TrainingError
from pipeline.history import replayed
from pipeline.sales import write_sales
from pipeline.streaming import Part, read_files, streamed
from tests.pipeline.appraisal.history import events, table

SALES = table(events(900))


def chunks(size: int) -> list[Part]:
    return [Part(SALES.iloc[start : start + size]) for start in range(0, len(SALES), size)]


@pytest.mark.parametrize("size", [70, 256, 900])
def test_rows_and_state_are_those_of_the_whole_history(size: int) -> None:
    whole, parts = replayed(SALES), streamed(chunks(size))
    for name in ("X", "log_usd", "level", "at", "axie"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))
    assert parts.state.dump() == whole.state.dump()


def test_of_the_rows_the_newest_are_kept_and_know_all_that_came_before() -> None:
    whole, newest = replayed(SALES), streamed(chunks(100), newest=150)
    assert len(newest.at) == 150
    np.testing.assert_array_equal(newest.X, whole.X[-150:])
    assert newest.state.dump() == whole.state.dump()


def test_files_are_read_one_after_the_other(tmp_path: Path) -> None:
    paths = []
    for number, chunk in enumerate(chunks(300)):
        paths.append(tmp_path / f"{number}.parquet")
        write_sales(chunk.table, paths[-1])
    assert len(streamed(read_files(paths)).at) == 900
    with pytest.raises(TrainingError, match="order of time"):
        streamed(read_files(reversed(paths)))


def test_without_sales_there_is_nothing_to_learn_from() -> None:
    with pytest.raises(TrainingError, match="no sales"):
        streamed([])
    with pytest.raises(TrainingError, match="no sales"):
        streamed([Part(SALES.iloc[:0])])
