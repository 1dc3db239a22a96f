"""What a training's process left in the object store of how its model did, for whoever shows it."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from bot.services.runs import Run
from pipeline.objects import ObjectStore, StoreError

log = structlog.get_logger(__name__)
_FOLDER: Final = "reports/"  # nothing else in the store is for everybody's eyes


class Reports:
    """Reads the reports of trainings. The store blocks, so that happens in a thread."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def overview(self, run: Run) -> bytes | None:
        """The page with all pictures of a training's report; None where there is none to be had."""
        kept = (run.report or {}).get("report") or {}
        key = (kept.get("keys") or {}).get("overview")
        if not isinstance(key, str) or not key.startswith(_FOLDER):
            return None
        try:
            return await asyncio.to_thread(self._store.get, key)
        except StoreError as error:
            log.warning("the report of a training cannot be had", run=run.id, reason=str(error))
            return None
