"""`axieflip demo`: the whole bot, unmodified, against the simulated marketplace and the simulated Discord.

Both simulations run in processes of their own and are reached over HTTP and WebSocket, as the real ones
are. Started again, it finds its data and its model and is live in seconds. The command line loads this
module at every start, so what it needs is imported only when it runs.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from bot.errors import SettingsError
from bot.leadership import sole

YEARS = range(2020, 2100)
_SPECIAL = frozenset("#%?")
NOTE = "economy.json"
LOCK = "demo.lock"  # stays where --fresh forgets the rest: a new file would be another lock
LOG = "axieflip.log"
_DATABASE = "axieflip.db"
KEPT = (
    *(f"{_DATABASE}{suffix}" for suffix in ("", "-wal", "-shm")),
    LOG,
    "market.state",
    "signing.key",
    "store",
    NOTE,
)


def demo(
    headless: Annotated[
        bool, typer.Option("--headless", help="No page, no limit of messages; end after --signals.")
    ] = False,
    signals: Annotated[int, typer.Option(min=1, help="With --headless: how many alerts to wait for.")] = 20,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed of the simulated economy.")] = 7,
    speed: Annotated[float, typer.Option(min=1, max=600, help="Market seconds in a second.")] = 60.0,
    days: Annotated[float, typer.Option(min=2, max=30, help="Days of history to learn from.")] = 10.0,
    start: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="Market time at the beginning, with --seed the same market. Default: now.",
        ),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port of the page; 0 takes a free one.")] = 0,
    data: Annotated[Path, typer.Option(help="Folder for all that the demo keeps.")] = Path("data/demo"),
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget what an earlier demo kept.")] = False,
) -> None:
    """Run the whole bot on this machine, against a simulated marketplace and a simulated Discord."""
    from sandbox.child import StartError
    from sandbox.performance import perform
    from sandbox.stage import Economy

    if start is not None and start.year not in YEARS:
        raise SettingsError(f"--start must be within the years {YEARS.start} to {YEARS.stop - 1}")
    try:
        with settled(data, seed, days, fresh=fresh):
            economy = Economy(seed, speed, days, start)
            asyncio.run(perform(data, economy, port, signals if headless else None))
    except StartError as error:
        raise SettingsError(
            f"{error}. Choose another --port where that is taken; else add --fresh to begin anew."
        ) from error


@contextmanager
def settled(data: Path, seed: int, days: float, *, fresh: bool) -> Iterator[None]:
    """Have the folder as this demo's own for the length of the block, once it is seen to be no other's.

    Another economy in the same folder would make nonsense of what was learnt from this one, as would
    another demo at the same time, and what other programs keep there is neither used nor deleted.
    """
    if _SPECIAL.intersection(str(data)):  # they have a meaning in the addresses that its files get
        raise SettingsError(
            f"--data {data} must not contain any of {' '.join(sorted(_SPECIAL))}: name another"
        )
    note, mine = data / NOTE, {"seed": seed, "days": days}
    with ExitStack() as stack:
        try:
            data.mkdir(parents=True, exist_ok=True)
            if not note.exists() and any(path.name != LOCK for path in data.iterdir()):
                raise SettingsError(f"{data} holds other things than a demo: name another folder with --data")
            running = f"A demo is running in {data}: stop it first, or name another folder with --data"
            stack.enter_context(sole(data / LOCK, running))
            if fresh:
                _forget(data)
            if note.exists() and _read(note) != mine:
                raise SettingsError(
                    f"{data} holds a demo with another --seed or --days: "
                    "add --fresh to forget it, or name another --data"
                )
            note.write_text(json.dumps(mine))
            (data / LOG).open("a").close()
        except OSError as error:
            raise SettingsError(
                f"--data {data} cannot be used ({error.strerror or error}): name another"
            ) from error
        yield


def _forget(data: Path) -> None:
    """Delete what a demo keeps, by name: whatever else has come into the folder stays."""
    for name in KEPT:
        kept = data / name
        if kept.is_dir():
            shutil.rmtree(kept)
        else:
            kept.unlink(missing_ok=True)


def _read(note: Path) -> object:
    try:
        return json.loads(note.read_text())
    except ValueError:
        return None
