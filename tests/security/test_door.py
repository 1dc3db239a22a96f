"""Who may ask the HTTP door, how often, and what they learn from it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from bot import guard, web
from bot.db import Database
from bot.guard import Connections, RequestRate, client_of
from bot.services import Services
from bot.services.predictor import Predictor
from pipeline.clock import ManualClock
from tests.bot.door import TOKEN, Champion, Market, services_of
from tests.bot.factories import make_axie, make_listing
from tests.security.conftest import Door

BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def services(db: Database, clock: ManualClock) -> Services:
    market = Market()
    market.put(make_axie(id=5))
    return services_of(db, clock, market, Champion())


@asynccontextmanager
async def opened(services: Services, **changes: Any) -> AsyncIterator[aiohttp.ClientSession]:
    settings = services.settings.model_copy(update=changes)
    async with (
        web.serve(web.create_app(replace(services, settings=settings)), "127.0.0.1", 0) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http,
    ):
        yield http


async def told(http: aiohttp.ClientSession, path: str, **headers: str) -> tuple[int, str]:
    async with http.get(path, headers=headers) as response:
        return response.status, await response.text()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "bot.example"])
def test_a_door_to_the_outside_without_a_token_does_not_open(host: str, tmp_path: Path) -> None:
    wanted = {"DISCORD_TOKEN": "x" * 24, "MARKET_API_KEY": "x" * 24, "MODEL_SIGNING_KEY": "x" * 24}
    ended = subprocess.run(
        [str(Path(sys.executable).with_name("axieflip")), "run"],
        cwd=tmp_path,
        env=wanted | {"HTTP_HOST": host, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    (sentence,) = ended.stderr.strip().splitlines()
    assert sentence.startswith(f"HTTP_TOKEN is missing, and HTTP_HOST={host} can be reached")


async def test_with_a_token_only_the_signs_of_life_go_without_it(services: Services) -> None:
    async with opened(services, http_token=SecretStr(TOKEN)) as http:
        assert (await told(http, "/metrics"))[0] == 401
        assert (await told(http, "/metrics", **BEARER))[0] == 200
        status, text = await told(http, "/readyz")
        assert status == 503
        assert json.loads(text)["checks"]["model"] == {"ok": True}
        assert "v1" not in text
        assert "v1" in (await told(http, "/readyz", **BEARER))[1]
        described = json.loads((await told(http, "/openapi.json"))[1])
        assert described["paths"]["/v1/predict"]["post"]["security"] == [{"token": []}]


async def test_a_web_page_in_the_operators_browser_may_not_ask(services: Services) -> None:
    async with opened(services) as http:
        for origin in ("https://evil.example", "null", "http://127.0.0.1:8080"):
            assert (await told(http, "/healthz", Origin=origin))[0] == 403


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8080", 200),
        ("localhost", 200),
        ("[::1]:8080", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("[::1", 421),
        ("", 421),
    ],
)
async def test_a_name_that_was_bent_to_this_machine_is_refused(
    services: Services, host: str, status: int
) -> None:
    async with opened(services) as http:
        assert (await told(http, "/metrics", Host=host))[0] == status
    async with opened(services, http_token=SecretStr(TOKEN)) as http:
        assert (await told(http, "/metrics", Host=host, **BEARER))[0] == 200


async def test_too_many_requests_are_refused_with_the_time_to_wait(services: Services) -> None:
    async with opened(services, http_requests_per_minute=3) as http:
        assert [(await told(http, "/healthz"))[0] for _ in range(4)] == [200, 200, 200, 429]
        async with http.get("/healthz") as response:
            assert 1 <= int(response.headers["Retry-After"]) <= 20
            assert (await response.json())["error"].startswith("Too many requests")


def test_a_client_gets_its_share_back_evenly_and_has_its_own() -> None:
    now = 0.0
    rate = RequestRate(6, clock=lambda: now)
    assert [rate.wait("a") for _ in range(7)] == [0.0] * 6 + [10.0]
    assert rate.wait("b") == 0.0
    now = 10.0
    assert rate.wait("a") == 0.0
    assert rate.wait("a") == pytest.approx(10.0)
    now = 1e6
    assert [rate.wait("a") > 0 for _ in range(7)] == [False] * 6 + [True]


def test_clients_without_end_take_memory_with_an_end() -> None:
    rate = RequestRate(6, clock=lambda: 0.0)
    for client in range(2 * guard._MOST_CLIENTS):
        rate.wait(str(client))
    assert len(rate._buckets) == guard._MOST_CLIENTS


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        (None, "", True),
    ],
)
def test_a_client_is_an_address_or_a_network_of_ipv6(one: str | None, other: str, same: bool) -> None:
    assert (client_of(one) == client_of(other)) is same


async def raw(http: aiohttp.ClientSession, sent: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    assert http._base_url is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", http._base_url.port)
    writer.write(sent)
    return reader, writer


@pytest.mark.parametrize("sent", [b"", b"POST /v1/predict HTTP/1.1\r\nHo"])
async def test_a_connection_that_says_nothing_to_the_end_is_hung_up(
    services: Services, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(web, "SILENT_S", 0.2)
    async with opened(services) as http:
        reader, writer = await raw(http, sent)
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()


async def test_a_body_that_never_comes_is_not_waited_for(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "BODY_S", 0.2)
    async with opened(services) as http:
        head = b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"
        reader, writer = await raw(http, head)
        assert b" 408 " in await asyncio.wait_for(reader.readline(), 10)
        writer.close()


async def test_connections_without_end_cost_others_their_turn_and_the_bot_no_more_handles(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "Connections", lambda server: Connections(server, most=5))
    async with opened(services) as http:
        held = [await raw(http, b"GET /healthz HTTP/1.1\r\n") for _ in range(5)]
        reader, writer = await raw(http, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 10) == b""
        for _, each in [*held, (reader, writer)]:
            each.close()


async def test_an_answer_says_nothing_of_what_serves(services: Services) -> None:
    async with opened(services) as http:
        for path in ("/healthz", "/nowhere", "/openapi.json"):
            async with http.get(path) as response:
                assert response.headers["Server"] == "axieflip"
                assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_lookups_of_strangers_do_not_pile_up_before_the_marketplace(services: Services) -> None:
    free = asyncio.Event()
    waiting = 0

    async def slowly(ids: list[int]) -> dict[int, Any]:
        nonlocal waiting
        waiting += 1
        await free.wait()
        return {}

    services.market.axies = slowly  # type: ignore[method-assign, assignment]
    async with opened(services) as http:

        async def ask() -> int:
            async with http.post("/v1/predict", json={"axie_id": 5}) as response:
                return response.status

        asking = [asyncio.create_task(ask()) for _ in range(web.MOST_LOOKUPS + 3)]
        done, _ = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
        assert {each.result() for each in done} == {429}
        free.set()
        answers = sorted(await asyncio.gather(*asking))
    assert answers == [404] * web.MOST_LOOKUPS + [429] * 3
    assert waiting == web.MOST_LOOKUPS


@pytest.mark.parametrize("seen_at", ["2026-06-01T12:00:01Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"])
async def test_a_listing_that_a_stranger_sends_leaves_no_trace_in_the_market(
    door: Door, predictor: Predictor, seen_at: str
) -> None:
    assert predictor.appraiser is not None
    state, axie = predictor.appraiser.state, make_axie(id=77)
    before = state.at, predictor.forecast(axie)
    sent = msgspec.to_builtins(make_listing(axie=axie, base=1))
    sent |= {"seen_at": seen_at, "started_at": seen_at}
    async with aiohttp.ClientSession() as http:
        for _ in range(3):
            async with http.post(f"{door.url}/v1/predict", json={"listing": sent}) as response:
                assert response.status == 200, await response.text()
    assert (state.at, predictor.forecast(axie)) == before


DEEP = [
    b"[" * 30_000,
    b'{"axie":' * 8_000,
    b'{"listing":{"axie":' * 3_000,
    b'{"x":' * 10_000 + b"1" + b"}" * 10_000,
]


@pytest.mark.parametrize("body", DEEP, ids=["lists", "axies", "listings", "closed"])
async def test_deep_json_is_a_bad_question(services: Services, body: bytes) -> None:
    async with opened(services) as http, http.post("/v1/predict", data=body) as response:
        assert response.status == 400
        assert "cannot be read" in (await response.json())["error"]


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"", b"POST /v1/predict HTTP/1.1\r\n", b"GET /"]))
def test_no_bytes_fell_the_door(door: Door, sent: bytes, start: bytes) -> None:
    async def send() -> bytes:
        host, _, port = door.url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(start + sent)
        if writer.can_write_eof():
            writer.write_eof()
        try:
            return await asyncio.wait_for(reader.read(), 10)
        except ConnectionError:
            return b""
        finally:
            writer.close()

    answer = asyncio.run(send())
    assert answer == b"" or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4", b"HTTP/1.1 2", b"HTTP/1.0 2"))
    assert b"Traceback" not in answer
