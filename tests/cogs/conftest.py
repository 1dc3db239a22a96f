"""The whole bot on a simulated Discord, a real database and small real services."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import discord
import pytest
from simcord.env import Env

from bot.client import create_bot
from bot.db import Database
from bot.services import Services, posts
from bot.services.announcements import Announcements
from bot.services.audit import Audit
from bot.services.axies import Axies
from bot.services.claims import Claims
from bot.services.conditions import Conditions
from bot.services.digests import Digests
from bot.services.guilds import Guilds
from bot.services.history import History
from bot.services.journal import Journal
from bot.services.ledger import Ledger
from bot.services.mutes import Mutes
from bot.services.outbox import Outbox
from bot.services.parts import Parts
from bot.services.posts import Posts
from bot.services.preview import Previews
from bot.services.reports import Reports
from bot.services.runs import Runs
from bot.services.stats import IntakeStats
from bot.services.trends import Trends
from bot.services.versions import Versions
from bot.services.watches import Watches
from bot.services.workers import Workers
from bot.settings import Settings
from bot.supervisor import Supervisor
from cogs import charts, following, outgoing, steering
from models.registry import Registry
from pipeline.clock import Clock, SystemClock
from pipeline.objects import open_store
from tests.cogs import bodies
from tests.cogs.parts import RulePredictor, Shelf, StepwiseRetraining
from tests.cogs.world import World


@pytest.fixture
def clock() -> Clock:
    return SystemClock()


@cache
def _settings() -> Settings:
    given = dict.fromkeys(("discord_token", "market_api_key", "model_signing_key"), "not-a-real-secret")
    return Settings(_env_file=None, **given)


@pytest.fixture
def settings() -> Settings:
    """Read once; a copy for each test."""
    return _settings().model_copy()


@pytest.fixture(scope="session")
def workers() -> Iterator[Workers]:
    """One worker process for all tests, with its imports behind it: on a busy machine they take longer than
    the simulated Discord waits for an answer."""
    workers = Workers()
    asyncio.run(workers.run(charts.history, [], 1.0, (1.0, 2.0, 3.0), datetime.now(UTC)))
    yield workers
    workers.close()


@pytest.fixture
async def services(
    database_url: str, tmp_path: Path, clock: Clock, settings: Settings, workers: Workers
) -> AsyncIterator[Services]:
    async with Database.open(database_url) as db:
        runs = Runs(db)
        store = open_store(f"file:{tmp_path / 'store'}")
        registry = Registry(store, b"a key of sixteen+")
        predictor = RulePredictor(clock, registry)
        shelf = Shelf()
        announcements = Announcements(db)
        parts, history, trends = Parts(db), History(db, clock), Trends(db)
        ledger = Ledger(db, clock)
        watches, mutes = Watches(db, clock), Mutes(db)
        guilds = Guilds(db, clock, watches, mutes)
        supervisor = Supervisor()
        yield Services(
            settings=settings,
            clock=clock,
            db=db,
            supervisor=supervisor,
            market=shelf,
            watches=watches,
            parts=parts,
            previews=Previews(db, clock),
            guilds=guilds,
            journal=Journal(db, clock),
            history=history,
            trends=trends,
            axies=Axies(shelf, predictor, trends, history, parts),
            announcements=announcements,
            conditions=Conditions(db, announcements),
            digests=Digests(db, guilds, ledger, announcements, clock),
            outbox=Outbox(db, clock),
            posts=Posts(db),
            claims=Claims(db),
            mutes=mutes,
            ledger=ledger,
            runs=runs,
            reports=Reports(store),
            audit=Audit(db),
            predictor=predictor,
            retraining=StepwiseRetraining(runs),
            versions=Versions(registry, predictor, Audit(db), check=Registry.load),
            started_at=datetime.now(UTC),
            stats=IntakeStats(),
            workers=workers,
        )
        await supervisor.stop(5)


@pytest.fixture
def nothing_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any, **__: Any) -> bytes:
        raise TimeoutError

    monkeypatch.setattr(Workers, "run", broken)


class _Prompt(Env):
    """Looks again at once, and not after 50 ms, where the last callbacks of an answer have yet to run."""

    async def _settle_internal(self, **options: Any) -> None:
        await super()._settle_internal(**({"idle": 0.005} | options))


@pytest.fixture
async def env(services: Services) -> AsyncIterator[Env]:
    env = _Prompt(create_bot(services, shard_count=1))
    await env.start()
    yield env
    for name in tuple(env.bot.cogs):
        await env.bot.remove_cog(name)
    await env.shutdown()
    env.raise_errors()
    if bodies.DESCRIPTION.exists():
        sent = [(r.method, r.path, r.json) for r in env.http_requests if r.json is not None]
        assert [fault for request in sent for fault in bodies.faults(*request)] == []


@pytest.fixture
def world(env: Env, services: Services) -> World:
    guild = env.create_guild()
    managers = guild.create_role("Managers", permissions=discord.Permissions(manage_guild=True))
    return World(
        env,
        services,
        services.market,
        services.predictor,
        services.retraining,
        guild,
        guild.create_text_channel("signals"),
        guild.add_member(env.create_user("mona"), roles=[managers]),
        guild.add_member(env.create_user("ann")),
    )


@pytest.fixture
def admin(world: World, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Somebody who may do all, on a server whose trainings are looked at when the test says so."""
    # The simulated Discord waits for what is due within five seconds; this keeps time in the test's hands.
    monkeypatch.setattr(steering, "PROGRESS_EVERY_S", 60.0)
    role = world.guild.create_role("Admins", permissions=discord.Permissions(administrator=True))
    return world.guild.add_member(world.env.create_user("ada"), roles=[role])


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "PAUSE_S", 0.01)


@pytest.fixture
def prompt_edits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posts, "GATHER_S", 0.0)
    monkeypatch.setattr(following, "BETWEEN_S", 0.0)
