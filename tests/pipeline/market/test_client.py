"""The client against real HTTP: a small server that plays a script, one step a request."""

from __future__ import annotations

import asyncio
import traceback

import aiohttp
import pytest
from aiohttp import web

from pipeline.clock import ManualClock
from pipeline.market import transport
from pipeline.market.asking import Retries
from pipeline.market.budget import RequestLimits
from pipeline.market.client import MarketClient
from pipeline.market.errors import (
    AnswerTooLarge,
    KeyRejected,
    MalformedAnswer,
    MarketBlocked,
    MarketError,
    MarketUnavailable,
    QueryRejected,
    RateLimited,
    WrongAddress,
)
from pipeline.market.transport import Timeouts
from pipeline.market.values import AxieClass, OrderStatus
from tests.pipeline.market.rows import NOW, axie_row, axies_data
from tests.pipeline.market.scripted import KEY, PAGE, Step, client_of, data, fails, says


async def test_a_page_says_when_it_arrived_and_what_it_held() -> None:
    async with client_of(PAGE) as (client, script):
        page = await client.newest_listings(offset=100, size=50)
        assert [row.axie.id for row in page.rows] == [1]
        assert page.pending == (2,)
        assert page.at == NOW
        assert script.bodies[0]["operationName"] == "NewestListings"
        assert script.bodies[0]["variables"] == {"from": 100, "size": 50}
        assert script.headers[0]["X-API-Key"] == KEY
        assert client.stats.requests == 1
        assert client.stats.last_latency is not None
        assert 0 < client.stats.last_latency < 5


async def test_without_a_key_no_header_is_sent() -> None:
    async with client_of(PAGE, key=None) as (client, script):
        await client.newest_listings()
        assert "X-API-Key" not in script.headers[0]


async def test_standing_listings_are_asked_for_by_class_and_breed_count() -> None:
    async with client_of(PAGE) as (client, script):
        await client.standing_listings([AxieClass.BEAST], [3], offset=200)
        await client.standing_listings([], [1, 0])
        criteria = [body["variables"]["criteria"] for body in script.bodies]
        assert criteria[0] == {"stages": [4], "classes": ["Beast"], "breedCount": [3, 3]}
        assert criteria[1] == {"stages": [4], "breedCount": [0, 1]}


@pytest.mark.parametrize(
    "bad",
    [
        says({"message": "upstream"}, 502),
        says("<html>Service down</html>", 503),
        says({"message": "no"}, 500),
        fails("502: Bad Gateway"),
        fails("Internal server error", path=["axies"]),
        fails("request to http://axies failed, reason: connect ECONNREFUSED"),
        says("{ not json"),
        says('{"data":'),
        says("[1,2]"),
        says("{}"),
        says({"data": None}),
    ],
)
async def test_what_passes_by_itself_is_tried_again(bad: Step) -> None:
    async with client_of(bad, bad, PAGE) as (client, script):
        assert len((await client.newest_listings()).rows) == 1
        assert client.stats.retries == 2
        assert len(script.slept) == 2
        assert script.slept[0] <= 0.5
        assert script.slept[1] <= 1.0


