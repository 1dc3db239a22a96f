"""Whatever a seller does with the price of an axie, nobody is told twice of what they know."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from hypothesis import example, given, settings
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
from tests.bot.factories import NOON, make_axie, make_listing, make_prediction
from tests.databases import Databases

STEPS = st.sampled_from(["cheap", "dear", "deliver", "cancelled", "sold"])


def priced(listing: Listing, cheap: bool) -> Prediction:
    return make_prediction(listing, net_usd=4.0 if cheap else -3.0, ask_usd=12.5 if cheap else 22.5)


@settings(max_examples=25, deadline=None)
@example(["cheap", "deliver", "cancelled", "sold", "cheap"])
@example(["cheap", "deliver", "dear", "cheap", "cheap"])
@example(["cheap", "deliver", "dear", "cheap", "deliver"])
@given(steps=st.lists(STEPS, max_size=14))
def test_an_alert_is_made_where_a_price_newly_pays_and_only_there(
    databases: Databases, steps: list[str]
) -> None:
    """Held against the rule as a few lines: one delivered alert that still pays silences the next."""

    async def play(url: str) -> None:
        async with Database.open(url) as db:
            clock = ManualClock(NOON)
            journal, outbox = Journal(db, clock), Outbox(db, clock)
            watch = await Watches(db, clock).add(1, 2, "w", Thresholds(), Filters(), 3)
            axie, current, over, told, waits, expected = make_axie(), None, False, False, False, 0
            pays = False
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
                    over, told, waits = False, told and pays, wanted
                elif step == "deliver":
                    for post in await outbox.due():
                        await outbox.delivered(post.id, [alert.id for alert in post.alerts], 1)
                        told = True
                    waits = False
                elif current is not None:
                    status = OrderStatus.MATCHED if step == "sold" else OrderStatus.CANCELLED
                    await journal.resolve([Resolution(current.hash, status, clock.now())])
                    told = told and (over or step != "sold")  # the first end is for good
                    over, waits = True, False
                assert (await outbox.counts()).pending == waits
            async with db.reading() as session:
                alerts = list(await session.scalars(select(AlertRow)))
            assert len(alerts) == expected
            live = [
                a for a in alerts if a.state == "delivered" and current and a.current_hash == current.hash
            ]
            assert all(alert.clears == pays for alert in live), "a message tells wrong of the price"

    with databases.fresh() as url:
        asyncio.run(play(url))
