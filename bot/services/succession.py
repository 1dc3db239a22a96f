"""Takes on a new champion while the bot runs, whoever promoted it."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from bot.errors import NoChampion
from bot.services.predictor import Predictor

EVERY_S = 20.0  # with what loading takes, a new champion serves within half a minute
log = structlog.get_logger(__name__)


class Succession:
    """One look at the registry a turn; `on_new` is called when another version serves."""

    def __init__(self, predictor: Predictor, on_new: Callable[[], None]) -> None:
        self._predictor = predictor
        self._on_new = on_new

    async def turn(self) -> float:
        """Look, and take on what is new. Returns the seconds until the next look."""
        try:
            if await self._predictor.refresh():
                log.info("took on a new champion", version=self._predictor.version)
                self._on_new()
        except NoChampion:
            pass  # /status and /readyz say so; it is no error of this task
        return EVERY_S
