"""What a training is said to cost: the memory of all its processes, and a line for each limit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench import cost
from bench.cost import Birth
from bench.memory import PROC, Peak, held_mb
from pipeline.birth import Result
from tests.pipeline.appraisal.history import events, table

EACH_MB = 60
PAIR = f"""
import subprocess, sys
held = b"x" * ({EACH_MB} << 20)
if sys.argv[1:] == ["worker"]:
    print("ready", flush=True)
    sys.stdin.read()
else:
    subprocess.run([sys.executable, __file__, "worker"])
"""


@pytest.mark.skipif(not (PROC / "self/smaps_rollup").exists(), reason="the kernel does not tell")
def test_the_memory_of_a_process_and_of_its_worker_are_added_up(tmp_path: Path) -> None:
    script = tmp_path / "pair.py"
    script.write_text(PAIR)
    child = subprocess.Popen(
        [sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    assert child.stdin is not None
    assert child.stdout is not None
    with child, Peak(child.pid) as peak:
        assert child.stdout.readline() == b"ready\n"
        held = held_mb(child.pid)
        child.stdin.close()
    assert 2 * EACH_MB < held < 3 * EACH_MB
    assert peak.mb < 3 * EACH_MB
    assert held_mb(child.pid) == 0


@pytest.mark.parametrize(("peak_mb", "word"), [(900.0, "holds "), (1_600.0, "MISSED"), (0.0, "MISSED")])
def test_each_limit_is_a_line(peak_mb: float, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    report = {"training_seconds": 100.0, "members": {"linear": {"weight": 1.0}, "forest": {"weight": 0.0}}}
    monkeypatch.setattr(cost, "born", lambda *_: Birth(Result("v", report=report), 110.0, peak_mb))
    lines = cost.cost(table(events(300)), [], jobs=1)
    told = {line[8:].split(":")[0]: line for line in lines}
    assert told["in at most 1,500 MB, all its processes together"].startswith(word)
    assert told["training on all 300 within 90 s"].startswith("MISSED")
    assert told["the market's state written and read again within 1 s"].startswith("holds ")
    assert lines[-1] == "Weights: linear 100%"
