"""Makes pictures in embeds visible in the page: fetched once from loopback servers, from nowhere else.

simcord's page never loads remote media; it shows what it was given for an address. Any address that does not
name the loopback interface literally is left alone, but for those of which a loopback server holds a mirror;
redirects are not followed.
"""

from __future__ import annotations

import asyncio
import ipaddress
import mimetypes
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

import aiohttp

LARGEST = 4 * 1024 * 1024
KEPT = 400
ATTEMPTS = 3
_RASTER = {".png", ".jpg", ".jpeg", ".gif", ".webp"}


def is_loopback(url: str) -> bool:
    """Whether an address is plain HTTP to this machine."""
    try:
        parts = urlsplit(url)
        if parts.scheme != "http" or parts.hostname is None:
            return False
        return parts.hostname == "localhost" or ipaddress.ip_address(parts.hostname).is_loopback
    except ValueError:
        return False


def picture_urls(message: Any) -> Iterator[str]:
    """The addresses of the pictures that a stored message shows, in embeds and in components."""
    for embed in message.embeds:
        for part, key in (
            ("image", "url"),
            ("thumbnail", "url"),
            ("author", "icon_url"),
            ("footer", "icon_url"),
        ):
            value = (embed.get(part) or {}).get(key)
            if isinstance(value, str):
                yield value
    yield from _media(message.components)


def _media(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from _media(item)
    elif isinstance(node, dict):
        media = node.get("media")
        if isinstance(media, dict) and isinstance(media.get("url"), str):
            yield media["url"]
        for key in ("components", "items", "accessory"):
            yield from _media(node.get(key))


class Pictures:
    """Fetches what is missing into `shelf` (address to filename and bytes) and says so by `arrived`."""

    def __init__(
        self,
        shelf: dict[str, tuple[str, bytes]],
        arrived: Callable[[], None],
        mirror: tuple[str, str] | None = None,
    ) -> None:
        self._shelf = shelf
        self._arrived = arrived
        self._mirror = mirror
        self._attempts: dict[str, int] = {}
        self._fetching: dict[str, asyncio.Task[None]] = {}
        self._session: aiohttp.ClientSession | None = None

    def want(self, messages: Iterable[Any]) -> None:
        """Begin to fetch the loopback pictures of these messages that are not here yet; never waits."""
        for url in {url for message in messages for url in picture_urls(message)}:
            if url in self._shelf or url in self._fetching or not is_loopback(self._source(url)):
                continue
            if self._attempts.get(url, 0) < ATTEMPTS:
                self._attempts[url] = self._attempts.get(url, 0) + 1
                self._fetching[url] = asyncio.create_task(self._fetch(url))

    async def settled(self, seconds: float) -> None:
        """Wait until nothing is being fetched, at most `seconds`."""
        if self._fetching:
            await asyncio.wait(self._fetching.values(), timeout=seconds)

    def _source(self, url: str) -> str:
        if self._mirror is not None and url.startswith(self._mirror[0]):
            return self._mirror[1] + url.removeprefix(self._mirror[0])
        return url

    async def _fetch(self, url: str) -> None:
        try:
            if self._session is None:
                self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))
            async with self._session.get(self._source(url), allow_redirects=False) as response:
                if response.status != 200 or not response.content_type.startswith("image/"):
                    return
                data = await response.content.read(LARGEST + 1)
                while len(data) <= LARGEST and (more := await response.content.read(LARGEST)):
                    data += more
            if len(data) > LARGEST:
                return
            while len(self._shelf) >= KEPT:
                del self._shelf[next(iter(self._shelf))]
            self._shelf[url] = (_filename(url, response.content_type), data)
            self._arrived()
        except (aiohttp.ClientError, TimeoutError, OSError):
            return
        finally:
            self._fetching.pop(url, None)

    async def close(self) -> None:
        """Stop fetching."""
        tasks = list(self._fetching.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()


def _filename(url: str, content_type: str) -> str:
    name = urlsplit(url).path.rsplit("/", 1)[-1] or "picture"
    if "." in name and "." + name.rsplit(".", 1)[-1].lower() in _RASTER:
        return name
    return name + (mimetypes.guess_extension(content_type) or ".png")
