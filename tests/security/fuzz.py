"""`make fuzz`: the fuzzed functions under atheris, a process each, guided by the branches they reach.

python -m tests.security.fuzz [RUNS] [TARGET ...]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HUNG_S = 10  # one input


def child(name: str, runs: int, folder: str) -> None:
    """One target, in this process, which atheris ends itself."""
    import atheris

    with atheris.instrument_imports(
        include=["pipeline.market", "pipeline.signal", "bot.asked", "cogs.parsing"]
    ):
        from tests.security.fuzzing import LONGEST, TARGETS, seeds
    for number, seed in enumerate(seeds(name)):
        (Path(folder) / f"seed{number}").write_bytes(seed)
    options = [
        f"-runs={runs}",
        f"-timeout={HUNG_S}",
        f"-max_len={LONGEST[name]}",
        "-seed=1",
        "-rss_limit_mb=2048",
    ]
    where = f"-artifact_prefix={folder}/"
    atheris.Setup([sys.argv[0], folder, *options, where, "-print_final_stats=1"], TARGETS[name])
    atheris.Fuzz()


def main() -> int:
    """Each target in turn, a line each; 1 where one crashed or hung, with the input."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    failed = 0
    for name in sys.argv[2:] or ("border", "genes", "filters", "endpoint"):
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            ended = subprocess.run(
                [sys.executable, "-m", __spec__.name, str(runs), name],
                env=os.environ | {"FUZZ_FOLDER": folder},
                check=False,
                capture_output=True,
                text=True,
                errors="replace",
            )
            bad = [
                path
                for path in Path(folder).iterdir()
                if path.name.startswith(("crash-", "timeout-", "oom-"))
            ]
            for path in bad:
                print(ended.stderr[-3000:], f"\n{path.name}: {path.read_bytes()[:500]!r}")
        told = [line for line in ended.stderr.splitlines() if "number_of_executed_units" in line]
        done = told[0].split()[-1] if told else "0"
        fine = ended.returncode == 0 and not bad
        failed |= not fine
        took = time.monotonic() - began
        print(
            f"{name}: {int(done):,} inputs in {took:.0f} s, {'none crashed or hung' if fine else 'FAILED'}",
            flush=True,
        )
    return failed


if __name__ == "__main__":
    if "FUZZ_FOLDER" in os.environ:
        child(sys.argv[2], int(sys.argv[1]), os.environ["FUZZ_FOLDER"])
    else:
        raise SystemExit(main())
