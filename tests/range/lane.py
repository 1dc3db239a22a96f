"""A lane of the range: scenarios one after the other against one market; and the model that all lanes use."""

from __future__ import annotations

import asyncio
import random
import shutil
import time
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.databases import PostgresServer
from tests.e2e.parts import SIGNING_KEY, Market, market, market_settings
from tests.e2e.processes import environment, finished
from tests.range.arena import arena
from tests.range.invariants import check
from tests.range.register import Scenario


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one scenario, and how much there was of it.

    `folder` holds its logs and database where something was wrong.
    """

    scenario: Scenario
    seed: int
    seconds: float
    faults: list[str]
    tally: str
    folder: Path | None


async def learn(served: Market, folder: Path) -> Path:
    """An object store with a model of that market, by the bot's own commands."""
    store = folder / "store"
    places = {"OBJECT_STORE": f"file:{store}", "MODEL_SIGNING_KEY": SIGNING_KEY, "OMP_NUM_THREADS": 1}
    settings = environment(market_settings(served) | places)
    for line in (("collect", "--history-days", "1"), ("train", "--jobs", "2")):
        done = await finished(*line, cwd=folder, env=settings, within=300)
        assert done.code == 0, done.err
    return store


@asynccontextmanager
async def bazaar() -> AsyncIterator[Market]:
    """A market in which nobody buys by chance: what is sold is sold by a scenario."""
    async with market() as served:
        await served.post("economy", buyers=0)
        yield served


@dataclass(frozen=True, slots=True)
class Ground:
    """What all scenarios of a run have in common. `server` where the records are kept in PostgreSQL."""

    store: Path
    amount: float
    server: PostgresServer | None = None

    def database(self, name: str) -> str | None:
        """A new database's URL; None for a SQLite file in the scenario's folder."""
        if self.server is None:
            return None
        self.server.query(f'CREATE DATABASE "{name}"')
        return self.server.url(name)


async def play(scenario: Scenario, served: Market, ground: Ground, folder: Path, seed: int) -> Verdict:
    """Play one scenario and judge it."""
    place = folder / f"{scenario.name}-{seed}"
    place.mkdir(parents=True)
    own = place / "store"
    await asyncio.to_thread(shutil.copytree, ground.store, own)
    began, faults, tally = time.monotonic(), [], ""
    rng = random.Random(f"{scenario.name}:{seed}")
    try:
        url = await asyncio.to_thread(ground.database, f"{folder.name}-{place.name}"[:60])
        async with arena(served, own, place, rng, scenario.discord, ground.amount, url) as made:
            try:
                async with asyncio.timeout(scenario.seconds):
                    await scenario.play(made)
            except Exception as error:
                faults.append(_told(error))
            faults += await check(made)
            tally = made.tally()
    except Exception:
        faults.append(traceback.format_exc())
    finally:
        await served.clear_faults()
    if not faults:
        await asyncio.to_thread(shutil.rmtree, place)
    return Verdict(scenario, seed, time.monotonic() - began, faults, tally, place if faults else None)


def _told(error: Exception) -> str:
    where = next(
        (
            f"{Path(f.filename).name}:{f.lineno}"
            for f in reversed(traceback.extract_tb(error.__traceback__))
            if "scenarios" in f.filename
        ),
        "",
    )
    return f"{type(error).__name__} at {where}: {str(error)[-2000:]}"


Next = Callable[[], tuple[Scenario, int] | None]


async def run(
    served: Market, ground: Ground, folder: Path, following: Next, tell: Callable[[Verdict], None]
) -> None:
    """Play what `following` hands out until it has no more."""
    while (chosen := following()) is not None:
        scenario, seed = chosen
        tell(await play(scenario, served, ground, folder, seed))
