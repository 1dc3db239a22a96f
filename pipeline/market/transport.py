"""One POST to the marketplace: bytes out, an envelope back, and every way to fail as an error of its own.

What a gateway says is quoted in messages, shortened and with the key struck out. Redirects are not
followed, as they would carry the key to wherever they lead.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from urllib.parse import urlsplit

import aiohttp
import msgspec

from pipeline.market._raw import Envelope
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
from pipeline.market.proxy import Proxy

MOST_BYTES = 20 * 1024 * 1024
_CHUNK = 256 * 1024
_QUOTED = 200
_CHALLENGES = (b"just a moment", b"cloudflare", b"cf-chl", b"attention required")
_ENVELOPE = msgspec.json.Decoder(Envelope, strict=False)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Real seconds for the whole of one request, and for its connection."""

    total: float = 20.0
    connect: float = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is GraphQL, with or without errors. `received` is time.perf_counter at its arrival."""

    envelope: Envelope
    headers: Mapping[str, str]
    status: int
    received: float


class Transport:
    """Holds the HTTP session and the key, and shows neither."""

    def __init__(
        self,
        url: str,
        api_key: str | None,
        timeouts: Timeouts,
        session: aiohttp.ClientSession | None,
        proxy: Proxy | None = None,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise WrongAddress("the marketplace's address must be an http(s) URL; check the setting")
        self._url, self._key = url, (api_key or "").strip()
        if not (self._key.isascii() and self._key.isprintable()):
            raise KeyRejected("the API key holds characters that no key has; check the setting")
        self.host = parts.hostname
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        self._headers |= {"User-Agent": "axieflip"}
        if self._key:
            self._headers["X-API-Key"] = self._key
        self._timeout = aiohttp.ClientTimeout(total=timeouts.total, sock_connect=timeouts.connect)
        self._given, self._session = session, session
        self.proxy = proxy

    def __repr__(self) -> str:
        return f"Transport({self.host!r}, key={'set' if self._key else 'none'})"

    async def __aenter__(self) -> Transport:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None and self._given is None:
            await self._session.close()
            self._session = None

    async def post(self, body: object, *, direct: bool = False) -> Answer:
        """Send one GraphQL request, past the proxy if `direct`. Raises a MarketError unless answered."""
        proxy = None if direct else self.proxy
        if self._session is None:
            raise MarketError("the market client is used outside of its `async with`")
        try:
            async with self._session.post(
                self._url,
                data=msgspec.json.encode(body),
                headers=self._headers,
                timeout=self._timeout,
                allow_redirects=False,
                proxy=proxy.url if proxy else None,
            ) as response:
                content = await self._read(response)
                received = time.perf_counter()
                return self._answer(response.status, response.headers, content, received)
        except TimeoutError:
            raise MarketUnavailable(f"{self.host} did not answer in time") from None
        except aiohttp.ClientHttpProxyError as error:
            raise _refused(error.status) from None
        except aiohttp.ClientProxyConnectionError:
            raise MarketUnavailable(
                "the proxy is not reachable: check MARKET_PROXY and the network"
            ) from None
        except aiohttp.ClientConnectorError as error:
            number = error.os_error.errno or 0  # below 0 where it is the look-up of the name that failed
            said = os.strerror(number) if number > 0 else error.os_error.strerror or "no address answers"
            raise MarketUnavailable(f"{self.host} is not reachable ({said})") from None
        except aiohttp.ClientError as error:
            # `from None`: some of aiohttp's errors hold the request's headers, and with them the key.
            said = self._quote(str(error).encode())
            raise MarketUnavailable(f"{self.host} is not reachable: {type(error).__name__}: {said}") from None

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        content = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK):
            content += chunk
            if len(content) > MOST_BYTES:
                response.close()
                raise AnswerTooLarge(f"{self.host} sent more than {MOST_BYTES >> 20} MiB for one request")
        return bytes(content)

    def _answer(self, status: int, headers: Mapping[str, str], content: bytes, received: float) -> Answer:
        said = self._quote(content)
        page = content[:20_000].lower()
        if status in (403, 429, 503) and b"<html" in page and any(mark in page for mark in _CHALLENGES):
            raise MarketBlocked(
                f"{self.host} answered with a protection page instead of data (HTTP {status}): this address "
                "is blocked; use the keyed gateway, or run from another network"
            )
        if status == 429:
            raise RateLimited(f"{self.host} says that the request limit is spent: {said}", reset_s(headers))
        if status == 407:
            raise _refused(status)
        if status == 401:
            raise KeyRejected(f"{self.host} does not accept the API key: {said}; set a valid key")
        if status == 403:
            raise KeyRejected(
                f"{self.host} forbids this key: {said}; allow the marketplace service for the key's app in "
                "the developer console"
            )
        if status == 404 or 300 <= status < 400:
            raise WrongAddress(f"{self.host} has no marketplace at this path: {said}; check the address")
        if status >= 500 or status in (408, 425):
            raise MarketUnavailable(f"{self.host} failed with HTTP {status}: {said}")
        try:
            envelope = _ENVELOPE.decode(content)
        except (msgspec.DecodeError, RecursionError):
            raise MalformedAnswer(f"{self.host} sent what is not GraphQL (HTTP {status}): {said}") from None
        if status >= 400 and not envelope.errors:
            raise QueryRejected(f"{self.host} refused the query with HTTP {status}: {said}")
        if envelope.empty and not envelope.errors:
            raise MalformedAnswer(f"{self.host} sent neither data nor errors (HTTP {status}): {said}")
        return Answer(envelope, headers, status, received)

    def _quote(self, content: bytes) -> str:
        return self.strike(content[:_CHUNK].decode(errors="replace"))[:_QUOTED].strip() or "(nothing)"

    def strike(self, text: str) -> str:
        """The text without the key."""
        return text.replace(self._key, "***") if self._key else text


def _refused(status: int) -> MarketError:
    if status == 407:
        return WrongAddress("the proxy wants a user and a password: put them into MARKET_PROXY")
    return MarketUnavailable(f"the proxy does not let us through (HTTP {status})")


def reset_s(headers: Mapping[str, str]) -> float | None:
    """The real seconds after which a 429 says to come back, None where it does not say."""
    for name in ("ratelimit-reset", "retry-after"):
        if (text := headers.get(name, "").strip()).isdecimal():
            return float(text)
    return None
