"""A small hand-driven market for every test, and a client that speaks plain HTTP to it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple

import aiohttp
import pytest

from sandbox.marketplace import Market, MarketConfig, serve

SMALL = MarketConfig(
    speed=0, history_days=0.25, book=1_500, per_second=1_000, per_minute=10_000, per_hour=100_000
)


class Answer(NamedTuple):
    """What came back over HTTP."""

    status: int
    body: Any
    headers: Any


Ask = Callable[..., Awaitable[Answer]]


@pytest.fixture
def config() -> MarketConfig:
    return SMALL


@pytest.fixture
async def market(config: MarketConfig) -> AsyncIterator[Market]:
    async with serve(config) as market:
        yield market


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def ask(market: Market, http: aiohttp.ClientSession) -> Ask:
    async def ask(query: str, headers: dict[str, str] | None = None, **variables: Any) -> Answer:
        body = {"query": query, "variables": variables}
        async with http.post(market.url, json=body, headers=headers) as response:
            is_json = response.content_type == "application/json"
            return Answer(
                response.status, await (response.json() if is_json else response.text()), response.headers
            )

    return ask


@pytest.fixture
def control(market: Market, http: aiohttp.ClientSession) -> Ask:
    async def control(method: str, path: str, **body: Any) -> Answer:
        async with http.request(method, f"{market.control}/{path}", json=body or None) as response:
            is_json = response.content_type == "application/json"
            return Answer(
                response.status, await (response.json() if is_json else response.text()), response.headers
            )

    return control
