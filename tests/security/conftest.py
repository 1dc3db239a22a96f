"""What the tests of security stand on: a real model, and the HTTP door in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import pytest

from bot.db import Database, upgrade
from bot.services import Services
from bot.services.predictor import Predictor
from bot.web import create_app, serve
from models import ensemble
from models.members import MEMBERS
from models.registry import Registry
from pipeline.clock import ManualClock
from pipeline.market.values import Rates, Token
from pipeline.objects import LocalStore
from tests.bot.conftest import clock, db
from tests.bot.door import Market, services_of
from tests.bot.factories import NOON, make_axie, make_listing
from tests.databases import sqlite_url
from tests.pipeline.appraisal.history import events, table
from tests.trainings import train

__all__ = ["clock", "db"]
KEY = b"a key of sixteen+"
RATES = Rates(NOON, dict.fromkeys(Token, 1.0) | {Token.WETH: 2000.0})


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """A store with a small champion; a second of training."""
    registry = Registry(LocalStore(tmp_path_factory.mktemp("models")), KEY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ensemble, "MEMBERS", {"linear": MEMBERS["linear"]})
        train(table(events(1500)), registry)
    return registry


@pytest.fixture(scope="session")
def predictor(registry: Registry) -> Predictor:
    """The champion at work, with rates."""
    predictor = Predictor(registry, ManualClock(NOON), gas_ron=0.007)
    asyncio.run(predictor.refresh())
    predictor.rates = RATES
    return predictor


@dataclass(frozen=True, slots=True)
class Door:
    """A running HTTP door: where it is, and what stands behind it."""

    url: str
    services: Services


@pytest.fixture(scope="module")
def door(predictor: Predictor, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """The real door with a real model and database, in a thread, so that a test may block."""
    file = tmp_path_factory.mktemp("door") / "axieflip.db"
    asyncio.run(upgrade(sqlite_url(file)))
    market = Market()
    market.put(make_axie(id=5))
    market.put(make_axie(id=6), make_listing(axie=make_axie(id=6)))

    async def hold(started: Callable[[Door], None], until: Callable[[], Awaitable[Any]]) -> None:
        async with Database.open(sqlite_url(file)) as db:
            services = services_of(
                db, ManualClock(NOON), market, predictor, http_requests_per_minute=1_000_000
            )
            async with serve(create_app(services), "127.0.0.1", 0) as port:
                started(Door(f"http://127.0.0.1:{port}", services))
                await until()

    with in_thread(hold) as door:
        yield door


class in_thread:  # noqa: N801 - used as a function
    """Runs `hold(started, until)` in an event loop of its own for the length of the block."""

    def __init__(self, hold: Callable[[Callable[[Any], None], Callable[[], Awaitable[Any]]], Any]) -> None:
        self._hold, self._started = hold, Future[Any]()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    async def _run(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        try:
            await self._hold(self._started.set_result, self._end.wait)
        except BaseException as error:
            if not self._started.done():
                self._started.set_exception(error)
            raise

    def __enter__(self) -> Any:
        self._thread.start()
        return self._started.result(30)

    def __exit__(self, *_: object) -> None:
        assert self._loop is not None
        assert self._end is not None
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(30)
