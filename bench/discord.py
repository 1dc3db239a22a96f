"""`python -m bench.discord`: how long Discord's questions take in a large database, beside the plain way.

2 million predictions, 50,000 alerts, 500 servers with 5,000 watches: every answer of `/predictions`,
`/performance`, `/market` and the autocompletions is made as in the bot, up to what is sent; and once more
with the picture, which a worker process draws once the answer is there. The plain way is what one would
write first: the same rows by OFFSET, by LIKE, or without an index to go by.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from bench.crowd import BIG, NOW, Crowd, fill
from bench.timing import Quantiles, quantiles
from bot.db import Database, upgrade
from bot.services.guilds import Guilds
from bot.services.history import History, Wanted
from bot.services.ledger import Ledger
from bot.services.mutes import Mutes
from bot.services.trends import Trends
from bot.services.warming import Warming
from bot.services.watches import Watches
from bot.services.workers import Workers
from cogs import looking, market, performance
from cogs.pictures import Picture
from pipeline.clock import ManualClock
from pipeline.market.traits import Collection
from pipeline.market.values import AxieClass
from tests.bot.factories import make_forecast, make_listing, make_prediction

LIMIT_MS = 300.0
WITH_PICTURE = ", its picture drawn"
AFTERWARDS = (WITH_PICTURE, "as a table")  # come after an answer, or by a button below it
Ask = Callable[[], Awaitable[object]]
Answer = Callable[[Any, int, int], Awaitable[tuple[object, Picture | None]]]

_JOINED = """
SELECT l.body, p.body, l.status FROM listings l JOIN predictions p ON p.listing_hash = l.hash
LEFT JOIN alerts a ON a.listing_hash = l.hash AND a.guild_id = 1
"""
PLAIN = {
    "predictions": f"{_JOINED} ORDER BY +p.at DESC, l.hash LIMIT 10",
    "predictions, 1,000 pages back": f"{_JOINED} ORDER BY +p.at DESC, l.hash LIMIT 10 OFFSET 10000",
    "predictions of a class": f"{_JOINED} WHERE +p.class = 'Dusk' ORDER BY +p.at DESC LIMIT 10",
    "predictions with 10 dollars of profit": f"{_JOINED} WHERE +p.net_usd > 10 ORDER BY +p.at DESC LIMIT 10",
    "signals of a server": f"{_JOINED} WHERE a.id IS NOT NULL ORDER BY +p.at DESC LIMIT 10",
    "an axie's number completed": "SELECT DISTINCT axie_id FROM listings WHERE axie_id LIKE '118%' LIMIT 25",
    "performance of the largest server, 30 days": """
        SELECT p.net_usd, p.probability, o.net_usd FROM predictions p
        JOIN alerts a ON +a.listing_hash = p.listing_hash JOIN outcomes o ON o.listing_hash = p.listing_hash
        WHERE +a.guild_id = 1 AND +a.created_at > '2026-05-02'""",
    "market": "SELECT substr(at, 1, 10), count(*), sum(price_usd) FROM sales GROUP BY 1",
}


def services_of(db: Database, workers: Workers) -> Any:
    """As much of the bot as answers these questions."""
    clock = ManualClock(NOW)
    watches = Watches(db, clock)
    return SimpleNamespace(
        clock=clock,
        history=History(db, clock),
        ledger=Ledger(db, clock),
        trends=Trends(db),
        watches=watches,
        guilds=Guilds(db, clock, watches, Mutes(db)),
        predictor=SimpleNamespace(rates=None),
        workers=workers,
    )


def questions(services: Any) -> dict[str, Ask]:
    """What is asked for from Discord, each up to what is sent."""
    history = services.history

    def page(**over: Any) -> Ask:
        return lambda: looking.page(services, Wanted(BIG, **{"days": 30, **over}))

    async def far_back() -> object:
        at = NOW - timedelta(days=1)
        cursor = f"{int(at.timestamp() * 1_000_000):x}.0x8"
        return await looking.page(services, Wanted(BIG, days=30), cursor)

    def drawn(answer: Answer, days: int) -> Ask:
        async def ask() -> object:
            _, picture = await answer(services, BIG, days)
            if picture is None:
                raise RuntimeError("an answer is without a picture")
            return await services.workers.run(picture.draw, *picture.values)

        return ask

    return {
        "predictions": page(),
        "predictions, 1,000 pages back": far_back,
        "predictions of a class": page(class_=AxieClass.DUSK),
        "predictions of a collection, sold": page(collection=Collection.MYSTIC, sold=True),
        "predictions with 10 dollars of profit": page(min_net_usd=10.0),
        "predictions with more profit than any": page(min_net_usd=1000.0),
        "signals of a server": page(signals=True),
        "signals of a watch": page(watch_id=500),
        "10,000 predictions as a table": lambda: history.table(Wanted(BIG, days=30)),
        "an axie's number completed": lambda: history.numbers("118"),
        "an axie's number completed, nothing typed": lambda: history.numbers(""),
        "a watch's name completed": lambda: services.watches.list(BIG),
        "performance of the largest server, 30 days": lambda: performance.answer(services, BIG, 30),
        "performance of the largest server, 365 days": lambda: performance.answer(services, BIG, 365),
        "market": lambda: market.answer(services, BIG, 30),
        f"performance, 30 days{WITH_PICTURE}": drawn(performance.answer, 30),
        f"market{WITH_PICTURE}": drawn(market.answer, 30),
    }


def chill(file: Path) -> None:
    """Let the system forget what it holds of the file in memory, as after a start of the machine."""
    for each in (file, Path(f"{file}-wal")):
        if each.exists():
            with each.open("rb") as opened:
                os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


async def cold(file: Path, names: Sequence[str], *, warmed: bool) -> dict[str, float]:
    """The milliseconds that each question takes as the first one on a cold disk, or after the warming."""
    found: dict[str, float] = {}
    with closing(Workers()) as workers:
        for name in names:
            if not found or not warmed:
                chill(file)
                workers.close()  # the next picture starts another
            async with Database.open(f"sqlite+aiosqlite:///{file}") as db:
                s = services_of(db, workers)
                if warmed and not found:
                    began = time.perf_counter()
                    await Warming(s.history, s.ledger, s.trends, s.watches, s.clock).turn()
                    found["the warming itself"] = (time.perf_counter() - began) * 1000
                ask = questions(s)[name]
                began = time.perf_counter()
                await ask()
                found[name] = (time.perf_counter() - began) * 1000
    return found


async def _ask(ask: Ask, times: int) -> Quantiles:
    taken = []
    for _ in range(times + 1):
        began = time.perf_counter()
        await ask()
        taken.append((time.perf_counter() - began) * 1000)
    return quantiles(taken[1:])


def prepare(file: Path, crowd: Crowd, console: Console) -> None:
    """Fill the file unless it is there."""
    if file.exists():
        return
    asyncio.run(upgrade(f"sqlite+aiosqlite:///{file}"))
    listing = make_listing()
    forecast = make_forecast(axie_id=listing.axie.id)
    began = time.perf_counter()
    fill(file, crowd, listing, make_prediction(listing, forecast=forecast))
    size, took = file.stat().st_size / 2**30, time.perf_counter() - began
    console.print(f"Filled {size:.1f} GB in {took:.0f} s.")


async def run(file: Path, times: int) -> dict[str, dict[str, Quantiles]]:
    """Ask each question so often, and the plain way once after a warm-up."""
    url = f"sqlite+aiosqlite:///{file}"
    async with Database.open(url) as db:
        names = list(questions(services_of(db, Workers())))
    before, after = await cold(file, names, warmed=False), await cold(file, names, warmed=True)
    found: dict[str, dict[str, Quantiles]] = {}
    with closing(Workers()) as workers:
        async with Database.open(url) as db:
            services = services_of(db, workers)
            for name, ask in questions(services).items():
                first = {"cold": round(before[name], 1), "warmed": round(after[name], 1)}
                found[name] = {"ours": first | await _ask(ask, times)}
            for name, statement in PLAIN.items():
                found[name]["plain"] = await _ask(partial(_plainly, db, statement), 1)
    return found


async def _plainly(db: Database, statement: str) -> None:
    async with db.reading() as session:
        (await session.execute(text(statement))).all()


def show(found: dict[str, dict[str, Quantiles]], crowd: Crowd, console: Console) -> bool:
    """Print ours beside the plain way; whether every answer of ours came in time."""
    title = (
        f"{crowd.predictions:,} predictions, {crowd.alerts:,} alerts, {crowd.guilds:,} servers, milliseconds"
    )
    table = Table(title=title)
    table.add_column("answered")
    for column in ("cold disk", "warmed", "p50", "p99", "the plain way"):
        table.add_column(column, justify="right")
    for name, both in found.items():
        ours, plain = both["ours"], both.get("plain")
        cells = [f"{ours[key]:.1f}" for key in ("cold", "warmed", "p50", "p99")]
        table.add_row(name, *cells, "" if plain is None else f"{plain['p50']:,.0f}")
    console.print(table)
    late = [
        name
        for name, both in found.items()
        if both["ours"]["p99"] > LIMIT_MS and not name.endswith(AFTERWARDS)
    ]
    console.print(
        f"Late (over {LIMIT_MS:.0f} ms): {', '.join(late)}"
        if late
        else f"All answers within {LIMIT_MS:.0f} ms; pictures and tables come after them."
    )
    return not late


def main() -> int:
    """Entry of `make bench-discord`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, help="a database file to fill, or to ask again (default: none is kept)"
    )
    parser.add_argument("--predictions", type=int, default=Crowd().predictions)
    parser.add_argument("--alerts", type=int, default=Crowd().alerts)
    parser.add_argument("--times", type=int, default=50)
    options = parser.parse_args()
    crowd, console = Crowd(options.predictions, options.alerts), Console()
    with tempfile.TemporaryDirectory() as folder:
        file = options.data or Path(folder) / "crowd.db"
        prepare(file, crowd, console)
        found = asyncio.run(run(file, options.times))
    in_time = show(found, crowd, console)
    target = Path(__file__).parent / "results-discord.json"
    target.write_text(json.dumps(found, indent=2) + "\n")
    return 0 if in_time else 1


if __name__ == "__main__":
    raise SystemExit(main())
