"""A forward proxy between us and the marketplace: where it is, and what it costs in time.

Off unless set. What a proxy adds to every request is measured against the direct way, as it is easily
forgotten and can be more than all the rest.
"""

from __future__ import annotations

import base64
import statistics
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from pipeline.market.errors import MarketError, WrongAddress

SAMPLES = 3


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy, with user and password where it wants them; it never shows these."""

    url: str
    place: str
    password: str

    @classmethod
    def parse(cls, text: str) -> Proxy:
        """From http://[user:password@]host:port. Raises WrongAddress, which does not repeat the text."""
        try:
            parts = urlsplit(text)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if not host or parts.scheme not in ("http", "https") or parts.path not in ("", "/"):
            raise WrongAddress(
                "a proxy's address must look like http://host:port or http://user:password@host:port"
            )
        place = f"[{host}]" if ":" in host else host
        place += f":{port}" if port else ""
        return cls(text, place, unquote(parts.password or ""))

    @property
    def basic(self) -> str:
        """User and password as the header carries them; empty without a password."""
        user = unquote(urlsplit(self.url).username or "")
        return base64.b64encode(f"{user}:{self.password}".encode()).decode() if self.password else ""

    def __repr__(self) -> str:
        return f"Proxy({self.place!r}, password={'set' if self.password else 'none'})"


@dataclass(frozen=True, slots=True)
class ProxyCost:
    """Median seconds of one request through the proxy and directly; None where that way failed."""

    proxied_s: float | None
    direct_s: float | None
    requests: int

    def __str__(self) -> str:
        if self.proxied_s is None:
            return "no request came through"
        through = f"{self.proxied_s * 1e3:,.0f} ms a request"
        if self.direct_s is None:
            return f"{through}; the direct way is closed"
        added = (self.proxied_s - self.direct_s) * 1e3
        return f"adds {added:,.0f} ms a request ({through}, directly {self.direct_s * 1e3:,.0f} ms)"


async def measure(ask: Callable[[bool], Awaitable[float]]) -> ProxyCost:
    """Ask in turns through the proxy and directly (`ask(direct)` gives seconds). Never raises MarketError.

    The first request of each way, which has to connect, does not count.
    """
    found: dict[bool, list[float]] = {False: [], True: []}
    asked = 0
    for _ in range(SAMPLES + 1):
        for direct, times in found.items():
            asked += 1
            try:
                times.append(await ask(direct))
            except MarketError:
                continue
    proxied, direct_ = (statistics.median(times[1:]) if times[1:] else None for times in found.values())
    return ProxyCost(proxied, direct_, asked)
