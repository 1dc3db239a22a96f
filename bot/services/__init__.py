"""What the bot can do, apart from how people ask for it: all of it handed to a cog as one value.

Services hold the SQL and know no Discord; `Services` is put together in one place and never changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.db import Database
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
    from bot.services.predictor import Predictor
    from bot.services.preview import Previews
    from bot.services.reports import Reports
    from bot.services.retraining import Retraining
    from bot.services.runs import Runs
    from bot.services.stats import IntakeStats
    from bot.services.trends import Trends
    from bot.services.versions import Versions
    from bot.services.watches import Watches
    from bot.services.workers import Workers
    from bot.settings import Settings
    from bot.supervisor import Supervisor
    from pipeline.clock import Clock
    from pipeline.market.client import MarketClient


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that commands, tasks and HTTP endpoints work with. Times are the machine's.

    `restored_at` is when the database was brought back from its replica in this life, if it was.
    """

    settings: Settings
    clock: Clock
    db: Database
    supervisor: Supervisor
    market: MarketClient
    watches: Watches
    guilds: Guilds
    parts: Parts
    previews: Previews
    journal: Journal
    history: History
    trends: Trends
    axies: Axies
    announcements: Announcements
    conditions: Conditions
    digests: Digests
    outbox: Outbox
    posts: Posts
    claims: Claims
    mutes: Mutes
    ledger: Ledger
    runs: Runs
    reports: Reports
    audit: Audit
    predictor: Predictor
    retraining: Retraining
    versions: Versions
    started_at: datetime
    stats: IntakeStats
    workers: Workers
    restored_at: datetime | None = None
