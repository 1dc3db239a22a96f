"""What the demo does once its folder is settled: first model, live bot, and the verdict on its signals.

Apart from the command in `demo.py`, because everything heavy is imported here.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from datetime import datetime
from pathlib import Path
from typing import Any

import typer
from rich.live import Live
from rich.text import Text

from bot.app import App, running
from bot.errors import AxieflipError
from bot.log import configure
from bot.services.history import MAX_DAYS, Wanted
from bot.stopping import stop_requested
from pipeline.market.values import Token
from pipeline.signal import Thresholds
from sandbox.demo import LOG
from sandbox.stage import (
    Economy,
    Worlds,
    console,
    ensure_watch,
    has_champion,
    market_clock,
    often,
    pace,
    prepare,
    settings_for,
    worlds,
)
from sandbox.verdict import judge

WATCH = "bargains"
REFRESH_S = 0.5
# A market without a single signal for so long, by either clock, is one in which none will come.
SILENT_S = 600.0
SILENT_MARKET_S = 36_000.0


async def perform(data: Path, economy: Economy, port: int, signals: int | None) -> None:
    """Run until asked to stop or, where `signals` is given, until so many alerts are delivered."""
    # Not closed before the process ends: what a library has to say of a late end belongs there too.
    log = (data / LOG).open("a", encoding="utf-8")
    with stop_requested() as stop:
        console.print("Starting the simulated marketplace and the simulated Discord …")
        limits = "on" if signals is None else "off"
        async with worlds(data, economy, f"--preview-port={port}", f"--rate-limits={limits}") as both:
            # Who watches may retrain after hours of the market; what counts signals shall meet no collection.
            settings = settings_for(data, both, *([often(economy.speed)] if signals is None else []))
            configure(settings, log)
            if not await has_champion(settings):
                await _unless(stop, prepare(settings, both, economy))
            if not stop.is_set():
                clock = await market_clock(both)
                began = clock.now()
                async with running(settings, clock) as app:
                    patience_s = max(SILENT_S, SILENT_MARKET_S / economy.speed)
                    await _live(app, both, economy.speed, began, signals, patience_s, stop)
    console.print("Stopped.")


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Do the work, but drop it when asked to stop."""
    task, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    await asyncio.wait([task, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not task.done():
        task.cancel()
    await asyncio.gather(task, return_exceptions=stop.is_set())


async def _live(
    app: App,
    both: Worlds,
    speed: float,
    began: datetime,
    signals: int | None,
    patience_s: float,
    stop: asyncio.Event,
) -> None:
    await ensure_watch(app, both, WATCH)
    since = app.services.clock.now()
    if signals is None:
        await _show(app, both, speed, stop)
    else:
        await _until(app, signals, patience_s, stop)
        await _report(app, both, began, since)


async def _show(app: App, both: Worlds, speed: float, stop: asyncio.Event) -> None:
    console.print(f"\nOpen [bold]{both.discord['preview']}[/] in a browser.", soft_wrap=True)
    console.print(
        "Buy signals arrive in #buy-signals, and slash commands work there: /status, /threshold set …"
    )
    if speed != 1:
        console.print(pace(speed))
    console.print("Ctrl-C stops the demo.\n")
    with Live(_line(app), console=console, refresh_per_second=2, transient=True) as live:
        while not await _stopped(app, stop):
            live.update(_line(app))
    console.print(_line(app))


def _line(app: App) -> Text:
    """One line, also where the terminal is narrow: what does not fit is left out from the end."""
    stats = app.services.stats
    p50 = stats.p50()
    return Text(
        f"market {app.services.clock.now():%d %b %H:%M} · {stats.listings} listings · {stats.scored} scored"
        f" · {stats.signals} signals · lag {'–' if p50 is None else f'{p50:.0f} ms'}",
        no_wrap=True,
        overflow="ellipsis",
    )


async def _until(app: App, wanted: int, patience_s: float, stop: asyncio.Event) -> None:
    """Wait for so many alerts more than were delivered in earlier runs."""
    loop, outbox = asyncio.get_running_loop(), app.services.outbox
    before = newest = (await outbox.counts()).delivered
    heard = loop.time()
    while not await _stopped(app, stop):
        delivered = (await outbox.counts()).delivered
        if delivered >= before + wanted:
            return
        if delivered > newest:
            newest, heard = delivered, loop.time()
        elif loop.time() > heard + patience_s:
            raise AxieflipError(
                f"no signal for {patience_s / 60:.0f} minutes, after {newest - before} of {wanted}: "
                "see axieflip.log in the --data folder for the reason, or try another --seed"
            )


async def _stopped(app: App, stop: asyncio.Event) -> bool:
    """Whether it was asked to stop, after a moment's wait. Raises what only a person can mend."""
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait((stopping, app.fatal), timeout=REFRESH_S, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if app.fatal.done():
        app.fatal.result()
    return stop.is_set()


async def _report(app: App, both: Worlds, began: datetime, since: datetime) -> None:
    """The last line of the headless demo: what was signalled, held against the simulator's truth.

    Every signal of this run counts, from its beginning; the oracle's from when there surely was a watch.
    """
    services, stats = app.services, app.services.stats
    rates = services.predictor.rates
    guild = int(both.discord["guild_id"])
    page = await services.history.page(Wanted(guild, days=MAX_DAYS, signals=True), 10_000)
    verdict = await judge(
        both.market["control"],
        since,
        stats.last_listing_at or since,
        {row.listing.hash: row.prediction.forecast.at for row in page.rows if row.listing.seen_at >= began},
        Thresholds(),
        services.settings.gas_ron * (rates.usd[Token.WRON] if rates else 0.0),
        set(await services.journal.known_hashes()),
    )
    p50, p99 = stats.p50(), stats.p99()
    summary = {
        "listings": stats.listings,
        "signals": verdict.signals,
        "true_bargains": verdict.true_bargains,
        "oracle_bargains": verdict.oracle_bargains,
        "found_of_oracle": verdict.found_of_oracle,
        "lag_ms_p50": None if p50 is None else round(p50, 1),
        "lag_ms_p99": None if p99 is None else round(p99, 1),
    }
    typer.echo(json.dumps(summary))
