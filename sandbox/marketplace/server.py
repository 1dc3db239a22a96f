"""The HTTP face of the market: the GraphQL endpoint with its gateway habits, pictures, pages and controls.

`serve` runs a market inside the caller's event loop; `python -m sandbox.marketplace` does so in a process.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
from aiohttp import web

from sandbox.marketplace.config import MarketConfig
from sandbox.marketplace.control import control_routes
from sandbox.marketplace.execution import Executor, Resolver, build_schema
from sandbox.marketplace.limits import Quota, key_problem
from sandbox.marketplace.pictures import picture
from sandbox.marketplace.resolvers import make_resolvers
from sandbox.marketplace.strengths import Page
from sandbox.marketplace.views import Views
from sandbox.marketplace.world import World, open_world

TICK: Final = 0.05
SAVE_EVERY: Final = 30.0
_CHALLENGE: Final = (
    "<!DOCTYPE html><html><head><title>Just a moment...</title></head>"
    "<body>Checking that the connection is secure.</body></html>"
)


@dataclass(frozen=True, slots=True)
class Market:
    """A market that is being served."""

    url: str
    control: str
    parts: str
    world: World


class Endpoint:
    """Answers POST /graphql."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._views = Views(world.economy)
        self._quota = Quota(world.config, world.clock)
        self._executors: dict[tuple[frozenset[tuple[str, str]], str], Executor] = {}

    async def graphql(self, request: web.Request) -> web.StreamResponse:
        """One request, through the gateway's checks and the faults."""
        faults = self._world.faults
        slow = faults.strikes("slow")
        if slow is not None:
            await asyncio.sleep(slow.seconds)
        if faults.strikes("reset"):
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500)
        if faults.strikes("html-403"):
            return web.Response(status=403, text=_CHALLENGE, content_type="text/html")
        problem = key_problem(self._world.config.api_key, request.headers.get("X-API-Key"))
        if problem is not None:
            return _json(problem[0], {"message": problem[1]}, {})
        allowed, headers = self._quota.take()
        storm = faults.strikes("rate-limit")
        if storm is not None:
            allowed, headers["ratelimit-reset"] = False, str(storm.reset)
        if not allowed:
            return _json(429, {"message": "API rate limit exceeded"}, headers)
        error = faults.strikes("server-error")
        if error is not None:
            return _json(
                error.status,
                {"message": "An invalid response was received from the upstream server"},
                headers,
            )
        if faults.strikes("upstream-error"):
            return _json(200, {"data": None, "errors": [{"message": "502: Bad Gateway"}]}, headers)
        status, body = self._answer(await request.read(), f"{request.scheme}://{request.host}")
        return _json(status, body, headers)

    def _answer(self, raw: bytes, origin: str) -> tuple[int, dict[str, Any]]:
        try:
            body = msgspec.json.decode(raw)
            query = body["query"]
            variables, operation = body.get("variables"), body.get("operationName")
        except (msgspec.DecodeError, KeyError, TypeError, AttributeError):
            return 400, {"errors": [{"message": "The body must be a JSON object with a query."}]}
        if not isinstance(query, str) or not (variables is None or isinstance(variables, dict)):
            return 400, {"errors": [{"message": "query must be a string and variables an object."}]}
        self._world.catch_up()
        hidden = self._world.faults.hidden()
        executor = self._executors.get((hidden, origin))
        if executor is None:
            resolvers: dict[tuple[str, str], Resolver] = make_resolvers(
                self._world.economy, self._views, origin
            )
            executor = self._executors[hidden, origin] = Executor(build_schema(hidden), resolvers)
        status, answer = executor.execute(query, variables, operation)
        if answer.get("data"):
            self._world.faults.spoil(answer["data"])
        return status, answer

    async def image(self, request: web.Request) -> web.StreamResponse:
        """The picture of one axie."""
        axie_id = request.match_info["axie_id"]
        row = self._world.economy.population.row_of.get(int(axie_id))
        if row is None:
            raise web.HTTPNotFound
        axie = self._views.axie(row)
        looks = tuple(_look(part) for part in axie["parts"])
        png = await asyncio.to_thread(picture, axie["class"], axie["primaryColor"], looks)
        return web.Response(body=png, content_type="image/png", headers={"Cache-Control": "max-age=86400"})


def _look(part: dict[str, Any]) -> tuple[str, str, str, str | None]:
    return part["type"], part["class"], part["id"], part["specialGenes"]


def _json(status: int, body: Any, headers: dict[str, str]) -> web.Response:
    return web.Response(
        status=status, body=msgspec.json.encode(body), content_type="application/json", headers=headers
    )


async def _no_route(_: web.Request) -> web.Response:
    return _json(404, {"message": "no Route matched with those values"}, {})


def make_app(world: World) -> web.Application:
    """The web application of one world."""
    app = web.Application(client_max_size=4 * 1024 * 1024)
    endpoint, parts = Endpoint(world), Page(world)
    app.add_routes(
        [
            web.post("/graphql", endpoint.graphql),
            web.get(r"/axies/{axie_id:\d{1,12}}/axie/axie-full-transparent.png", endpoint.image),
            web.get("/parts", parts.page),
            web.get("/parts/data", parts.data),
            *control_routes(world),
            web.route("*", "/{path:.*}", _no_route),
        ]
    )
    return app


@contextlib.asynccontextmanager
async def serve(config: MarketConfig | None = None, *, state: Path | None = None) -> AsyncIterator[Market]:
    """Serve a market until the block ends; the port is free choice unless the configuration names one.

    With speed 0 nothing happens until `market.world.advance(seconds)` or POST /control/advance.
    """
    config = config or MarketConfig()
    world = open_world(config, state)
    runner = web.AppRunner(make_app(world), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, config.host, config.port)
    await site.start()
    port = runner.addresses[0][1]
    keeper = asyncio.create_task(_keep(world, state), name="market clock")
    base = f"http://{config.host}:{port}"
    try:
        yield Market(f"{base}/graphql", f"{base}/control", f"{base}/parts", world)
    finally:
        keeper.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeper
        await runner.cleanup()
        if state is not None:
            world.save(state)


async def _keep(world: World, state: Path | None) -> None:
    """Advance the economy with the clock in small portions, and save it now and then."""
    loop = asyncio.get_running_loop()
    saved = loop.time()
    while True:
        await asyncio.sleep(TICK)
        if world.clock.speed:
            world.catch_up()
        if state is not None and loop.time() - saved >= SAVE_EVERY:
            world.save(state)
            saved = loop.time()
