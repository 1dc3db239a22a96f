"""What an idle bot weighs and how soon it serves: `axieflip run` as a process of its own, with a champion.

Both simulated worlds stand beside it, and nothing is asked of it but its health. Resident memory is what
the kernel counts for the process; the time is from its start to the first `/readyz` that says 200.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import aiohttp
from pydantic import SecretStr
from rich.console import Console

from bot.settings import Settings
from sandbox.stage import Economy, has_champion, prepare, settings_for, worlds

RESULTS = Path(__file__).parent / "results-footprint.json"
MOST_MB, MOST_S = 250, 10.0  # what is promised of an idle bot on two cores
HEAVY = ("sklearn", "pandas", "scipy", "matplotlib", "great_expectations", "pyarrow", "torch", "distributed")
START_WITHIN_S = 120.0


@dataclass(frozen=True, slots=True)
class Footprint:
    """Seconds to readiness, and megabytes: as it idles, and the most it ever held."""

    ready_s: float
    resident_mb: float
    peak_mb: float
    heavy: tuple[str, ...]


def environment(settings: Settings) -> dict[str, str]:
    """The settings as the variables that a process reads them from, instead of ours."""
    told = {}
    for name in Settings.model_fields:
        value = getattr(settings, name)
        if value is not None:
            told[name.upper()] = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
    ours = {name.upper() for name in Settings.model_fields}
    return {name: value for name, value in os.environ.items() if name not in ours} | told


def heavy_modules(pid: int) -> tuple[str, ...]:
    """Which of the training's libraries a process has loaded, by the binaries mapped into its memory."""
    mapped = Path(f"/proc/{pid}/maps").read_text()
    return tuple(name for name in HEAVY if f"/{name}/" in mapped)


def megabytes(pid: int, field: str) -> float:
    """A field of a process's status that is in kB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise LookupError(field)


async def measure(folder: Path, env: Mapping[str, str], idle_s: float) -> Footprint:
    """Start the bot, wait until it is ready, let it idle, look at it and end it."""
    with (folder / "footprint.log").open("wb") as log:
        began = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            Path(sys.executable).with_name("axieflip"), "run", cwd=folder, env=dict(env), stderr=log
        )
        try:
            ready_s = await _ready(env["HTTP_PORT"], began)
            await asyncio.sleep(idle_s)
            return Footprint(
                ready_s,
                megabytes(process.pid, "VmRSS"),
                megabytes(process.pid, "VmHWM"),
                heavy_modules(process.pid),
            )
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            await process.wait()


async def _ready(port: str, began: float) -> float:
    async with aiohttp.ClientSession() as session:
        while time.perf_counter() - began < START_WITHIN_S:
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(f"http://127.0.0.1:{port}/readyz") as answer:
                    if answer.status == 200:
                        return time.perf_counter() - began
            await asyncio.sleep(0.05)
    raise RuntimeError("the bot is not ready: footprint.log in the working folder says why")


async def _run(folder: Path, port: int, idle_s: float) -> Footprint:
    economy = Economy(speed=1.0)  # the bot's process goes by the machine's clock
    async with worlds(folder, economy) as both:
        settings = settings_for(folder, both)
        if not await has_champion(settings):
            await prepare(settings, both, economy)
        served = settings.model_copy(update={"http_port": port})
        return await measure(folder, environment(served), idle_s)


def main() -> int:
    """Measure, print, store; 1 where a promise is not kept."""
    parser = argparse.ArgumentParser(prog="python -m bench.footprint", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data/footprint"), help="folder to work in")
    parser.add_argument("--port", type=int, default=18080, help="a free port for the bot's HTTP")
    parser.add_argument("--idle", type=float, default=30.0, help="seconds to let it idle")
    options = parser.parse_args()
    options.data.mkdir(parents=True, exist_ok=True)
    found = asyncio.run(_run(options.data.absolute(), options.port, options.idle))
    kept = found.resident_mb <= MOST_MB and found.ready_s <= MOST_S and not found.heavy
    Console().print(
        f"ready after {found.ready_s:.1f} s (at most {MOST_S:.0f}), "
        f"resident {found.resident_mb:.0f} MB (at most {MOST_MB}), peak {found.peak_mb:.0f} MB, "
        f"libraries of the training in memory: {', '.join(found.heavy) or 'none'}",
        highlight=False,
    )
    RESULTS.write_text(json.dumps(asdict(found), indent=2) + "\n")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
