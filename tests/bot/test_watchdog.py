"""What is wrong with the bot is told once in each operators' channel, and once more when it is mended."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from bot.db import Database
from bot.services.announcements import Announcements, Said
from bot.services.conditions import Conditions
from bot.services.guilds import Guilds
from bot.services.mutes import Mutes
from bot.services.stats import IntakeStats
from bot.services.trends import Checked, Sold, Trends
from bot.services.watchdog import MIN_CHECKED, STALE, Watchdog, drift
from bot.services.watches import Watches
from pipeline.clock import ManualClock
from pipeline.market.values import Sale
from tests.bot.factories import NOON, make_axie, make_forecast

GUILD, CHANNEL = 2**62, 77
CARD = {"metrics": {"median_ape": 0.15, "coverage_90": 0.91}, "data_to_s": NOON.timestamp()}
_ids = count()


class Kennel:
    """A watchdog with the parts that it looks at, each as a test wants it."""

    def __init__(self, db: Database, clock: ManualClock) -> None:
        self.announcements = Announcements(db)
        self.conditions = Conditions(db, self.announcements)
        self.guilds = Guilds(db, clock, Watches(db, clock), Mutes(db))
        self.trends = Trends(db)
        self.predictor = SimpleNamespace(version="v1", card=dict(CARD))
        self.tasks: list[Any] = []
        self.stats = IntakeStats()
        self.collecting = SimpleNamespace(collected_at=None)
        self.dog = Watchdog(
            self.trends,
            cast(Any, self.predictor),
            cast(Any, SimpleNamespace(statuses=lambda: self.tasks)),
            cast(Any, self.collecting),
            self.conditions,
            self.guilds,
            clock,
            self.stats,
        )

    async def operators(self, guild: int = GUILD, channel: int = CHANNEL) -> None:
        def edit(settings: Any) -> Any:
            return msgspec.structs.replace(settings, operators_channel=channel)

        await self.guilds.change(guild, 1, edit)

    async def sell(self, number: int, over: float, version: str = "v1") -> None:
        """So many sales at 10 dollars that had been forecast at so much more, between 9 and 12."""
        told: Any = {"model_version": version, "low_usd": 9.0, "high_usd": 12.0}
        sold = []
        for _ in range(number):
            axie = make_axie()
            sale = Sale(f"0x{next(_ids)}", axie, NOON - timedelta(hours=1), 1, "0xa", "0xb")
            sold.append(
                Sold(sale, 10.0, make_forecast(axie_id=axie.id, resale_usd=10.0 * (1 + over), **told))
            )
        await self.trends.record_sales(sold)

    async def look(self) -> list[str]:
        """Look once and say what is waiting to be told, as (what, channel)."""
        await self.dog.turn()
        return [each.said.key for each in await self.announcements.due()]

    async def wrong(self) -> list[str]:
        return [condition.key for condition in await self.conditions.open()]


@pytest.fixture
def kennel(db: Database, clock: ManualClock) -> Kennel:
    return Kennel(db, clock)


async def test_a_model_that_errs_too_much_is_told_once_and_once_more_when_it_is_replaced(
    kennel: Kennel,
) -> None:
    await kennel.operators()
    await kennel.sell(MIN_CHECKED, 0.1)
    assert await kennel.look() == []
    await kennel.sell(2 * MIN_CHECKED, 0.5)
    assert await kennel.look() == [f"condition:1:opened:{CHANNEL}"]
    assert await kennel.wrong() == ["model error of v1"]
    [told] = await kennel.announcements.due()
    assert "50.0% " not in told.said.body["detail"]
    assert "median error on 600 sales was 50.0%" in told.said.body["detail"]
    assert await kennel.look() == [f"condition:1:opened:{CHANNEL}"]
    kennel.predictor.version = "v2"
    assert await kennel.look() == [f"condition:1:opened:{CHANNEL}", f"condition:1:mended:{CHANNEL}"]
    assert await kennel.wrong() == []


async def test_intervals_that_hold_too_seldom_are_told(kennel: Kennel) -> None:
    await kennel.operators()
    sold = [Checked(20.0 if n % 4 == 0 else 10.0, 10.0, 9.0, 12.0) for n in range(MIN_CHECKED)]
    seen = drift(sold, CARD)
    assert seen is not None
    assert (seen.coverage, seen.promised_coverage) == (0.75, 0.9)
    assert seen.coverage < seen.coverage_limit
    assert seen.error == 0.0


async def test_few_sales_tell_nothing_and_end_nothing(kennel: Kennel, clock: ManualClock) -> None:
    await kennel.sell(MIN_CHECKED - 1, 0.5)
    await kennel.look()
    assert await kennel.wrong() == []
    await kennel.sell(1, 0.5)
    await kennel.look()
    assert await kennel.wrong() == ["model error of v1"]
    clock.advance(2 * 86_400)
    await kennel.look()
    assert await kennel.wrong() == ["model error of v1"]
    kennel.predictor.version = None  # not loaded yet after a restart
    await kennel.look()
    assert await kennel.wrong() == ["model error of v1"]


async def test_a_figure_that_trembles_around_its_limit_is_told_once(kennel: Kennel) -> None:
    await kennel.operators()
    await kennel.sell(MIN_CHECKED, 0.23)
    await kennel.look()
    await kennel.sell(2 * MIN_CHECKED, 0.22)  # below the limit of 22.5 %, above where it counts as over
    assert len(await kennel.look()) == 1
    await kennel.sell(6 * MIN_CHECKED, 0.19)
    assert len(await kennel.look()) == 2


async def test_a_model_grows_stale_and_is_fresh_again_with_the_next(
    kennel: Kennel, clock: ManualClock
) -> None:
    await kennel.operators()
    clock.advance((STALE + timedelta(hours=1)).total_seconds())
    await kennel.look()
    assert await kennel.wrong() == ["stale model v1"]
    kennel.predictor.version, kennel.predictor.card = "v2", CARD | {"data_to_s": clock.now().timestamp()}
    assert len(await kennel.look()) == 2
    assert await kennel.wrong() == []


async def test_a_failed_collection_is_over_when_one_has_succeeded_not_when_the_bot_restarts(
    kennel: Kennel, db: Database, clock: ManualClock
) -> None:
    await kennel.operators()
    kennel.tasks = [SimpleNamespace(name="collection", failures=2, last_error="MarketUnavailable: 503")]
    assert len(await kennel.look()) == 1
    [wrong] = await kennel.conditions.open()
    assert "MarketUnavailable: 503" in wrong.detail
    after_restart = Kennel(db, clock)
    after_restart.tasks = [SimpleNamespace(name="collection", failures=0, last_error=None)]
    assert len(await after_restart.look()) == 1
    after_restart.collecting.collected_at = NOON
    assert len(await after_restart.look()) == 2


async def test_each_channel_is_told_what_is_wrong_once_and_of_the_end_only_if_it_was_told(
    kennel: Kennel,
) -> None:
    await kennel.operators()
    kennel.tasks = [SimpleNamespace(name="collection", failures=1, last_error="x")]
    await kennel.look()
    await kennel.operators(GUILD + 1, 88)
    assert await kennel.look() == ["condition:1:opened:77", "condition:1:opened:88"]
    kennel.tasks = []
    kennel.collecting.collected_at = NOON
    await kennel.operators(GUILD + 2, 99)
    assert (await kennel.look())[2:] == ["condition:1:mended:77", "condition:1:mended:88"]
    kennel.tasks = [SimpleNamespace(name="collection", failures=1, last_error="x")]
    again = [f"condition:2:opened:{channel}" for channel in (77, 88, 99)]
    assert (await kennel.look())[4:] == again


async def test_without_an_operators_channel_nothing_is_said_and_it_is_known_all_the_same(
    kennel: Kennel,
) -> None:
    kennel.tasks = [SimpleNamespace(name="collection", failures=1, last_error="x")]
    assert await kennel.look() == []
    assert await kennel.wrong() == ["collection"]


async def test_an_announcement_waits_for_its_delivery_and_is_not_said_again(db: Database) -> None:
    announcements = Announcements(db)
    one = Said("k", GUILD, CHANNEL, "condition", {"a": 1})
    assert await announcements.say([one]) == 1
    assert await announcements.say([one]) == 0
    await announcements.wait()
    [due] = await announcements.due()
    assert due.said == one
    assert len(due.nonce) == 24
    await announcements.retry(due.id, "slow", 600)
    assert await announcements.due() == []
    await announcements.delivered(due.id, 5)
    await announcements.undeliverable(due, "too late to say so")
    assert await announcements.failed(GUILD) == []
    assert await announcements.say([one]) == 0
    await announcements.say([Said("l", GUILD, CHANNEL, "condition", {})])
    [due] = await announcements.due()
    await announcements.undeliverable(due, "the channel is gone")
    (failure,) = await announcements.failed(GUILD)
    assert (failure.channel_id, failure.reason) == (CHANNEL, "the channel is gone")


async def test_what_can_be_said_nowhere_goes_to_one_person_after_another_and_then_is_given_up(
    db: Database,
) -> None:
    announcements = Announcements(db)
    await announcements.say([Said("k", GUILD, CHANNEL, "watches", {"a": 1}, otherwise=(5, 6))])
    asked = []
    while due := await announcements.due():
        (one,) = due
        asked.append((one.said.channel_id, one.said.user_id))
        assert one.said.body == {"a": 1}
        await announcements.undeliverable(one, "refused")
        await announcements.undeliverable(one, "refused")
    assert asked == [(CHANNEL, None), (None, 5), (None, 6)]
    assert [failure.user_id for failure in await announcements.failed(GUILD)] == [6, 5, None]
