"""Everything the process consists of, put together in one place.

The same parts run against the real services, the simulated ones or a test's: settings and a clock are
all that differs. `running` holds the whole bot for as long as its context is open.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import discord
import structlog
from aiohttp.web import Application
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger

from bot import kinds, web
from bot.client import create_bot, point_at
from bot.db import Database
from bot.errors import SettingsError
from bot.leading import leading
from bot.outside import birth_order, open_market, open_objects, open_registry, recorded, side_sources
from bot.pulse import Pulse
from bot.replica import replicated
from bot.services import Services
from bot.services.announcements import Announcements
from bot.services.auctions import Auctions
from bot.services.audit import Audit
from bot.services.axies import Axies
from bot.services.claims import Claims
from bot.services.collecting import Collecting
from bot.services.conditions import Conditions
from bot.services.digests import Digests
from bot.services.elsewhere import EcsTask, train_on_ecs
from bot.services.feed import RatesFeed, SalesFeed
from bot.services.floors import Floors
from bot.services.guilds import Guilds
from bot.services.history import History
from bot.services.housekeeping import Housekeeping
from bot.services.intake import Intake
from bot.services.journal import Journal
from bot.services.ledger import Ledger
from bot.services.mutes import Mutes
from bot.services.outbox import Outbox
from bot.services.outcomes import Outcomes
from bot.services.parts import Parts
from bot.services.posts import Posts
from bot.services.predictor import Predictor
from bot.services.preview import Previews
from bot.services.reports import Reports
from bot.services.retraining import Birth, Retraining
from bot.services.runs import Runs
from bot.services.stats import IntakeStats
from bot.services.succession import Succession
from bot.services.trends import Trends
from bot.services.versions import Versions
from bot.services.warming import Warming
from bot.services.watchdog import Watchdog
from bot.services.watches import Watches
from bot.services.weighing import Weighing
from bot.services.workers import Workers
from bot.settings import Settings
from bot.standby import standby_app
from bot.supervisor import Supervisor
from pipeline import garbage
from pipeline.clock import Clock, SystemClock
from pipeline.market.watcher import Watcher
from pipeline.market.watching import WatcherSettings
from pipeline.objects import ObjectStore

log = structlog.get_logger(__name__)

WARM_UP_S = 20.0
STOP_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class App:
    """A running bot: its services, its web address, and the wait for what ends it."""

    services: Services
    http_port: int
    fatal: asyncio.Future[None]


def _birth(settings: Settings, store: ObjectStore) -> Birth | None:
    """How trainings are carried out that the bot begins; None is in a process of this machine."""
    if not settings.train_on.startswith("ecs:"):
        return None
    task = EcsTask.parse(settings.train_on)
    return lambda _, tell: train_on_ecs(task, store, tell)


@asynccontextmanager
async def running(
    settings: Settings, clock: Clock | None = None, standing_by: Callable[[int], None] | None = None
) -> AsyncIterator[App]:
    """Start the whole bot; leaving the context stops it cleanly. One at a time on a database.

    On PostgreSQL it waits for its turn to lead, with an HTTP door that says so. `App.fatal` fails with a
    SettingsError where Discord refuses the token, as only a person can mend that, and with LeadershipLost
    when another may lead; every other failure is retried for ever and shown by /status.
    """
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        port = settings.http_port

        @asynccontextmanager
        async def stand_by() -> AsyncIterator[None]:
            nonlocal port
            async with _web(settings, standby_app(), port) as port:
                if standing_by is not None:
                    standing_by(port)
                yield

        lost = await stack.enter_async_context(leading(settings.database_url, stand_by))
        replica = await stack.enter_async_context(
            replicated(settings.database_url, settings.replica_url, settings.s3_endpoint_url)
        )
        db = await stack.enter_async_context(Database.open(settings.database_url))
        stats = IntakeStats()
        market = await stack.enter_async_context(open_market(settings, clock, stats.timings.observe))
        store = open_objects(settings)
        registry = open_registry(settings, store)
        predictor = Predictor(registry, clock, settings.gas_ron)
        audit = Audit(db)
        runs = Runs(db)
        supervisor = Supervisor()
        workers = Workers()
        stack.callback(workers.close)
        journal = Journal(db, clock)
        announcements = Announcements(db)
        parts, history, trends = Parts(db), History(db, clock), Trends(db)
        ledger = Ledger(db, clock)
        watches, mutes = Watches(db, clock), Mutes(db)
        guilds = Guilds(db, clock, watches, mutes)
        retraining = Retraining(
            runs,
            predictor,
            audit,
            lambda: birth_order(settings, clock),
            timedelta(minutes=settings.train_minutes),
            _birth(settings, store),
        )
        stack.push_async_callback(retraining.stop)
        services = Services(
            settings=settings,
            clock=clock,
            db=db,
            supervisor=supervisor,
            market=market,
            watches=watches,
            parts=parts,
            previews=Previews(db, clock),
            guilds=guilds,
            journal=journal,
            history=history,
            trends=trends,
            axies=Axies(market, predictor, trends, history, parts),
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
            audit=audit,
            predictor=predictor,
            retraining=retraining,
            versions=Versions(registry, predictor, audit),
            started_at=datetime.now(UTC),
            stats=stats,
            workers=workers,
            restored_at=replica.restored_at if replica is not None else None,
        )
        if replica is not None:
            supervisor.add("replica", replica.turn)
        await _warm_up(services)
        garbage.settle()
        watcher = Watcher(
            stack.enter_context(recorded(settings, market)),
            clock,
            known=reversed(await journal.known_hashes()),
            settings=WatcherSettings(settings.market_poll_min_s, settings.market_poll_max_s),
        )
        app = App(
            services=services,
            http_port=await stack.enter_async_context(_web(settings, web.create_app(services), port)),
            fatal=lost,
        )
        _supervise(app, watcher)
        _schedule(app, store, stack)
        point_at(settings.discord_api_url, settings.discord_gateway_url)
        supervisor.start()
        # Whoever stops the bot waits ten seconds: one task that does not end must not use up all of them.
        stack.push_async_callback(supervisor.stop, STOP_WITHIN_S)
        yield app


async def _warm_up(services: Services) -> None:
    """Have the champion, the rates and the last sales in hand before the first listing is read."""
    interrupted = await services.runs.interrupted()
    if interrupted:
        log.warning("a training was interrupted when the bot stopped", runs=interrupted)
    try:
        async with asyncio.timeout(WARM_UP_S):
            await services.predictor.refresh()
            await RatesFeed(services.market, services.predictor, services.clock).turn()
            await SalesFeed(services.market, services.predictor, services.trends, services.clock).turn()
    except Exception as error:  # the supervised tasks try all of it again, and show what is wrong
        log.warning("starting before everything is in hand", reason=str(error) or type(error).__name__)


def _supervise(app: App, watcher: Watcher) -> None:
    s = app.services
    sales = SalesFeed(s.market, s.predictor, s.trends, s.clock)
    rates = RatesFeed(s.market, s.predictor, s.clock)
    floors = Floors(s.market, s.predictor, s.trends, s.clock)
    outcomes = Outcomes(s.market, s.journal, s.ledger, s.posts, s.clock)
    weighing = Weighing(s.predictor, s.watches, s.mutes, s.stats, s.clock)
    intake = Intake(watcher, weighing, s.journal, s.outbox, s.posts, s.parts, s.stats)
    auctions = Auctions(s.db, s.market, weighing, s.journal, s.outbox, s.posts, s.stats, s.clock)

    # The state of a new champion ends where its training data did.
    succession = Succession(
        s.predictor,
        s.audit,
        lambda: s.supervisor.trigger("sales"),
        lambda: s.retraining.current is not None,
    )

    async def connection() -> float:
        """One life of the Discord client. It never ends by itself; when it fails it is built anew."""
        try:
            async with create_bot(s) as bot:
                await bot.start(s.settings.discord_token.get_secret_value())
        except discord.LoginFailure:
            error = SettingsError("DISCORD_TOKEN is not accepted by Discord: copy the bot's token anew")
            if not app.fatal.done():
                app.fatal.set_exception(error)
            raise
        return 1.0

    s.supervisor.add("rates", rates.turn)
    s.supervisor.add("champion", succession.turn)
    s.supervisor.add("sales", sales.turn)
    s.supervisor.add("listings", intake.turn)
    s.supervisor.add("auctions", auctions.turn)
    s.supervisor.add("floors", floors.turn)
    s.supervisor.add("outcomes", outcomes.turn)
    s.supervisor.add("warming", Warming(s.history, s.ledger, s.trends, s.watches, s.clock).turn)
    s.supervisor.add("housekeeping", Housekeeping(s.db, s.clock, s.settings.keep_days).turn)
    s.supervisor.add("discord", connection)
    s.supervisor.add("pulse", Pulse(s.stats, s.predictor, s.clock).turn)


def _schedule(app: App, store: ObjectStore, stack: AsyncExitStack) -> None:
    s = app.services
    cron = s.settings.collect_cron
    trigger = None if cron == kinds.OFF else CronTrigger.from_crontab(cron, timezone="UTC")
    minutes, side = s.settings.collect_minutes, side_sources(s.settings)
    collecting = Collecting(s.market, store, s.clock, minutes, trigger, side)

    async def begin() -> None:
        collecting.order()
        s.supervisor.trigger("collection")

    s.supervisor.add("collection", collecting.turn)
    watchdog = Watchdog(
        s.trends, s.predictor, s.supervisor, collecting, s.conditions, s.guilds, s.clock, s.stats
    )
    s.supervisor.add("watchdog", watchdog.turn)
    scheduler = AsyncIOScheduler(timezone="UTC")
    for job, when in ((begin, cron), (s.retraining.by_schedule, s.settings.train_cron)):
        if when != kinds.OFF:
            trigger = CronTrigger.from_crontab(when, timezone="UTC")
            scheduler.add_job(job, trigger, max_instances=1, coalesce=True, misfire_grace_time=3600)
    scheduler.start()
    stack.callback(scheduler.shutdown, wait=False)


@asynccontextmanager
async def _web(settings: Settings, app: Application, port: int) -> AsyncIterator[int]:
    try:
        async with web.serve(app, settings.http_host, port) as port:
            yield port
    except OSError as error:
        raise SettingsError(
            f"HTTP_PORT {port} cannot be opened on {settings.http_host} "
            f"({error.strerror or error}): choose another"
        ) from error
