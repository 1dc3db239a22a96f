"""`/model retrain` of a bot whose trainings go to a Dask cluster, and what its workers fitted at work."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.discord import spawn
from tests.clusters import steps, two_workers
from tests.e2e.parts import Market, bot, bot_settings, retrained

distributed = pytest.importorskip("distributed")
pytestmark = [pytest.mark.e2e, pytest.mark.cloud, pytest.mark.asyncio(loop_scope="session")]


@pytest.fixture
def cluster() -> Iterator[str]:
    with two_workers() as address:
        yield address


async def test_a_training_asked_for_in_discord_is_fitted_by_the_cluster_and_serves(
    bazaar: Market, simple: Path, cluster: str, tmp_path: Path
) -> None:
    store = shutil.copytree(simple, tmp_path / "store", ignore=shutil.ignore_patterns("models"))
    with distributed.Client(cluster) as client:
        before = client.run(steps)
        async with spawn() as discord:
            settings = bot_settings(bazaar, discord, store, tmp_path / "axieflip.db") | {"TRAIN_ON": cluster}
            async with bot(tmp_path, settings) as running:
                await discord.wait(sessions=1, command="model")
                said = await retrained(discord, 400)
                assert "The new model is in use now" in said
                assert await running.ready()
                running.process.send(signal.SIGTERM)
                assert (await running.process.ended(10)).code == 0
        after = client.run(steps)
    assert all(after[worker] > before[worker] for worker in before)
