"""One spawned world for the whole folder, and an unmodified discord.py bot that lives in it as a process.

Tests share both, so each keeps to channels and nonces of its own; whoever destroys something brings a world.
"""

import asyncio
import io
import json
import os
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web
from PIL import Image

from sandbox.discord import DiscordConfig, spawn

SAMPLE_BOT = Path(__file__).with_name("sample_bot.py")


@asynccontextmanager
async def running_bot(world, **environment):
    """The sample bot, started against `world`; killed outright at the end if it is still there."""
    variables = {**os.environ, "WORLD": json.dumps(dict(world.info)), **environment}
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(SAMPLE_BOT), env=variables, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.fixture
def start_bot():
    return running_bot


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def world():
    names = ("buy-signals", "general", "quiet", "doomed", "muted", "flooded", "lossy")
    bare = ("bare-flooded", "bare-lossy", "bare-quiet", "bare-lost", "bare-log", "bare-missed")
    async with spawn(DiscordConfig(channels=names + bare, heartbeat_interval=0.5)) as spawned:
        yield spawned


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def picture():
    """The address of a small red picture on a loopback server."""
    image = io.BytesIO()
    Image.new("RGB", (8, 6), (200, 30, 30)).save(image, "PNG")

    async def serve(_):
        return web.Response(body=image.getvalue(), content_type="image/png")

    app = web.Application()
    app.router.add_get("/axies/123/picture.png", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/axies/123/picture.png"
    await runner.cleanup()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def bot(world, picture):
    async with running_bot(world, HEARTBEAT="1.5", THUMBNAIL=picture) as process:
        await world.wait(sessions=1, command="ping", channel="buy-signals", messages=1)
        yield process


@pytest_asyncio.fixture
async def aiohttp_pictures():
    """A loopback server with a picture, a redirect and a page; and the list of what it was asked for."""
    asked = []

    async def serve(request):
        asked.append(request.path)
        if request.path == "/redirect.png":
            raise web.HTTPFound("/elsewhere.png")
        if request.path.endswith(".html"):
            return web.Response(text="a page", content_type="text/html")
        return web.Response(body=b"picture", content_type="image/png")

    app = web.Application()
    app.router.add_get("/{name}", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", asked
    await runner.cleanup()