async def test_a_connection_that_is_cut_is_tried_again() -> None:
    def cut(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with client_of(cut, PAGE) as (client, _):
        assert len((await client.newest_listings()).rows) == 1
        assert client.stats.errors["MarketUnavailable"] == 1


async def test_an_answer_cut_short_is_tried_again() -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"data":')
        assert request.transport is not None
        request.transport.abort()
        return response

    async with client_of(cut, PAGE) as (client, _):
        assert len((await client.newest_listings()).rows) == 1


async def test_trying_again_ends_with_the_last_error() -> None:
    bad = says({"message": "upstream"}, 502)
    async with client_of(bad, retries=Retries(attempts=3)) as (client, script):
        with pytest.raises(MarketUnavailable, match="502"):
            await client.newest_listings()
        assert len(script.bodies) == 3


async def test_a_market_that_does_not_answer_in_time_is_unavailable() -> None:
    over = asyncio.Event()

    async def hang(_: web.Request) -> web.StreamResponse:
        await over.wait()
        return web.Response()

    options = {"timeouts": Timeouts(total=0.05), "retries": Retries(attempts=2)}
    async with client_of(hang, **options) as (client, script):
        with pytest.raises(MarketUnavailable, match="in time"):
            await client.newest_listings()
        over.set()
        assert len(script.bodies) == 2


async def test_a_market_that_is_not_there_is_unavailable_and_the_message_says_where() -> None:
    async with (
        MarketClient(
            "http://127.0.0.1:1/graphql", KEY, ManualClock(NOW), retries=Retries(attempts=1)
        ) as client,
    ):
        with pytest.raises(MarketUnavailable, match=r"127\.0\.0\.1 is not reachable \(Connection refused\)"):
            await client.rates()


async def test_a_429_silences_everybody_until_its_reset() -> None:
    limited = says({"message": "API rate limit exceeded"}, 429, ratelimit_reset="30")
    async with client_of(limited, PAGE) as (client, script):
        clock = [0.0]

        async def sleep(seconds: float) -> None:
            script.slept.append(seconds)
            clock[0] += seconds

        client.budget._clock, client.budget._sleep = lambda: clock[0], sleep
        assert len((await client.newest_listings()).rows) == 1
        assert script.slept == [30.0]
        assert client.stats.errors == {"RateLimited": 1}


async def test_a_reset_too_far_away_is_told_at_once() -> None:
    limited = says({"message": "API rate limit exceeded"}, 429, ratelimit_reset="3000")
    async with client_of(limited) as (client, script):
        with pytest.raises(RateLimited) as caught:
            await client.newest_listings()
        assert caught.value.retry_after == pytest.approx(3000, abs=5)
        with pytest.raises(RateLimited):
            await client.rates()
        assert len(script.bodies) == 1, "nothing is sent while the marketplace wants silence"


async def test_remaining_requests_are_learnt_from_the_headers() -> None:
    step = says({"data": axies_data()}, x_ratelimit_remaining_minute="7", x_ratelimit_remaining_hour="99")
    async with client_of(step, limits=RequestLimits(300, 5000)) as (client, _):
        await client.newest_listings()
        assert client.budget.snapshot().minute.remaining == pytest.approx(7, abs=1)


CLOUDFLARE = "<!DOCTYPE html><html><title>Just a moment...</title></html>"
FINAL: list[tuple[type[MarketError], str, Step]] = [
    (KeyRejected, "set a valid key", says({"message": "No API key found in request"}, 401)),
    (KeyRejected, "developer console", says({"message": "You cannot consume this service"}, 403)),
    (MarketBlocked, "another network", says(CLOUDFLARE, 403)),
    (MarketBlocked, "another network", says(CLOUDFLARE, 503)),
    (WrongAddress, "check the address", says({"message": "no Route matched with those values"}, 404)),
    (WrongAddress, "check the address", says("", 302, location="http://127.0.0.1:1/elsewhere")),
    (QueryRejected, "Expected Name", fails("Syntax Error: Expected Name", status=400)),
    (QueryRejected, "refused", fails("depth limit exceeded")),
    (QueryRejected, "not for you", fails("not for you", path=["axies"], value={"axies": None})),
    (QueryRejected, "HTTP 413", says({"message": "too large"}, 413)),
]


@pytest.mark.parametrize(("kind", "says_what", "step"), FINAL)
async def test_what_needs_a_person_is_raised_at_once_and_says_what_to_do(
    kind: type[MarketError], says_what: str, step: Step
) -> None:
    async with client_of(step) as (client, script):
        with pytest.raises(kind, match=says_what):
            await client.newest_listings()
        assert len(script.bodies) == 1
        assert not issubclass(kind, MarketUnavailable)
        assert client.stats.errors == {kind.__name__: 1}


async def test_a_body_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MOST_BYTES", 10_000)
    async with client_of(says({"data": "x" * 20_000})) as (client, script):
        with pytest.raises(AnswerTooLarge):
            await client.newest_listings()
        assert len(script.bodies) == 1


ECHOES: list[Step] = [
    says({"message": f"Invalid API key {KEY}"}, 401),
    says({"message": f"{KEY} is not allowed"}, 403),
    says(f"{KEY} {KEY} {KEY}" * 40, 500),
    fails(f"unknown key {KEY}"),
    says(f"what is {KEY}?"),
    says({"message": KEY}, 429, ratelimit_reset="9999"),
]


@pytest.mark.parametrize("step", ECHOES)
async def test_no_error_shows_the_key_even_if_the_gateway_repeats_it(step: Step) -> None:
    async with client_of(step, retries=Retries(attempts=1)) as (client, _):
        with pytest.raises(MarketError) as caught:
            await client.newest_listings()
        shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
        assert KEY not in shown
        assert KEY not in f"{client!r} {client} {client.stats}"


@pytest.mark.parametrize("url", ["", "market", "ftp://x/graphql", "https:///graphql"])
def test_an_address_that_is_none_is_refused_before_anything_is_sent(url: str) -> None:
    with pytest.raises(WrongAddress):
        MarketClient(url, KEY, ManualClock(NOW))


def test_a_key_that_would_break_a_header_is_refused_without_showing_it() -> None:
    with pytest.raises(KeyRejected) as caught:
        MarketClient("http://x/graphql", "abc\r\ndef", ManualClock(NOW))
    assert "abc" not in str(caught.value)


async def test_a_session_that_was_handed_in_stays_open() -> None:
    async with aiohttp.ClientSession() as session:
        async with client_of(PAGE, session=session) as (client, _):
            await client.newest_listings()
        assert not session.closed


async def test_axies_are_asked_for_by_fifty_and_unknown_ones_are_absent() -> None:
    def answer(request: web.Request) -> web.Response:
        keys = script.bodies[-1]["variables"]
        assert all(isinstance(id_, str) for id_ in keys.values())
        return web.json_response(
            {"data": {k: None if id_ == "7" else axie_row(int(id_)) for k, id_ in keys.items()}}
        )

    async with client_of(answer) as (client, script):
        found = await client.axies([*range(1, 121), 1, 2])
        assert sorted(found) == [id_ for id_ in range(1, 121) if id_ != 7]
        assert [len(body["variables"]) for body in script.bodies] == [50, 50, 20]
        assert await client.axies([]) == {}


async def test_an_order_that_nobody_knows_does_not_cost_the_others() -> None:
    value = {"k0": {"hash": "a", "status": "Matched"}, "k1": None}
    async with client_of(fails("order not found", path=["k1"], value=value)) as (client, _):
        found = await client.orders(["a", "b"])
        assert {hash_: found[hash_].status for hash_ in found} == {"a": OrderStatus.MATCHED}
        assert found["a"].at == NOW


async def test_an_order_whose_service_was_down_is_asked_for_again_not_called_unknown() -> None:
    value = {"k0": {"hash": "a", "status": "Matched"}, "k1": None}
    whole = data({"k0": {"hash": "a", "status": "Matched"}, "k1": {"hash": "b", "status": "Open"}})
    async with client_of(fails("502: Bad Gateway", path=["k1"], value=value), whole) as (client, _):
        assert set(await client.orders(["a", "b"])) == {"a", "b"}


async def test_sales_are_asked_for_up_to_a_second() -> None:
    async with client_of(data({"tokenActivities": []})) as (client, script):
        await client.sales()
        await client.sales(before=NOW, size=20)
        assert [body["variables"] for body in script.bodies] == [
            {"before": None, "size": 50},
            {"before": int(NOW.timestamp()), "size": 20},
        ]


async def test_nonsense_instead_of_rates_is_malformed() -> None:
    async with client_of(data({"exchangeRate": None})) as (client, _):
        with pytest.raises(MalformedAnswer):
            await client.rates()
