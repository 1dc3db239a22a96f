"""Takes on a new champion while the bot runs, whoever promoted it.

Who changes it from Discord has it taken on at once and noted by name; what is found here was changed
from outside, on the command line or by another process.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from bot.errors import NoChampion
from bot.services.audit import Audit
from bot.services.predictor import Predictor

EVERY_S = 20.0  # with what loading takes, a new champion serves within half a minute
log = structlog.get_logger(__name__)


class Succession:
    """One look at the registry a turn; `on_new` is called when another version serves."""

    def __init__(self, predictor: Predictor, audit: Audit, on_new: Callable[[], None]) -> None:
        self._predictor = predictor
        self._audit = audit
        self._on_new = on_new

    async def turn(self) -> float:
        """Look, and take on what is new. Returns the seconds until the next look."""
        before = self._predictor.version
        try:
            if await self._predictor.refresh():
                version = str(self._predictor.version)
                log.info("took on a new champion", version=version)
                self._on_new()
                if before is not None:
                    await self._audit.write("model taken on", version, before=before, after=version)
        except NoChampion:
            pass  # /status and /readyz say so; it is no error of this task
        return EVERY_S
