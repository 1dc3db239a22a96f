"""Web pages for the adapters: as they come over HTTP, or as a browser builds them.

The browser is Playwright with the system's Chromium, both optional (the extra `browser`); nothing of
either is loaded unless a page needs it.
"""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
from urllib.parse import urljoin, urlsplit

import aiohttp

from pipeline.side.tables import SideError

MOST_BYTES = 10 * 1024 * 1024
_CHUNK = 64 * 1024
WITHIN_S = 20.0
_HOPS = 3
_CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


async def fetched(url: str) -> str:
    """A page's HTML as the server sends it. Raises SideError.

    Redirects are followed within the host alone: where else one leads, into our own network perhaps, is
    for whoever set the address to see first.
    """
    host = urlsplit(url).hostname
    timeout = aiohttp.ClientTimeout(total=WITHIN_S)
    try:
        async with aiohttp.ClientSession(headers={"User-Agent": "axieflip"}, timeout=timeout) as session:
            for _ in range(1 + _HOPS):
                async with session.get(url, allow_redirects=False) as response:
                    if 300 <= response.status < 400 and (to := response.headers.get("Location")):
                        url = _within_host(url, to)
                        continue
                    return await _page(response, host)
            raise SideError(f"{host} redirects without end")
    except TimeoutError:
        raise SideError(f"{host} did not answer within {WITHIN_S:.0f} s") from None
    except (aiohttp.ClientError, LookupError, ValueError) as error:
        raise SideError(f"{host} cannot be read: {type(error).__name__}: {error}"[:200]) from None


def _within_host(url: str, location: str) -> str:
    to = urljoin(url, location)
    parts, host = urlsplit(to), urlsplit(url).hostname
    if parts.scheme not in ("http", "https") or parts.hostname != host:
        raise SideError(f"{host} redirects to {to[:100]}: if that is right, set it as the address")
    return to


async def _page(response: aiohttp.ClientResponse, host: str | None) -> str:
    if response.status != 200:
        raise SideError(f"{host} answered with HTTP {response.status}")
    content = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        content += chunk
        if len(content) > MOST_BYTES:
            response.close()
            raise SideError(f"{host} sent more than {MOST_BYTES >> 20} MiB")
    return content.decode(response.charset or "utf-8", errors="replace")


def browser() -> str | None:
    """The system's Chromium, if it and Playwright are both installed."""
    if importlib.util.find_spec("playwright") is None:
        return None
    return next(filter(None, map(shutil.which, _CHROMIUM)), None)


async def rendered(url: str, selector: str) -> str:
    """A page's HTML once a browser has built what `selector` finds. Raises SideError."""
    executable = browser()
    if executable is None:
        raise SideError(
            "the page builds itself in a browser, and there is none: install Chromium and the extra "
            "`browser` (pip install 'axieflip[browser]')"
        )
    from playwright.async_api import Error, async_playwright

    try:
        async with asyncio.timeout(3 * WITHIN_S), async_playwright() as playwright:
            chromium = await playwright.chromium.launch(executable_path=executable)
            try:
                page = await chromium.new_page()
                answer = await page.goto(url, timeout=WITHIN_S * 1e3)
                if answer is not None and answer.status != 200:
                    raise SideError(f"{urlsplit(url).hostname} answered with HTTP {answer.status}")
                await page.wait_for_selector(selector, timeout=WITHIN_S * 1e3, state="attached")
                return await page.content()
            finally:
                await chromium.close()
    except TimeoutError:
        raise SideError("the browser did not finish the page in time") from None
    except Error as error:
        first = error.message.splitlines()[0] if error.message else type(error).__name__
        raise SideError(f"the browser could not build the page: {first}"[:300]) from None
