"""The object store is S3 (moto) behind a door: unreachable, slow, late to show what was written, full."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import boto3
from aiohttp import web
from moto.server import ThreadedMotoServer

from tests.e2e.parts import SIGNING_KEY, market_settings
from tests.e2e.processes import Finished, environment, finished, until
from tests.range import hostile
from tests.range.arena import Arena
from tests.range.door import Door, Exchange, door
from tests.range.register import scenario

logging.getLogger("werkzeug").setLevel(logging.ERROR)  # moto's server tells of every request
_buckets = itertools.count()
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "range",
    "AWS_SECRET_ACCESS_KEY": "range-secret",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_MAX_ATTEMPTS": 2,
}
FULL = b"<Error><Code>InsufficientStorage</Code><Message>The disk is full.</Message></Error>"


@asynccontextmanager
async def bucket(arena: Arena) -> AsyncIterator[Door]:
    """A bucket with the arena's store in it; the bot reaches it by the door."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url, name = f"http://{host}:{port}", f"range-{next(_buckets)}"
    await asyncio.to_thread(_fill, url, name, arena.store)
    try:
        async with door(url) as to_store:
            arena.settings |= CREDENTIALS | {
                "OBJECT_STORE": f"s3://{name}/axieflip",
                "S3_ENDPOINT_URL": to_store.url,
            }
            yield to_store
    finally:
        if arena.bot is not None:
            await arena.settle()
            await arena.stop()
        server.stop()


def _fill(url: str, name: str, store: Path) -> None:
    s3 = boto3.client(
        "s3",
        endpoint_url=url,
        region_name="eu-central-1",
        aws_access_key_id="range",
        aws_secret_access_key="range-secret",
    )
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    for file in store.rglob("*"):
        if file.is_file():
            s3.put_object(Bucket=name, Key=f"axieflip/{file.relative_to(store)}", Body=file.read_bytes())


async def collect(arena: Arena) -> Finished:
    """A short collection by the bot's own command."""
    settings = market_settings(arena.market) | {"MODEL_SIGNING_KEY": SIGNING_KEY} | arena.settings
    return await finished(
        "collect", "--minutes", "0.1", cwd=arena.folder, env=environment(settings), within=90
    )


@scenario(seconds=240)
async def store_unreachable(arena: Arena) -> None:
    """Nobody listens where the object store should be, at first at work and then at the start"""
    async with bucket(arena) as to_store:
        await arena.open()
        async with to_store.shutting():
            await arena.bargain(2)
            await arena.settle()
            await arena.stop()
            bot = await arena.launch()
            await bot.address(60)
            await arena.bargain()
            await arena.settle()
        await until("the champion serves", bot.ready, 90)
        await arena.bargain()


@scenario(seconds=240)
async def store_slow(arena: Arena) -> None:
    """The object store takes three seconds for an answer"""
    async with bucket(arena) as to_store, to_store.mishap(hostile.slow(3)):
        await arena.open()
        await arena.bargain(2)
        await arena.settle()


@scenario(seconds=240)
async def store_late(arena: Arena) -> None:
    """The object store does not show the champion's files until later"""
    async with bucket(arena) as to_store:

        async def late(exchange: Exchange) -> web.StreamResponse:
            if "model.joblib" in exchange.request.path:
                return web.Response(status=404, body=b"<Error><Code>NoSuchKey</Code></Error>")
            return (await exchange.forward()).response()

        async with to_store.mishap(late):
            bot = await arena.launch()
            await bot.process.said("no artefact", 60)
        await until("the champion serves", bot.ready, 60)
        await arena.discord.wait(sessions=1, command="watch", seconds=60)
        await arena.watch()
        await arena.bargain(2)


@scenario(seconds=240)
async def store_full(arena: Arena) -> None:
    """The object store is out of space: a collection says so, and the next one works"""
    async with bucket(arena) as to_store:

        async def full(exchange: Exchange) -> web.StreamResponse:
            if exchange.request.method == "PUT":
                return web.Response(status=507, body=FULL)
            return (await exchange.forward()).response()

        async with to_store.mishap(full):
            await arena.open()
            ended = await collect(arena)
            assert ended.code == 2, f"{ended.code}: {ended.err[-1500:]}"
            assert "The disk is full" in ended.err, ended.err[-1500:]
            assert "Traceback" not in ended.err, ended.err[-1500:]
            await arena.bargain()
            await arena.settle()
        ended = await collect(arena)
        assert ended.code == 0, ended.err[-1500:]
