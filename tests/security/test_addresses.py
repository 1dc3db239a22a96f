"""Which addresses the bot asks, where redirects may lead it, and what may come back."""

from __future__ import annotations

import ast
import asyncio
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import discord
import pytest
from aiohttp import web
from discord.http import HTTPClient, Route

from bot.client import point_at
from pipeline.clock import ManualClock
from pipeline.market import transport
from pipeline.market.client import MarketClient
from pipeline.market.errors import AnswerTooLarge, WrongAddress
from pipeline.side import pages
from pipeline.side.pages import fetched
from pipeline.side.tables import SideError
from tests.bot.factories import NOON
from tests.security.test_code import trees

KEY = "sk-live-0123456789"
Answer = Callable[[web.Request], web.StreamResponse]


@dataclass
class Site:
    """A server on loopback that remembers whom it heard."""

    answer: Answer
    url: str = ""
    heard: list[web.Request] = field(default_factory=list)

    async def play(self, request: web.Request) -> web.StreamResponse:
        self.heard.append(request)
        return self.answer(request)


@asynccontextmanager
async def site(
    answer: Callable[[web.Request], web.StreamResponse], host: str = "127.0.0.1"
) -> AsyncIterator[Site]:
    made = Site(answer)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.play)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, 0).start()
        made.url = f"http://{host}:{runner.addresses[0][1]}"
        yield made
    finally:
        await runner.cleanup()


def to(url: str, status: int = 302) -> Answer:
    return lambda _: web.Response(status=status, headers={"Location": url})


def page(text: str) -> Answer:
    return lambda _: web.Response(text=text, content_type="text/html")


def bomb(size: int) -> bytes:
    """That many zeros, as gzip makes them a thousandth."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(size >> 20)) + packer.flush()


def packed(size: int) -> Answer:
    body = bomb(size)
    return lambda _: web.Response(
        body=body, headers={"Content-Encoding": "gzip", "Content-Type": "application/json"}
    )


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_the_marketplaces_key_follows_no_redirect(status: int) -> None:
    async with site(page("")) as evil, site(to(f"{evil.url}/graphql", status)) as market:
        async with MarketClient(market.url, KEY, ManualClock(NOON)) as client:
            with pytest.raises(WrongAddress):
                await client.axies([1])
        assert market.heard[0].headers["X-API-Key"] == KEY
        assert evil.heard == []


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_the_bots_token_is_not_sent_where_discord_would_redirect_to(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Route, "BASE", Route.BASE)
    async with site(lambda _: web.json_response({}, status=401)) as evil, site(to(evil.url, status)) as api:
        point_at(api.url, "ws://127.0.0.1:9")
        http = HTTPClient(asyncio.get_running_loop())
        with pytest.raises(discord.DiscordException):
            await http.static_login("x" * 30)
        await http.close()
        assert api.heard[0].headers["Authorization"] == f"Bot {'x' * 30}"
        assert evil.heard
        assert all("Authorization" not in each.headers for each in evil.heard)


async def test_a_side_page_is_followed_within_its_host_only() -> None:
    async with site(page("secret"), host="127.0.0.2") as inner:
        async with site(to(f"{inner.url}/latest/meta-data")) as outer:
            with pytest.raises(SideError, match=r"redirects to http://127\.0\.0\.2"):
                await fetched(outer.url)
        assert inner.heard == []
    async with site(lambda r: to("/new")(r) if r.path != "/new" else page("the table")(r)) as moved:
        assert await fetched(f"{moved.url}/old") == "the table"
    async with site(to("file:///etc/passwd")) as odd:
        with pytest.raises(SideError, match="redirects to file:"):
            await fetched(odd.url)
    async with site(to("http://[")) as broken:
        with pytest.raises(SideError):
            await fetched(broken.url)
    async with site(to("/again")) as endless:
        with pytest.raises(SideError, match="without end"):
            await fetched(endless.url)
        assert len(endless.heard) == 4


async def test_an_answer_that_unpacks_to_very_much_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    size = 64 << 20
    monkeypatch.setattr(transport, "MOST_BYTES", 4 << 20)
    monkeypatch.setattr(pages, "MOST_BYTES", 4 << 20)
    async with site(packed(size)) as evil:
        async with MarketClient(evil.url, KEY, ManualClock(NOON)) as client:
            with pytest.raises(AnswerTooLarge, match="more than 4 MiB"):
                await client.axies([1])
        with pytest.raises(SideError, match="more than 4 MiB"):
            await fetched(evil.url)


# Where our code opens a connection, and the setting that names the other end. Discord's client and the
# database's drivers open theirs, to DISCORD_API_URL, DISCORD_GATEWAY_URL and DATABASE_URL.
OPENERS = {
    "pipeline/market/transport.py: aiohttp.ClientSession": "MARKET_URL, MARKET_PROXY",
    "pipeline/side/pages.py: aiohttp.ClientSession": "PART_STRENGTHS_URL",
    "pipeline/side/pages.py: playwright.chromium.launch": "PART_STRENGTHS_URL",
    "pipeline/objects/s3.py: session.client": "OBJECT_STORE, S3_ENDPOINT_URL",
    "models/cluster.py: Client": "--dask, TRAIN_ON",
    "bot/services/elsewhere.py: boto3.session.Session().client": "TRAIN_ON",
    "bot/doctor.py: discord.Client": "DISCORD_API_URL",
}
_OPENS = (
    "ClientSession",
    "urlopen",
    "create_connection",
    "open_connection",
    "socket",
    "launch",
    "client",
    "Client",
)


def test_no_other_line_asks_an_address_and_so_none_that_the_market_or_a_member_names() -> None:
    found = {
        f"{path}: {ast.unparse(node.func)}"
        for path, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in _OPENS
    }
    assert found == OPENERS.keys()
