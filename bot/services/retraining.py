"""Retraining on request: one at a time, in a process of its own, its progress on record.

The bot goes on pricing with the champion meanwhile; a challenger that earns its place is taken on as
soon as it is stored.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import msgspec
import structlog

from bot.errors import AlreadyRunning, NotFound
from bot.log import redact
from bot.services.audit import Audit
from bot.services.births import give_birth
from bot.services.predictor import Predictor
from bot.services.runs import CANCELLED, Run, Runs
from pipeline.birth import Order, Progress, Result

log = structlog.get_logger()
Birth = Callable[[Order, Callable[[Progress], None]], Awaitable[Result]]


class Retraining:
    """Starts trainings and remembers them in the database."""

    def __init__(
        self,
        runs: Runs,
        predictor: Predictor,
        audit: Audit,
        order: Callable[[], Order],
        longest: timedelta = timedelta(hours=3),
        birth: Birth | None = None,
    ) -> None:
        """`birth` carries an order out, by default in a process of this machine.

        `longest` is the machine's time after which a training that has not ended is ended.
        """
        self._audit = audit
        self._longest = longest
        self._runs = runs
        self._predictor = predictor
        self._order = order
        self._birth = birth
        self._task: asyncio.Task[None] | None = None
        self._current: Run | None = None
        self._ending = ("interrupted", "the bot was stopped")
        self._stored = False  # what came of the run can no longer be undone

    @property
    def current(self) -> Run | None:
        """The run that is under way, or None."""
        return self._current

    async def by_schedule(self) -> None:
        """Begin a training that nobody asked for, unless one is under way."""
        with contextlib.suppress(AlreadyRunning):
            await self.start(None)

    async def start(self, actor: int | None, guild_id: int | None = None) -> Run:
        """Begin a training asked for by a user or by nobody, on a server whose log has what it promotes.

        What is promoted without having been asked for is in the logs of all.

        Raises AlreadyRunning if one is under way.
        """
        if self._task is not None and not self._task.done():
            raise AlreadyRunning("a training is under way already: /model status shows how far it is")
        # The task is made before the first await, so that two who ask at once cannot both begin.
        begun: asyncio.Future[Run] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._train(actor, guild_id, begun), name="retraining")
        return await begun

    async def wait(self, run_id: int) -> Run:
        """The run as it ended, waiting for its end if it is under way."""
        if self._task is not None and self._current is not None and self._current.id == run_id:
            await asyncio.shield(asyncio.wait([self._task]))
        return await self._runs.get(run_id)

    async def cancel(self, run_id: int, by: str) -> None:
        """End a run that is under way, on somebody's wish. Raises NotFound if that run is not."""
        if self._current is None or self._current.id != run_id or self._stored:
            raise NotFound(
                f"Training run {run_id} is not under way any more: its message tells how it ended."
            )
        await self._end(CANCELLED, f"{by} cancelled it")

    async def stop(self) -> None:
        """End a run that is under way; it is on record as interrupted."""
        await self._end("interrupted", "the bot was stopped")

    async def _end(self, state: str, reason: str) -> None:
        self._ending = (state, reason)
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _train(self, actor: int | None, guild_id: int | None, begun: asyncio.Future[Run]) -> None:
        try:
            run_id = await self._runs.begin(actor, guild_id)
            self._current = await self._runs.get(run_id)
        except BaseException as error:
            if not begun.done():
                begun.set_exception(error)
            raise
        if not begun.done():  # whoever asked may have gone meanwhile
            begun.set_result(self._current)
        before, self._stored = self._predictor.card, False
        writing: set[asyncio.Task[None]] = set()

        def tell(progress: Progress) -> None:
            assert self._current is not None
            self._current = msgspec.structs.replace(
                self._current, stage=progress.stage, fraction=progress.fraction
            )
            task = asyncio.create_task(self._runs.progress(run_id, progress.stage, progress.fraction))
            writing.add(task)
            task.add_done_callback(writing.discard)

        try:
            async with asyncio.timeout(self._longest.total_seconds()):
                result = await (self._birth or give_birth)(self._order(), tell)
            self._stored = True
            await asyncio.gather(*writing, return_exceptions=True)
            await self._finish(run_id, result, before)
            if result.promoted:
                former = None if before is None else before["version"]
                await self._take_on(await self._runs.get(run_id), former)
        except asyncio.CancelledError:
            state, reason = self._ending
            await self._runs.finish(run_id, state, error=reason)
            raise
        except TimeoutError:
            minutes = self._longest.total_seconds() / 60
            log.error("a training took too long and was ended", minutes=minutes)
            why = f"it took longer than {minutes:g} minutes and was ended: TRAIN_MINUTES allows more"
            await self._runs.finish(run_id, "failed", error=why)
        except Exception as error:
            log.exception("a training could not be run")
            await self._runs.finish(run_id, "failed", error=f"it could not be run ({type(error).__name__})")
        finally:
            self._current = None

    async def _finish(self, run_id: int, result: Result, before: dict[str, Any] | None) -> None:
        if result.error is not None:
            await self._runs.finish(run_id, "failed", error=redact(result.error))
            return
        report = {**result.report, "promoted": result.promoted, "reason": result.reason}
        if before is not None:
            report["before"] = {"version": before["version"], "metrics": before.get("metrics")}
        await self._runs.finish(run_id, "done", version=result.version, report=report)

    async def _take_on(self, run: Run, former: str | None) -> None:
        """Note that a run's version became champion, and let it serve."""
        version, actor, guild = str(run.version), run.requested_by, run.guild_id
        change = ("model promoted", version)
        await self._audit.write(*change, guild_id=guild, actor=actor, before=former, after=version)
        try:
            await self._predictor.refresh()
        except Exception:  # the task that looks for a new champion tries again
            log.exception("the new champion could not be taken on at once", version=version)
