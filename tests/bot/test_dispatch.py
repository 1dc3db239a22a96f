"""Whatever a seller does with the price of an axie, nobody is told twice of what they know."""

from __future__ import annotations

import asyncio
import tempfile
from datetime import timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from bot.db import Database
from bot.db.tables import AlertRow
from bot.services.journal import Entry, Journal
from bot.services.outbox import Outbox
from bot.services.watches import Watches
from pipeline.clock import ManualClock
from pipeline.market.values import Listing, OrderStatus, Resolution
from pipeline.signal import Filters, Prediction, Thresholds, refusal
from tests.bot.conftest import sqlite_url
from tests.bot.factories import NOON, make_axie, make_listing, make_prediction

STEPS = st.sampled_from(["cheap", "dear", "deliver", "cancelled", "sold"])


def priced(listing: Listing, cheap: bool) -> Prediction:
    return make_prediction(listing, net_usd=4.0 if cheap else -3.0, ask_usd=12.5 if cheap else 22.5)


@settings(max_examples=25, deadline=None)
@given(steps=st.lists(STEPS, max_size=14))
def test_an_alert_is_made_where_a_price_newly_pays_and_only_there(migrated: Path, steps: list[str]) -> None:
    """Held against the rule as a few lines: one delivered alert that still pays silences the next."""

    async def play(file: Path) -> None:
        async with Database.open(sqlite_url(file)) as db:
            clock = ManualClock(NOON)
            journal, outbox = Journal(db, clock), Outbox(db, clock)
            watch = await Watches(db, clock).add(1, 2, "w", Thresholds(), Filters(), 3)
            axie, current, told, waits, expected = make_axie(), None, False, False, 0
            for step in steps:
                clock.advance(60)
                if step in ("cheap", "dear"):
                    at = clock.now()
                    current = make_listing(axie=axie, started_at=at - timedelta(seconds=5), seen_at=at)
                    prediction = priced(current, step == "cheap")
                    pays = refusal(watch.thresholds, watch.filters, current, prediction, at) is None
                    new = await journal.record([Entry(current, prediction, (watch,) if pays else ())])
                    wanted = pays and not told
                    assert new == wanted
                    expected += wanted
                    told, waits = told and pays, wanted
                elif step == "deliver":
                    for post in await outbox.due():
                        await outbox.delivered(post.id, [alert.id for alert in post.alerts], 1)
                        told = True
                    waits = False
                elif current is not None:
                    status = OrderStatus.MATCHED if step == "sold" else OrderStatus.CANCELLED
                    await journal.resolve([Resolution(current.hash, status, clock.now())])
                    told = told and step != "sold"
                    waits = False
                assert (await outbox.counts()).pending == waits
            async with db.reading() as session:
                alerts = list(await session.scalars(select(AlertRow)))
            assert len(alerts) == expected
            live = [
                a for a in alerts if a.state == "delivered" and current and a.current_hash == current.hash
            ]
            assert sum(alert.clears for alert in live) <= 1

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "axieflip.db"
        file.write_bytes(migrated.read_bytes())
        asyncio.run(play(file))
