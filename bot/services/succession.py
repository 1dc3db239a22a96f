"""Takes on a new champion while the bot runs, whoever promoted it, and sees to it that the log tells of it.

Trainings and rollbacks from Discord are noted by name where they are asked for. What is on nobody's account
was changed from outside, on the command line or by another process, and is noted here.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from bot.errors import NoChampion
from bot.services.audit import Audit
from bot.services.predictor import Predictor

EVERY_S = 20.0  # with what loading takes, a new champion serves within half a minute
CHANGES = ("model promoted", "model rolled back", "model taken on")
LOOKED_AT = 200  # entries of the log, the newest
log = structlog.get_logger(__name__)


class Succession:
    """One look at the registry a turn; `on_new` is called when another version serves.

    `training` tells whether the bot follows a training: what it promotes serves before its end is noted.
    """

    def __init__(
        self,
        predictor: Predictor,
        audit: Audit,
        on_new: Callable[[], None],
        training: Callable[[], bool] = lambda: False,
    ) -> None:
        self._predictor = predictor
        self._audit = audit
        self._on_new = on_new
        self._training = training
        self._former: str | None = None  # served before one that the log may not tell of

    async def turn(self) -> float:
        """Look, and take on what is new. Returns the seconds until the next look."""
        before = self._predictor.version
        try:
            if await self._predictor.refresh():
                log.info("took on a new champion", version=self._predictor.version)
                self._former = self._former or before
                self._on_new()
        except NoChampion:
            pass  # /status and /readyz say so; it is no error of this task
        if self._former is not None and not self._training():
            await self._note(self._former)
            self._former = None
        return EVERY_S

    async def _note(self, former: str) -> None:
        version = str(self._predictor.version)
        entries = await self._audit.recent(limit=LOOKED_AT)
        told = next((entry.after for entry in entries if entry.action in CHANGES), None)
        if version not in (former, told):
            await self._audit.write("model taken on", version, before=former, after=version)
