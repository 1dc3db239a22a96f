"""`axieflip replay`: the watcher run from a recorded session, and what it found at each poll."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import typer

from bot.errors import AxieflipError
from pipeline.market.errors import MarketUnavailable
from pipeline.market.recorded import Replay, ReplayError, ReplayOver
from pipeline.market.watcher import Watcher
from pipeline.market.watching import Batch


async def batches(recording: Path) -> AsyncIterator[Batch | str]:
    """What each poll brought, or why it brought nothing. Raises ReplayError."""
    replay = Replay(recording)
    watcher = Watcher(replay, replay)
    while True:
        try:
            batch = await watcher.poll()
        except ReplayOver:
            return
        except MarketUnavailable as error:
            yield str(error)
        else:
            watcher.acknowledge(batch)
            yield batch


async def replay_command(recording: Path) -> None:
    """`axieflip replay`. Raises AxieflipError with a sentence where the file is no recording."""
    listings = 0
    try:
        async for found in batches(recording):
            if isinstance(found, str):
                typer.echo(f"not answered: {found}")
                continue
            listings += len(found.listings)
            gap = f", {found.gap.reason}" if found.gap is not None else ""
            typer.echo(
                f"{found.at:%Y-%m-%d %H:%M:%S} {len(found.listings)} new in {found.pages} pages, "
                f"{len(found.rejected)} set aside{gap}"
            )
    except ReplayError as error:
        raise AxieflipError(f"{recording} cannot be replayed: {error}") from error
    typer.echo(f"{listings:,} listings")
