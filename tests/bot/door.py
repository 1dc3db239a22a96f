"""The HTTP door over a real database, with an axie market and a model that know one answer each."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any, ClassVar, cast

from bot.db import Database
from bot.errors import NoChampion
from bot.services import Services
from bot.services.announcements import Announcements
from bot.services.audit import Audit
from bot.services.claims import Claims
from bot.services.conditions import Conditions
from bot.services.guilds import Guilds
from bot.services.history import History
from bot.services.journal import Journal
from bot.services.ledger import Ledger
from bot.services.mutes import Mutes
from bot.services.outbox import Outbox
from bot.services.parts import Parts
from bot.services.posts import Posts
from bot.services.preview import Previews
from bot.services.runs import Runs
from bot.services.stats import IntakeStats
from bot.services.trends import Trends
from bot.services.watches import Watches
from bot.services.workers import Workers
from bot.settings import Settings
from bot.supervisor import Supervisor
from pipeline.clock import ManualClock
from pipeline.market.budget import RequestBudget
from pipeline.market.errors import MarketUnavailable
from pipeline.market.pages import AxieDetail, ClientStats
from pipeline.market.values import Axie, Listing
from pipeline.signal import Forecast, Prediction
from tests.bot.factories import NOON, make_forecast, make_prediction

TOKEN = "http-token-value-0123"


class Champion:
    """A model that knows one answer; the real one is trained elsewhere and takes longer than a test."""

    version: str | None = "v1"
    card: ClassVar = {"created_at": NOON.isoformat(), "data_to_s": NOON.timestamp() - 3600}

    def forecast(self, axie: Axie) -> Forecast:
        if self.version is None:
            raise NoChampion("no model has been trained yet")
        return make_forecast(axie_id=axie.id)

    def weigh(self, listing: Listing) -> Prediction:
        return make_prediction(listing, forecast=self.forecast(listing.axie))


class Market:
    """The axies that a marketplace would know."""

    def __init__(self) -> None:
        self.details: dict[int, AxieDetail] = {}
        self.down = False
        self.stats = ClientStats(requests=3, errors=Counter(MarketUnavailable=2))
        self.budget = RequestBudget()

    async def axies(self, ids: list[int]) -> dict[int, AxieDetail]:
        if self.down:
            raise MarketUnavailable("the marketplace answered 502 three times")
        return {id_: self.details[id_] for id_ in ids if id_ in self.details}

    def put(self, axie: Axie, listing: Listing | None = None) -> None:
        self.details[axie.id] = AxieDetail(axie, listing)


def services_of(db: Database, clock: ManualClock, market: Any, champion: Any, **settings: Any) -> Services:
    watches, mutes = Watches(db, clock), Mutes(db)
    return Services(
        settings=Settings(
            _env_file=None,  # type: ignore[call-arg]
            discord_token="discord-token-value",  # type: ignore[arg-type]
            market_api_key="market-key-value",  # type: ignore[arg-type]
            model_signing_key="signing-key-0123456789",  # type: ignore[arg-type]
            **settings,
        ),
        clock=clock,
        db=db,
        supervisor=Supervisor(),
        market=market,
        watches=watches,
        guilds=Guilds(db, clock, watches, mutes),
        parts=Parts(db),
        previews=Previews(db, clock),
        journal=Journal(db, clock),
        history=History(db, clock),
        trends=Trends(db),
        axies=cast(Any, None),
        announcements=Announcements(db),
        conditions=Conditions(db, Announcements(db)),
        digests=cast(Any, None),
        outbox=Outbox(db, clock),
        posts=Posts(db),
        claims=Claims(db),
        mutes=mutes,
        ledger=Ledger(db, clock),
        runs=Runs(db),
        reports=cast(Any, None),
        audit=Audit(db),
        predictor=champion,
        retraining=cast(Any, None),
        versions=cast(Any, None),
        started_at=datetime.now(UTC),
        stats=IntakeStats(),
        workers=Workers(),
    )
