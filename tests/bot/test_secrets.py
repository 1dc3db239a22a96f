"""No secret of the settings leaves the process in a log, an answer or a message, however something fails.

A hostile server repeats in its answers whatever it was sent. What goes wrong is logged by us and by a
library, with its traceback, at the level that tells most.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import io
import json
import logging
import traceback
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import discord
import pytest
import structlog
from aiohttp import web
from pydantic import SecretStr

from bot.client import point_at
from bot.db import Database
from bot.errors import SettingsError
from bot.log import configure, say
from bot.outside import open_market, open_objects, open_registry
from bot.settings import Settings
from bot.supervisor import Supervisor
from bot.web import create_app, serve
from models.registry import RegistryError
from pipeline.clock import ManualClock, SystemClock
from pipeline.market.asking import Retries
from pipeline.market.client import MarketClient
from pipeline.market.proxy import Proxy
from tests.bot.door import Champion, Market, services_of
from tests.bot.factories import NOON
from tests.e2e.processes import environment, finished

# Of no form that the patterns would know: only that they are secrets of the settings keeps them in.
SECRETS = {
    "DISCORD_TOKEN": "tok-5ad1c0ffee5ad1c0ffee",
    "MARKET_API_KEY": "key_b00b1e5b00b1e5b00b1e5",
    "MODEL_SIGNING_KEY": "sign'deadbeef\\deadbeef",
    "HTTP_TOKEN": "door=facade,facade=facade",
    "AWS_SECRET_ACCESS_KEY": "aws/5ecre7+5ecre7/5ecre7",
    "AWS_SESSION_TOKEN": "session5e5510n5e5510n5e5510n",
}
DATABASE_PASSWORD, PROXY_PASSWORD = "pg@pass/word-9f9f9f", "proxy:pass@word-7e7e7e"
ALL = {**SECRETS, "database": DATABASE_PASSWORD, "proxy": PROXY_PASSWORD}
CLOSED = "127.0.0.1:9"


def forms(secret: str) -> set[str]:
    """The ways in which it might be written somewhere."""
    ways = {secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], quote(secret, safe=""), quote(secret)}
    encoded = {base64.b64encode(each.encode()).decode() for each in (secret, f"axie:{secret}")}
    return ways | encoded


def assert_silent(written: str) -> None:
    found = {name for name, secret in ALL.items() for form in forms(secret) if form in written}
    assert not found, written


@asynccontextmanager
async def parrot() -> AsyncIterator[tuple[str, Callable[[int, str], None]]]:
    """A server that repeats what it was sent, headers and body, in the way and with the status asked for."""
    state = {"status": 500, "kind": "text"}

    async def repeat(request: web.BaseRequest) -> web.Response:
        told = f"{request.method} {request.raw_path} {dict(request.headers)} {await request.text()}"
        error = {"message": told, "extensions": {"headers": dict(request.headers)}}
        bodies = {
            "text": told,
            "html": f"<html>Just a moment: {told}</html>",
            "graphql": json.dumps({"errors": [error], "data": None}),
            "discord": json.dumps({"message": told, "code": 50_109}),
            "xml": f"<Error><Code>SignatureDoesNotMatch</Code><Message>{told}</Message></Error>",
        }
        return web.Response(status=state["status"], text=bodies[str(state["kind"])])

    def answer(status: int, kind: str) -> None:
        state.update(status=status, kind=kind)

    server = web.Server(repeat)
    runner = web.ServerRunner(server)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"127.0.0.1:{runner.addresses[0][1]}", answer
    finally:
        await runner.cleanup()


def settings_at(host: str, folder: Path, form: str = "json") -> Settings:
    return Settings(
        _env_file=None,  # type: ignore[call-arg]
        discord_token=SecretStr(SECRETS["DISCORD_TOKEN"]),
        discord_api_url=f"http://{host}/api",
        market_api_key=SecretStr(SECRETS["MARKET_API_KEY"]),
        market_url=f"http://{host}/graphql",
        market_proxy=SecretStr(f"http://axie:{quote(PROXY_PASSWORD, safe='')}@{host}"),
        model_signing_key=SecretStr(SECRETS["MODEL_SIGNING_KEY"]),
        http_token=SecretStr(SECRETS["HTTP_TOKEN"]),
        database_url=f"postgresql://axie:{quote(DATABASE_PASSWORD, safe='')}@{CLOSED}/axieflip",
        object_store="s3://bucket/prefix",
        s3_endpoint_url=f"http://{host}",
        log_level="DEBUG",
        log_format=form,  # type: ignore[arg-type]
    )


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLEEXAMPLE")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, SECRETS[name])


class Log:
    """All that leaves the process by a log or its streams."""

    def __init__(self, stream: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
        self._stream, self._capsys = stream, capsys
        self.failures = 0

    def failed(self, error: BaseException) -> None:
        """As every part of the bot might note it."""
        self.failures += 1
        structlog.get_logger("ours").error(f"failed: {error}", exc_info=error, reason=error, text=repr(error))
        logging.getLogger("theirs").error("failed: %s %r", error, error, exc_info=error)
        logging.getLogger("theirs").error("".join(traceback.format_exception(error)))
        say(f"It failed: {error}")

    async def expect(self, work: Awaitable[Any], *kinds: type[BaseException]) -> None:
        with pytest.raises(kinds or Exception) as caught:
            await work
        self.failed(caught.value)

    def written(self) -> str:
        out, err = self._capsys.readouterr()
        return self._stream.getvalue() + out + err


@pytest.fixture(params=["json", "console"])
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def log(form: str, tmp_path: Path, credentials: None, capsys: pytest.CaptureFixture[str]) -> Iterator[Log]:
    stream = io.StringIO()
    configure(settings_at(CLOSED, tmp_path, form), stream)
    found = Log(stream, capsys)
    yield found
    written = found.written()
    assert found.failures, "nothing failed, so nothing was shown"
    assert_silent(written)
    assert "[secret]" in written or "***" in written or "Traceback" in written
    if form == "json":
        assert all(json.loads(line) for line in stream.getvalue().splitlines())


REFUSALS = [
    (401, "text"),
    (403, "html"),
    (403, "text"),
    (404, "text"),
    (407, "text"),
    (429, "text"),
    (500, "text"),
    (200, "text"),
    (200, "graphql"),
    (400, "graphql"),
]


@pytest.mark.parametrize("proxied", [False, True], ids=["directly", "through the proxy"])
async def test_a_market_that_repeats_the_key(log: Log, tmp_path: Path, proxied: bool) -> None:
    async with parrot() as (host, answer):
        settings = settings_at(host, tmp_path)
        assert settings.market_proxy is not None
        client = MarketClient(
            settings.market_url if not proxied else "http://nowhere.invalid/graphql",
            SECRETS["MARKET_API_KEY"],
            SystemClock(),
            retries=Retries(attempts=1, patience_s=0.0),
            proxy=Proxy.parse(settings.market_proxy.get_secret_value()) if proxied else None,
        )
        async with client:
            for status, kind in REFUSALS:
                answer(status, kind)
                await log.expect(client.newest_listings())
            log.failed(RuntimeError(repr(client)))


async def test_a_proxy_that_is_not_there(log: Log, tmp_path: Path) -> None:
    async with open_market(settings_at(CLOSED, tmp_path), SystemClock()) as client:
        client._asking.retries = Retries(attempts=1)
        await log.expect(client.rates())


async def test_a_discord_that_refuses_and_repeats_the_token(log: Log, tmp_path: Path) -> None:
    async with parrot() as (host, answer):
        point_at(f"http://{host}/api", "wss://gateway.discord.gg/")
        for status in (400, 401, 403, 404):
            answer(status, "discord")
            async with discord.Client(intents=discord.Intents.none()) as client:
                await log.expect(client.login(SECRETS["DISCORD_TOKEN"]), discord.DiscordException)
    point_at("https://discord.com/api/v10", "wss://gateway.discord.gg/")


async def test_a_database_that_is_not_there(log: Log, tmp_path: Path) -> None:
    settings = settings_at(CLOSED, tmp_path)

    async def opened(url: str) -> None:
        async with Database.open(url):
            pass

    await log.expect(opened(settings.database_url))
    await log.expect(opened(settings.database_url.replace(CLOSED, "nowhere.invalid")))


async def test_a_bucket_that_refuses_and_repeats_the_credentials(log: Log, tmp_path: Path) -> None:
    async with parrot() as (host, answer):
        store = open_objects(settings_at(host, tmp_path))
        answer(403, "xml")
        await log.expect(asyncio.to_thread(store.put, "a/b", b"x"))
        answer(400, "text")
        await log.expect(asyncio.to_thread(store.get, "a/b"))


async def test_a_model_that_somebody_else_has_signed(log: Log, tmp_path: Path) -> None:
    settings = settings_at(CLOSED, tmp_path).model_copy(update={"object_store": f"file:{tmp_path}/store"})
    other = settings.model_copy(update={"model_signing_key": SecretStr("of somebody else entirely")})
    store = open_objects(settings)
    version = open_registry(other, store).save("v1", {"a": 1}, {}).version
    registry = open_registry(settings, store)
    await log.expect(asyncio.to_thread(registry.load, version), RegistryError)
    log.failed(RuntimeError(f"{registry!r} {vars(registry)!r}"))


async def test_settings_that_are_wrong(log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_at(CLOSED, tmp_path)
    for name in ("DISCORD_TOKEN", "MARKET_API_KEY", "MODEL_SIGNING_KEY", "HTTP_TOKEN"):
        monkeypatch.setenv(name, SECRETS[name] + " and what is no token")
    monkeypatch.setenv("DATABASE_URL", f"postgres:/axie:{DATABASE_PASSWORD}@host")
    monkeypatch.setenv("MARKET_PROXY", f"socks://axie:{PROXY_PASSWORD}@host")
    monkeypatch.setenv("HTTP_PORT", SECRETS["HTTP_TOKEN"])

    async def load() -> None:
        Settings.load(env_file=None)

    await log.expect(load(), SettingsError)
    log.failed(RuntimeError(f"{settings!r} {settings.model_dump_json()}"))


async def test_faults_that_hold_every_secret(log: Log) -> None:
    text = " ".join(ALL.values())

    async def fall() -> None:
        try:
            raise ValueError(text)
        except ValueError as error:
            raise RuntimeError(f"while handling {text}") from error

    await log.expect(fall())
    supervisor = Supervisor()
    supervisor.add("listings", fall)
    supervisor.start()
    while not (status := supervisor.statuses()[0]).failures:
        await asyncio.sleep(0)
    log.failed(RuntimeError(status.last_error))
    assert_silent(str(status.last_error))
    await supervisor.stop()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn(text, stacklevel=1)
        logging.captureWarnings(False)
    forgotten = asyncio.ensure_future(fall())
    await asyncio.wait([forgotten])
    del forgotten
    gc.collect()  # "Task exception was never retrieved"


async def test_a_door_at_which_a_wrong_token_knocks(log: Log, tmp_path: Path) -> None:
    class Falls(Champion):
        def forecast(self, axie: Any) -> Any:
            raise RuntimeError(" ".join(ALL.values()))

    async with Database.open(f"sqlite+aiosqlite:///{tmp_path}/axieflip.db") as db:
        services = services_of(db, ManualClock(NOON), Market(), Falls(), http_token=SECRETS["HTTP_TOKEN"])
        async with (
            serve(create_app(services), "127.0.0.1", 0) as port,
            aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http,
        ):
            for token in (SECRETS["HTTP_TOKEN"], SECRETS["HTTP_TOKEN"][:-1]):
                for body in ({"axie_id": 5}, {"axie": 1}, {SECRETS["HTTP_TOKEN"]: 1}):
                    headers = {"Authorization": f"Bearer {token}"}
                    async with http.post("/v1/predict", json=body, headers=headers) as answer:
                        log.failed(RuntimeError(f"{answer.status} {await answer.text()}"))
            for path in ("/metrics", "/readyz", "/healthz", f"/{SECRETS['HTTP_TOKEN']}"):
                async with http.get(path) as answer:
                    assert_silent(await answer.text())


async def test_whole_commands_keep_their_secrets(form: str, tmp_path: Path, credentials: None) -> None:
    """Two processes at once, as what Python itself writes at their end counts too."""
    async with parrot() as (host, answer):
        answer(403, "graphql")
        settings = {
            **{name: secret for name, secret in SECRETS.items() if not name.startswith("AWS")},
            "LOG_FORMAT": form,
            "LOG_LEVEL": "DEBUG",
            "MARKET_URL": f"http://{host}/graphql",
            "MARKET_PROXY": f"http://axie:{quote(PROXY_PASSWORD, safe='')}@{host}",
            "OBJECT_STORE": "s3://bucket/prefix",
            "S3_ENDPOINT_URL": f"http://{host}",
            "DATABASE_URL": f"postgresql://axie:{quote(DATABASE_PASSWORD, safe='')}@{CLOSED}/axieflip",
        }
        local = settings | {"OBJECT_STORE": f"file:{tmp_path}/store"}
        ended = await asyncio.gather(
            finished("run", cwd=tmp_path, env=environment(settings)),
            finished("collect", "--minutes", "0.1", cwd=tmp_path, env=environment(local)),
        )
    for each in ended:
        assert each.code in (1, 2), each.err
        assert_silent(each.out + each.err)
        if form == "json":
            assert all(json.loads(line) for line in each.err.splitlines()), each.err
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    with contextlib.suppress(UnicodeDecodeError):
        assert_silent("".join(path.read_text(errors="replace") for path in files))
