"""`axieflip demo`: the whole bot, unmodified, against the simulated marketplace and the simulated Discord.

Both simulations run in processes of their own and are reached over HTTP and WebSocket, as the real ones
are. Started again, it finds its data and its model and is live in seconds. The command line loads this
module at every start, so what it needs is imported only when it runs.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Annotated

import typer

from bot.errors import AxieflipError


def demo(
    headless: Annotated[bool, typer.Option("--headless", help="No page; end after --signals.")] = False,
    signals: Annotated[int, typer.Option(min=1, help="With --headless: how many alerts to wait for.")] = 20,
    seed: Annotated[int, typer.Option(help="Seed of the simulated economy.")] = 7,
    speed: Annotated[float, typer.Option(min=1, max=600, help="Market seconds in a second.")] = 60.0,
    days: Annotated[float, typer.Option(min=2, max=30, help="Days of history to learn from.")] = 5.0,
    port: Annotated[int, typer.Option(help="Port of the page; 0 takes a free one.")] = 0,
    data: Annotated[Path, typer.Option(help="Folder for all that the demo keeps.")] = Path("data/demo"),
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget what an earlier demo kept.")] = False,
) -> None:
    """Run the whole bot on this machine, against a simulated marketplace and a simulated Discord."""
    from sandbox.performance import perform
    from sandbox.stage import Economy

    if fresh:
        shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True, exist_ok=True)
    _remember(data, seed, days)
    asyncio.run(perform(data, Economy(seed, speed, days), port, signals if headless else None))


def _remember(data: Path, seed: int, days: float) -> None:
    """Another economy in the same folder would make nonsense of what was learnt from this one."""
    note = data / "economy.json"
    mine = {"seed": seed, "days": days}
    if note.exists() and json.loads(note.read_text()) != mine:
        raise AxieflipError(
            f"{data} holds a demo with another --seed or --days: "
            "add --fresh to forget it, or name another --data"
        )
    note.write_text(json.dumps(mine))
