"""Who may ask the HTTP door, how often, and how many at once.

The door is for programs of the operator. A web page is none: a browser names the page that asks (Origin),
and one that was lured to this machine by a name of its own (DNS rebinding) names that (Host).
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import time
from collections.abc import Awaitable, Callable
from math import ceil
from urllib.parse import urlsplit

from aiohttp import web
from pydantic import SecretStr

from bot.settings import is_loopback

MOST_CONNECTIONS = 256
BODY_S = 10.0
_MOST_CLIENTS = 10_000
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class RequestRate:
    """A bucket of requests for every client, which fills up again evenly. `per_minute` is also its size."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = per_minute, clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def wait(self, client: str) -> float:
        """Take one request; 0.0, or the seconds after which the next one is there."""
        now = self._clock()
        left, at = self._buckets.pop(client, (float(self._most), now))
        left = min(self._most, left + (now - at) * self._most / 60)
        allowed = left >= 1
        self._buckets[client] = (left - allowed, now)  # the last to ask is the last in the dictionary
        if len(self._buckets) > _MOST_CLIENTS:
            del self._buckets[next(iter(self._buckets))]
        return 0.0 if allowed else (1 - left) * 60 / self._most


def client_of(peer: str | None) -> str:
    """Whose bucket an address takes from: for IPv6 its network, as one client has all of it."""
    try:
        address = ipaddress.ip_address((peer or "").partition("%")[0])
    except ValueError:
        return peer or ""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


class Guard:
    """The rules for every request, as a middleware of the application."""

    def __init__(self, host: str, token: SecretStr | None, rate: RequestRate) -> None:
        self._token, self._rate = token, rate
        # Where nothing is asked for but to be on this machine, only its own names lead here.
        self._own_names_only = token is None and is_loopback(host)

    def check(self, request: web.Request) -> None:
        """Raises the HTTP error of whoever may not ask."""
        if "Origin" in request.headers:
            raise web.HTTPForbidden(text="This is for programs; web pages may not ask.")
        if self._own_names_only and not _is_own_name(request.headers.get("Host", "")):
            raise web.HTTPMisdirectedRequest(
                text="Without HTTP_TOKEN this answers to localhost and loopback addresses only."
            )
        if wait := self._rate.wait(client_of(request.remote)):
            raise web.HTTPTooManyRequests(
                text="Too many requests: HTTP_REQUESTS_PER_MINUTE is the limit.",
                headers={"Retry-After": str(ceil(wait))},
            )

    def holds_token(self, request: web.Request) -> bool:
        """Whether the request brings the token, or none is asked for."""
        if self._token is None:
            return True
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        # Compared as bytes and in constant time: the answer's delay tells nothing of the token.
        right = hmac.compare_digest(
            given.strip().encode(errors="replace"), self._token.get_secret_value().encode()
        )
        return scheme.lower() == "bearer" and right

    def demand_token(self, request: web.Request) -> None:
        """Raises HTTPUnauthorized unless the request brings it."""
        if not self.holds_token(request):
            raise web.HTTPUnauthorized(
                text="This needs the header `Authorization: Bearer` with HTTP_TOKEN.",
                headers={"WWW-Authenticate": "Bearer"},
            )


def _is_own_name(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return False
    return name is not None and is_loopback(name)


async def body_of(request: web.Request) -> bytes:
    """The body, whole and soon. Raises HTTPRequestTimeout, and HTTPRequestEntityTooLarge as aiohttp does."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise web.HTTPUnsupportedMediaType(text="Send the body as it is, without Content-Encoding.")
    try:
        async with asyncio.timeout(BODY_S):
            return await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout(text=f"The body did not arrive within {BODY_S:.0f} s.") from None


class Connections:
    """Makes a server's connections for the loop, up to a number: more are ended as soon as they are made."""

    def __init__(self, server: web.Server, most: int = MOST_CONNECTIONS) -> None:
        self._server, self._most = server, most

    def __call__(self) -> asyncio.Protocol:
        """The protocol of a new connection."""
        return _Refused() if len(self._server.connections) >= self._most else self._server()


class _Refused(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.abort()
