"""A marketplace that plays a script over real HTTP, one step a request, and a client that asks it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from pipeline.clock import ManualClock
from pipeline.market.asking import Retries
from pipeline.market.client import MarketClient
from tests.pipeline.market.rows import NOW, axie_row, axies_data

KEY = "sk-live-0123456789"
RETRIES = Retries()
Step = Callable[[web.Request], Any]


@dataclass
class Script:
    """Answers request after request with its steps, the last one for ever."""

    steps: list[Step]
    bodies: list[Any] = field(default_factory=list)
    headers: list[Any] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    async def play(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.json())
        self.headers.append(request.headers)
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        answer = step(request)
        return answer if isinstance(answer, web.StreamResponse) else await answer

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def says(body: Any, status: int = 200, **headers: str) -> Step:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if isinstance(body, str):
        kind = "text/html" if "<html" in body else "application/json"
        return lambda _: web.Response(text=body, status=status, content_type=kind, headers=named)
    return lambda _: web.json_response(body, status=status, headers=named)


def data(value: Any) -> Step:
    return says({"data": value})


def fails(*messages: str, status: int = 200, path: list[Any] | None = None, value: Any = None) -> Step:
    errors = [{"message": message} | ({"path": path} if path else {}) for message in messages]
    return says({"data": value, "errors": errors}, status)


PAGE = data(axies_data(axie_row(1), axie_row(2, order=None)))


@asynccontextmanager
async def client_of(
    *steps: Step, key: str | None = KEY, retries: Retries = RETRIES, **options: Any
) -> AsyncIterator[tuple[MarketClient, Script]]:
    script = Script(list(steps))
    app = web.Application(client_max_size=10**8)
    app.router.add_post("/graphql", script.play)
    async with TestServer(app) as server:
        url = str(server.make_url("/graphql"))
        options = {"sleep": script.sleep} | options
        async with MarketClient(url, key, ManualClock(NOW), retries=retries, **options) as client:
            yield client, script
