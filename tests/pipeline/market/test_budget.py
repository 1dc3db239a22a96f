import asyncio
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.market.budget import Priority, RequestBudget, RequestLimits
from tests.pipeline.market.virtual import VirtualTime

WATCH, BACKGROUND = Priority.WATCH, Priority.BACKGROUND


def make(per_minute: int = 10, per_hour: int = 100, speed: float = 1.0) -> tuple[RequestBudget, VirtualTime]:
    time = VirtualTime()
    limits = RequestLimits(per_minute, per_hour)
    return RequestBudget(limits, speed=speed, clock=time.clock, sleep=time.sleep), time


async def spend(budget: RequestBudget, time: VirtualTime, priority: Priority, times: int) -> list[float]:
    sent = []
    for _ in range(times):
        await budget.acquire(priority)
        sent.append(time.now)
    return sent


async def test_a_minute_holds_no_more_than_its_limit() -> None:
    budget, time = make()
    (sent,) = await time.run(spend(budget, time, WATCH, 25))
    assert sent == pytest.approx([0.0] * 10 + [60.0] * 10 + [120.0] * 5)


async def test_an_hour_holds_no_more_than_its_limit() -> None:
    budget, time = make(per_minute=10, per_hour=15)
    (sent,) = await time.run(spend(budget, time, WATCH, 20))
    assert sent == pytest.approx([0.0] * 10 + [60.0] * 5 + [3600.0] * 5)


async def test_a_market_that_runs_faster_renews_its_limits_faster() -> None:
    budget, time = make(speed=60.0)
    (sent,) = await time.run(spend(budget, time, WATCH, 20))
    assert sent == pytest.approx([0.0] * 10 + [1.0] * 10)


async def test_background_work_leaves_the_watcher_its_half() -> None:
    budget, time = make()
    (sent,) = await time.run(spend(budget, time, BACKGROUND, 20), until=59.0)
    assert isinstance(sent, asyncio.CancelledError)
    assert budget.snapshot().minute.used == 5
    (watched,) = await time.run(spend(budget, time, WATCH, 5), until=59.5)
    assert len(watched) == 5, "the watcher did not have to wait"


async def test_a_waiting_watcher_goes_before_background_work_that_waited_longer() -> None:
    budget, time = make(per_minute=2)
    await time.run(spend(budget, time, WATCH, 2))
    order: list[Priority] = []

    async def later(priority: Priority, delay: float) -> None:
        await time.sleep(delay)
        await budget.acquire(priority)
        order.append(priority)

    await time.run(later(BACKGROUND, 1), later(WATCH, 2), later(WATCH, 3))
    assert order == [WATCH, WATCH, BACKGROUND]


async def test_nobody_sends_before_the_reset_of_a_429() -> None:
    budget, time = make()
    budget.block(30)
    assert budget.blocked_s == 30
    watched, background = await time.run(spend(budget, time, WATCH, 1), spend(budget, time, BACKGROUND, 1))
    assert watched == [30.0]
    assert background[0] == pytest.approx(30.0, abs=0.01)


@pytest.mark.parametrize(("reset", "waits"), [(None, 10.0), (0, 0.001), (10**9, 3600.0), (-5, 0.001)])
async def test_a_reset_without_sense_is_bounded(reset: float | None, waits: float) -> None:
    budget, time = make()
    budget.block(reset)
    (sent,) = await time.run(spend(budget, time, WATCH, 1))
    assert sent == pytest.approx([waits])


async def test_what_the_gateway_counted_is_believed_where_it_is_stricter() -> None:
    budget, time = make()
    budget.learn({"x-ratelimit-remaining-minute": "1", "x-ratelimit-remaining-hour": "90"})
    assert budget.snapshot().minute.remaining == 1
    (sent,) = await time.run(spend(budget, time, WATCH, 3))
    assert sent == pytest.approx([0.0, 6.0, 12.0]), "then it refills evenly"
    budget.learn({"x-ratelimit-remaining-minute": "9999"})
    assert budget.snapshot().minute.remaining <= 10 - 3


@pytest.mark.parametrize("told", ["", "-1", "many", "1.5", "NaN"])
async def test_headers_without_sense_teach_nothing(told: str) -> None:
    budget, _ = make()
    budget.learn({"x-ratelimit-remaining-minute": told, "x-ratelimit-remaining-hour": told})
    assert budget.snapshot().minute.remaining == 10


async def test_a_caller_that_gives_up_gives_its_place_up() -> None:
    budget, time = make(per_minute=1)
    await time.run(spend(budget, time, WATCH, 1))
    await time.run(spend(budget, time, WATCH, 1), until=5.0)
    assert budget.snapshot().waiting == 0
    (sent,) = await time.run(spend(budget, time, WATCH, 1))
    assert sent == pytest.approx([60.0])


async def test_the_watchers_pace_is_what_its_share_sustains_and_slows_when_little_is_left() -> None:
    budget, _ = make(per_minute=300, per_hour=5000)
    assert budget.watch_interval() == pytest.approx(3600 / 2500)
    budget.learn({"x-ratelimit-remaining-hour": "50"})
    assert budget.watch_interval() == pytest.approx(4 * 3600 / 2500)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(Priority), st.floats(0, 90), st.integers(1, 6)), min_size=1, max_size=12
    ),
    st.integers(2, 12),
)
def test_no_window_ever_holds_more_than_its_limit_and_all_are_served(
    callers: list[tuple[Priority, float, int]], limit: int
) -> None:
    sent: list[tuple[float, Priority]] = []

    async def scenario() -> None:
        budget, time = make(per_minute=limit, per_hour=1000)

        async def caller(priority: Priority, start: float, times: int) -> None:
            await time.sleep(start)
            for _ in range(times):
                await budget.acquire(priority)
                sent.append((time.now, priority))

        await time.run(*(caller(*one) for one in callers))

    asyncio.run(scenario())
    wanted = Counter[Priority]()
    for priority, _, times in callers:
        wanted[priority] += times
    assert Counter(priority for _, priority in sent) == wanted
    for start, _ in sent:
        within = [priority for at, priority in sent if start <= at < start + 60 - 1e-6]
        assert len(within) <= limit
        assert within.count(BACKGROUND) <= limit - limit // 2
