"""One market and one small model for all tests that need no more, made by the bot's own commands."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from models import ensemble
from models.members import MEMBERS
from pipeline import birth
from tests.e2e.first_training import Trained, first_training
from tests.e2e.parts import SIGNING_KEY, Market, market, market_settings
from tests.e2e.processes import environment, finished


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def bazaar() -> AsyncIterator[Market]:
    """The market, in which nobody buys: what is listed stays until a test has seen it."""
    async with market() as served:
        await served.post("economy", buyers=0)
        yield served


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def trained(bazaar: Market, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """What `axieflip collect` makes of that market, and a first model, trained from Discord."""
    folder = tmp_path_factory.mktemp("trained")
    store = folder / "store"
    collecting = await finished(
        "collect",
        "--history-days",
        "1",
        cwd=folder,
        env=environment(market_settings(bazaar) | {"OBJECT_STORE": f"file:{store}"}),
    )
    assert collecting.code == 0, collecting.err
    return Trained(bazaar, store, collecting, await first_training(bazaar, store, folder))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def simple(bazaar: Market, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An object store with the simplest model of that market, for tests to which its accuracy is nothing."""
    folder = tmp_path_factory.mktemp("simple")
    store = f"file:{folder / 'store'}"
    collecting = await finished(
        "collect",
        "--history-days",
        "1",
        cwd=folder,
        env=environment(market_settings(bazaar) | {"OBJECT_STORE": store}),
        within=200,
    )
    assert collecting.code == 0, collecting.err
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ensemble, "MEMBERS", {"linear": MEMBERS["linear"]})
        order = birth.Order(store, SIGNING_KEY, datetime.now(UTC), jobs=1)
        result = await asyncio.to_thread(birth.run, order)
    assert result.promoted, result
    return folder / "store"


@pytest.fixture
def copied(trained: Trained, tmp_path: Path) -> Callable[[], Path]:
    """A copy of the object store that a test may harm."""
    return lambda: Path(shutil.copytree(trained.store, tmp_path / "store"))
