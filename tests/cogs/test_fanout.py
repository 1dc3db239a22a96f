"""One listing for thousands of channels: who is served when, at which pace, and what followers get."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.services.outbox import Owed
from cogs.fanout import LANE, Standing, in_turn
from cogs.pace import POSTS_A_SECOND, POSTS_AT_ONCE, REQUESTS_A_SECOND, REQUESTS_AT_ONCE, Pace
from pipeline.market.errors import MarketUnavailable
from pipeline.market.values import OrderStatus, Resolution
from tests.cogs.world import World

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def owed(number: int, guild: int, channel: int, minute: int = 0) -> Owed:
    return Owed(number, guild, channel, NOON + timedelta(minutes=minute), number)


def test_what_has_been_due_longest_goes_first() -> None:
    assert in_turn([owed(1, 1, 1, 0), owed(2, 2, 2, 1)], (), 9) == [[1], [2]]


def test_a_server_s_second_channel_waits_for_every_other_server_s_first() -> None:
    large = [owed(number, 1, number) for number in range(100)]
    small = [owed(100 + number, 2 + number, 100 + number) for number in range(3)]
    order = [post for lane in in_turn([*large, *small], (), 200) for post in lane]
    assert order[:4] == [0, 100, 101, 102]
    assert order[4:] == list(range(1, 100))


def test_a_busy_channel_is_passed_over_and_a_lane_takes_its_first_few_in_order() -> None:
    posts = [owed(number, 1, 1) for number in (5, 3, 9, 7)] + [owed(1, 1, 2)]
    assert in_turn(posts, (), 9) == [[3, 5, 7][:LANE], [1]]
    assert in_turn(posts, {1}, 9) == [[1]]
    assert in_turn(posts, (), 1) == [[3, 5, 7]]
    assert in_turn(posts, (), 0) == []


class Clock:
    """Time that passes only where somebody sleeps, who may be woken late."""

    def __init__(self, late: Iterable[float] = ()) -> None:
        self.now = 0.0
        self._late = iter(late)

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.now += seconds + next(self._late, 0.0)


PACES = [(POSTS_A_SECOND, POSTS_AT_ONCE), (REQUESTS_A_SECOND, REQUESTS_AT_ONCE)]


@pytest.mark.parametrize(("a_second", "at_once"), PACES)
@given(
    waits=st.lists(st.sampled_from([0.0, 0.0, 0.0, 0.01, 0.3, 5.0]), max_size=300),
    late=st.lists(st.sampled_from([0.0, 0.0, 0.01, 0.4, 3.0]), max_size=300),
)
async def test_in_no_second_are_there_more_turns_than_discord_allows(
    a_second: float, at_once: int, waits: list[float], late: list[float]
) -> None:
    clock = Clock(late)
    pace = Pace(a_second, at_once, clock=clock, sleep=clock.sleep)
    turns: list[float] = []

    async def one() -> None:
        await pace.turn()
        turns.append(clock.now)

    # Whoever waits does so beside all who came before.
    waiting = []
    for wait in waits:
        clock.now += wait
        waiting.append(asyncio.create_task(one()))
        await asyncio.sleep(0)
    await asyncio.gather(*waiting)
    assert len(turns) == len(waits)
    for number, at in enumerate(turns):
        assert sum(at <= later < at + 1.0 for later in turns[number:]) <= a_second + at_once <= 47


async def test_ten_thousand_turns_take_as_long_as_the_documents_say() -> None:
    clock = Clock()
    pace = Pace(clock=clock, sleep=clock.sleep)
    for _ in range(10_000):
        await pace.turn()
    assert 249 < clock.now < 251


async def test_whether_an_order_stands_is_asked_once_for_all_channels() -> None:
    asked: Counter[str] = Counter()

    class Market:
        async def orders(self, hashes: list[str]) -> dict[str, Resolution]:
            asked.update(hashes)
            return {hash_: Resolution(hash_, OrderStatus.OPEN, NOON) for hash_ in hashes if hash_ != "gone"}

    market: Any = Market()
    standing = Standing(market)
    for _ in range(50):
        assert await standing.of(["a", "gone"]) == {"a": OrderStatus.OPEN}
    assert await standing.of(["b"]) == {"b": OrderStatus.OPEN}
    assert asked == {"a": 1, "gone": 1, "b": 1}


async def test_where_the_marketplace_is_silent_all_who_wait_learn_it_from_one_question() -> None:
    asked: list[list[str]] = []

    class Market:
        async def orders(self, hashes: list[str]) -> dict[str, Resolution]:
            asked.append(hashes)
            await asyncio.sleep(0)
            raise MarketUnavailable("down")

    market: Any = Market()
    standing = Standing(market)
    for questions in (1, 2):
        answers = await asyncio.gather(*(standing.of([f"{n}"]) for n in range(50)), return_exceptions=True)
        assert all(isinstance(each, MarketUnavailable | TimeoutError) for each in answers)
        assert len(asked) == questions


def published(world: World) -> int:
    return sum(request.path.endswith("/crosspost") for request in world.env.http_requests)


async def test_in_an_announcement_channel_an_alert_is_published_and_elsewhere_not(world: World) -> None:
    news = world.guild.create_news_channel("news")
    await world.signal(await world.watch(news, "news"), await world.watch())
    await world.deliver()
    assert len(world.posted(news)) == len(world.posted()) == 1
    assert published(world) == 1


async def test_of_an_hour_s_alerts_the_first_ten_are_published_and_all_are_posted(world: World) -> None:
    watch = await world.watch(world.guild.create_news_channel("news"), "news")
    for _ in range(12):
        await world.signal(watch)
        await world.deliver()
    assert published(world) == 10
    assert (await world.services.outbox.counts()).delivered == 12


async def test_an_alert_that_cannot_be_published_is_delivered_all_the_same(world: World) -> None:
    news = world.guild.create_news_channel("news")
    world.env.inject_error("POST", "/channels/*/messages/*/crosspost", status=403, code=50_013)
    await world.signal(await world.watch(news, "news"))
    await world.deliver()
    assert (await world.services.outbox.counts()).delivered == 1
    assert published(world) == 1  # it was tried, and is not tried again
