"""Asks the side sources for their tables, each on its own: none can fail another, or the run."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, Protocol

import structlog

from pipeline.objects import ObjectStore, StoreError
from pipeline.side.tables import Dated, SideError, store_table

log = structlog.get_logger(__name__)
WITHIN_S = 90.0


class SideSource(Protocol):
    """An adapter of one table."""

    @property
    def name(self) -> str:
        """Its name in the store and for people."""
        ...

    async def read(self, today: date) -> Dated[Any]:
        """The table as it is now. Raises SideError."""
        ...


async def gather(
    sources: Sequence[SideSource], store: ObjectStore, run: str, now: datetime
) -> dict[str, str]:
    """Read and store every source's table; returns a phrase for each on what came of it. Never raises."""
    told = await asyncio.gather(*(_one(source, store, run, now.astimezone(UTC).date()) for source in sources))
    return {source.name: phrase for source, phrase in zip(sources, told, strict=True)}


async def _one(source: SideSource, store: ObjectStore, run: str, today: date) -> str:
    try:
        async with asyncio.timeout(WITHIN_S):
            table = await source.read(today)
            key = await asyncio.to_thread(store_table, store, source.name, run, table, today)
    except TimeoutError:
        return f"nothing, as the source took longer than {WITHIN_S:.0f} s"
    except (SideError, StoreError) as error:
        return f"nothing: {error}"
    except Exception as error:  # an adapter meets pages that nobody has thought of
        log.exception("a side source failed", source=source.name)
        return f"nothing: {type(error).__name__}: {error}"[:200]
    bad = f", {table.rejected} rows set aside" if table.rejected else ""
    return f"{len(table.rows)} rows as of {table.day}{'' if key else ', known already'}{bad}"
