"""A door between the bot and a service: the bot's requests pass through it, and a scenario decides how.

It is an HTTP server on loopback that forwards to the real (simulated) service. While a mishap is set, that
answers instead, and may look at what the service would have said.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from aiohttp import web
from yarl import URL

HOP = {"transfer-encoding", "content-length", "connection", "expect"}
DROPPED = {"transfer-encoding", "content-encoding", "content-length", "connection", "date", "server"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the service said; `body` is decompressed."""

    status: int
    headers: dict[str, str]
    body: bytes

    def response(self, body: bytes | None = None) -> web.Response:
        """It as an answer of the door, with another body if one is given."""
        return web.Response(
            status=self.status, headers=self.headers, body=self.body if body is None else body
        )


class Exchange:
    """One request of the bot's, and the way to the service."""

    def __init__(self, request: web.Request, body: bytes, door: Door) -> None:
        self.request, self.body, self._door = request, body, door

    async def forward(self) -> Answer:
        """Ask the service."""
        return await self._door.ask(self.request, self.body)

    def cut(self) -> web.Response:
        """Cut the connection without an answer."""
        if self.request.transport is not None:
            self.request.transport.abort()
        return web.Response(status=500)


Mishap = Callable[[Exchange], Awaitable[web.StreamResponse]]


class Door:
    """Forwards to `target`; `url` leads here. `struck` counts what mishaps have answered."""

    def __init__(self, target: str) -> None:
        self._target = URL(target)
        self._session: aiohttp.ClientSession | None = None
        self._runner: web.AppRunner | None = None
        self._port = 0
        self._mishap: Mishap | None = None
        self.struck = self.passed = 0

    @property
    def url(self) -> str:
        """The target's address, by way of this door."""
        return str(self._target.with_host("127.0.0.1").with_port(self._port))

    async def open(self) -> None:
        """Listen, at the same port as before."""
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._pass)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, auto_decompress=False)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True).start()
        self._port = self._runner.addresses[0][1]

    async def shut(self) -> None:
        """Refuse connections, and cut those that are open."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @asynccontextmanager
    async def shutting(self) -> AsyncIterator[None]:
        """Shut for the length of the block."""
        await self.shut()
        try:
            yield
        finally:
            await self.open()

    @asynccontextmanager
    async def mishap(self, mishap: Mishap) -> AsyncIterator[None]:
        """Let this answer for the length of the block."""
        self._mishap, self.struck = mishap, 0
        try:
            yield
        finally:
            self._mishap = None

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if self._mishap is not None:
            self.struck += 1
            return await self._mishap(Exchange(request, body, self))
        try:
            answer = await self.ask(request, body)
        except (aiohttp.ClientError, TimeoutError):  # the service cut the connection: so does the door
            return Exchange(request, body, self).cut()
        self.passed += 1
        return answer.response()

    async def ask(self, request: web.Request, body: bytes) -> Answer:
        """What the service answers to a request; its address may carry a signature and stays as it is."""
        assert self._session is not None
        url = self._target.origin().join(URL(request.raw_path, encoded=True))
        sent = {name: value for name, value in request.headers.items() if name.lower() not in HOP}
        async with self._session.request(
            request.method, url, data=body, headers=sent, allow_redirects=False
        ) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in DROPPED}
            return Answer(answer.status, kept, await answer.read())


@asynccontextmanager
async def door(target: str) -> AsyncIterator[Door]:
    """An open door to the target for the length of the block."""
    made = Door(target)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=120)) as session:
        made._session = session
        await made.open()
        try:
            yield made
        finally:
            await made.shut()
