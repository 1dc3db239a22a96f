"""`python -m tests.range`: the fixed set of scenarios, or with `--minutes` random ones from a printed seed.

Exit code 0: every invariant held; 1: some did not, and the folders with logs and databases are named.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from tests.databases import postgres_server
from tests.range import scenarios as _all  # noqa: F401 - fills the register
from tests.range.lane import Ground, Next, Verdict, bazaar, learn, run
from tests.range.register import SCENARIOS, Scenario


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.range", description=__doc__)
    parser.add_argument("--minutes", type=float, help="random scenarios for so long")
    parser.add_argument("--seed", type=int, help="default: a new one, which is printed")
    parser.add_argument("--only", default="", metavar="TEXT", help="those whose subject or name contains it")
    parser.add_argument(
        "--amount", type=float, help="of kills and the like; 1 in full (default 0.08, soak 1)"
    )
    parser.add_argument("--lanes", type=int, default=4, help="how many scenarios at a time")
    parser.add_argument("--store", type=Path, help="an object store with a model, instead of learning one")
    parser.add_argument("--postgres", action="store_true", help="records in PostgreSQL instead of SQLite")
    parser.add_argument("--table", action="store_true", help="the scenarios as docs/reliability.md has them")
    parser.add_argument("--list", action="store_true", help="name the scenarios and end")
    return parser.parse_args()


def _chosen(text: str) -> list[Scenario]:
    words = [word for word in text.split(",") if word]
    return [
        each
        for each in SCENARIOS.values()
        if not words or any(word in f"{each.subject}.{each.name}" for word in words)
    ]


def table() -> str:
    """All scenarios in Markdown, a subject a paragraph."""
    subjects = dict.fromkeys(each.subject for each in SCENARIOS.values())
    lines = []
    for subject in subjects:
        titles = [f"- {each.title}." for each in SCENARIOS.values() if each.subject == subject]
        lines += [f"### {subject.capitalize()}", *titles, ""]
    return "\n".join(lines).strip()


def _following(chosen: Sequence[Scenario], seed: int, minutes: float | None) -> Next:
    """Each once, the longest first; or any of them until the time is over."""
    rng = random.Random(seed)
    if minutes is None:
        rest = iter(sorted(chosen, key=lambda each: -each.seconds))
        return lambda: (each, seed) if (each := next(rest, None)) else None
    end = time.monotonic() + minutes * 60
    return lambda: (rng.choice(chosen), rng.randrange(2**32)) if time.monotonic() < end else None


async def _play(given: argparse.Namespace, folder: Path) -> list[Verdict]:
    seed = given.seed if given.seed is not None else random.SystemRandom().randrange(2**32)
    amount = given.amount or (0.08 if given.minutes is None else 1.0)
    lacking = [(each, why) for each in _chosen(given.only) if (why := each.missing())]
    for each, why in lacking:
        print(f"NOT RUN: {each.subject}.{each.name}, as {why}", flush=True)
    left_out = {each.name for each, _ in lacking}
    chosen = [each for each in _chosen(given.only) if each.name not in left_out]
    if given.postgres:
        chosen = [each for each in chosen if not each.sqlite]
    print(f"seed {seed}, {len(chosen)} scenarios, {given.lanes} at a time", flush=True)
    following, verdicts = _following(chosen, seed, given.minutes), []

    def tell(verdict: Verdict) -> None:
        verdicts.append(verdict)
        state = "FAULT" if verdict.faults else "ok   "
        print(
            f"{state} {verdict.seconds:6.1f} s  {verdict.scenario.subject}: {verdict.scenario.title}",
            flush=True,
        )
        print(f"      {verdict.tally}", flush=True)
        for fault in verdict.faults:
            print(f"      - {fault}", flush=True)
        if verdict.folder:
            print(f"      seed {verdict.seed}, see {verdict.folder}", flush=True)

    began = time.monotonic()
    async with AsyncExitStack() as stack:
        entering = [stack.enter_async_context(bazaar()) for _ in range(given.lanes)]
        markets = [await each for each in entering]
        store = given.store or await learn(markets[0], folder)
        server = stack.enter_context(postgres_server()) if given.postgres else None
        ground = Ground(store, amount, server)
        print(f"a market a lane and a model of it after {time.monotonic() - began:.0f} s", flush=True)
        async with asyncio.TaskGroup() as group:
            for number, served in enumerate(markets):
                place = folder / f"lane-{number}"
                group.create_task(run(served, ground, place, following, tell))
    faulty = sum(bool(each.faults) for each in verdicts)
    print(f"{len(verdicts)} scenarios in {time.monotonic() - began:.0f} s, {faulty} with faults", flush=True)
    return verdicts


def main() -> int:
    """Run it; returns the exit status."""
    given = _arguments()
    if given.table:
        print(table())
        return 0
    if given.list:
        for each in _chosen(given.only):
            print(f"{each.subject}.{each.name}: {each.title}")
        return 0
    folder = Path(tempfile.mkdtemp(prefix="range-"))
    verdicts = asyncio.run(_play(given, folder))
    if any(verdict.faults for verdict in verdicts):
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
