"""The optional forward proxy: requests go through it, its cost is measured, its password never shows."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from pipeline.clock import ManualClock
from pipeline.market.asking import Retries
from pipeline.market.budget import RequestLimits
from pipeline.market.client import MarketClient
from pipeline.market.errors import MarketUnavailable, WrongAddress
from pipeline.market.proxy import Proxy, ProxyCost
from sandbox.marketplace import MarketConfig, serve
from tests.pipeline.market.forwarding import forwarding

MANY = 10**6
CONFIG = MarketConfig(
    speed=0, history_days=0.05, book=60, api_key="k", per_second=MANY, per_minute=MANY, per_hour=MANY
)


@asynccontextmanager
async def client_through(url: str, proxy: str | None, attempts: int = 1) -> AsyncIterator[MarketClient]:
    parsed = None if proxy is None else Proxy.parse(proxy)
    clock, limits = ManualClock(CONFIG.epoch), RequestLimits(MANY, MANY)
    async with MarketClient(
        url, "k", clock, limits=limits, proxy=parsed, retries=Retries(attempts)
    ) as client:
        yield client


async def test_requests_go_through_the_proxy_and_its_added_time_is_measured() -> None:
    async with serve(CONFIG) as market, forwarding(delay_s=0.05) as forward:
        async with client_through(market.url, forward.url) as client:
            assert (await client.newest_listings()).rows
            assert forward.lines == [f"POST {market.url} HTTP/1.1"]
            cost = await client.proxy_cost()
        assert cost is not None
        assert len(forward.lines) == 1 + cost.requests / 2, "every other one goes directly"
        assert cost.proxied_s is not None
        assert cost.direct_s is not None
        assert cost.proxied_s - cost.direct_s > 0.04
        assert "adds " in str(cost)


async def test_without_a_proxy_nothing_is_measured() -> None:
    async with serve(CONFIG) as market, client_through(market.url, None) as client:
        assert await client.proxy_cost() is None
        assert client.stats.requests == 0


async def test_a_proxy_with_a_password_gets_it_and_without_it_says_where_to_put_it() -> None:
    async with serve(CONFIG) as market, forwarding(auth="me:se cret") as forward:
        place = f"127.0.0.1:{forward.port}"
        async with client_through(market.url, f"http://me:se%20cret@{place}") as client:
            assert (await client.rates()).usd
        async with client_through(market.url, f"http://me:wrong@{place}") as client:
            with pytest.raises(WrongAddress, match="MARKET_PROXY") as caught:
                await client.rates()
        assert "wrong" not in str(caught.value)


async def test_an_encrypted_market_is_asked_for_a_tunnel() -> None:
    async with serve(CONFIG) as market, forwarding() as forward:
        port = market.url.split(":")[2].split("/")[0]
        async with client_through(f"https://127.0.0.1:{port}/graphql", forward.url) as client:
            with pytest.raises(MarketUnavailable):  # the simulated one speaks no TLS
                await client.rates()
        assert forward.lines == [f"CONNECT 127.0.0.1:{port} HTTP/1.1"]


async def test_a_proxy_that_is_not_there_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
        async with client_through("http://127.0.0.1:9/graphql", nobody) as client:
            with pytest.raises(MarketUnavailable, match="check MARKET_PROXY"):
                await client.rates()


@pytest.mark.parametrize("text", ["nonsense", "ftp://x:1", "http://", "http://x:port", "http://me:secret@/"])
def test_a_wrong_address_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(WrongAddress) as caught:
        Proxy.parse(text)
    assert "secret" not in str(caught.value)


def test_a_proxy_shows_neither_user_nor_password() -> None:
    shown = repr(Proxy.parse("http://me:secret@proxy.example:3128"))
    assert "proxy.example:3128" in shown
    assert "secret" not in shown
    assert "me:" not in shown


def test_a_cost_is_told_even_where_one_way_is_closed() -> None:
    assert str(ProxyCost(0.25, 0.05, 8)) == "adds 200 ms a request (250 ms a request, directly 50 ms)"
    assert str(ProxyCost(0.25, None, 8)) == "250 ms a request; the direct way is closed"
    assert str(ProxyCost(None, 0.1, 8)) == "no request came through"
