"""Progress of long commands where there is no terminal: lines of the log, few and with a last one."""

from __future__ import annotations

import pytest
from rich.console import Console

from bot import commands
from bot.commands import PlainLines, counting, stages
from pipeline.birth import Progress


class Watch:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def told(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What was said on standard error, less the time of each line; standard output is for results."""
    out, err = capsys.readouterr()
    assert out == ""
    return [line[len("2026-07-01 12:00:00 ") :] for line in err.splitlines()]


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "console", Console(stderr=True, force_terminal=False))


def test_a_subject_is_told_first_now_and_then_and_at_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    watch = Watch()
    lines = PlainLines(every_s=10, clock=watch)
    for second in range(25):
        watch.now = second
        lines.tell("sales", f"{second}")
    lines.tell("sales", "the end", over=True)
    lines.tell("sales", "the end", over=True)
    assert told(capsys) == ["sales: 0", "sales: 10", "sales: 20", "sales: the end"]


def test_without_a_terminal_counters_and_stages_are_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with counting("Collecting") as show:
        show("sales", 50, None)
        show("sales", 1_500, 3_000)
        show("sales", 3_000, 3_000)
    with stages("Training") as stage:
        stage(Progress("validating", 0.08))
        stage(Progress("folds", 0.5))
    assert told(capsys) == [
        "Collecting sales: 50",
        "Collecting sales: 3,000 of 3,000",
        "Training: validating: 8%",
        "Training: folds: 50%",
    ]
