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
from tests.e2e.parts import SIGNING_KEY, Market, Trained, market, market_settings
from tests.e2e.processes import environment, finished


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def bazaar() -> AsyncIterator[Market]:
    """The market, in which nobody buys: what is listed stays until a test has seen it."""
    async with market() as served:
        await served.post("economy", buyers=0)
        yield served


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def trained(bazaar: Market, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A model of that market, by `axieflip collect` and `axieflip train`."""
    folder = tmp_path_factory.mktemp("trained")
    places = {"OBJECT_STORE": f"file:{folder / 'store'}"}
    collecting = await finished(
        "collect", "--history-days", "1", cwd=folder, env=environment(market_settings(bazaar) | places)
    )
    assert collecting.code == 0, collecting.err
    training = await finished(
        "train",
        "--jobs",
        "1",
        cwd=folder,
        env=environment(places | {"MODEL_SIGNING_KEY": SIGNING_KEY}),
        within=200,
    )
    assert training.code == 0, training.err
    return Trained(bazaar, folder / "store", collecting, training)


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
def copied(trained: Trained, tmp_path: Path) -> Callable[..., Path]:
    """A copy of the object store that a test may harm; without its models if so wished."""

    def copy(*, models: bool = True) -> Path:
        leave_out = None if models else shutil.ignore_patterns("models")
        return Path(shutil.copytree(trained.store, tmp_path / "store", ignore=leave_out))

    return copy
