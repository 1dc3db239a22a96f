"""Progress of long commands where there is no terminal: lines of the log, few and with a last one."""

from __future__ import annotations

import pytest
from rich.console import Console
from structlog.testing import capture_logs

from bot import commands
from bot.commands import PlainLines, counting, stages
from pipeline.birth import Progress


class Watch:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_subject_is_told_first_now_and_then_and_at_its_end() -> None:
    watch = Watch()
    lines = PlainLines(every_s=10, clock=watch)
    with capture_logs() as told:
        for second in range(25):
            watch.now = second
            lines.tell("sales", f"{second}")
        lines.tell("sales", "the end", over=True)
        lines.tell("sales", "the end", over=True)
    assert [line["event"] for line in told] == ["sales: 0", "sales: 10", "sales: 20", "sales: the end"]


def test_without_a_terminal_counters_and_stages_are_plain_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(commands, "console", Console(stderr=True, force_terminal=False))
    with capture_logs() as told:
        with counting("Collecting") as show:
            show("sales", 50, None)
            show("sales", 1_500, 3_000)
            show("sales", 3_000, 3_000)
        with stages("Training") as stage:
            stage(Progress("validating", 0.08))
            stage(Progress("folds", 0.5))
    assert [line["event"] for line in told] == [
        "Collecting sales: 50",
        "Collecting sales: 3,000 of 3,000",
        "Training: validating: 8%",
        "Training: folds: 50%",
    ]
    assert capsys.readouterr() == ("", "")
