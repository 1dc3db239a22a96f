"""Puts the parts together and serves them on one port: API, gateway and control; the page has its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from aiohttp import web

from sandbox.discord.config import DiscordConfig
from sandbox.discord.control import Control
from sandbox.discord.faults import Faults
from sandbox.discord.gateway import Gateway
from sandbox.discord.live import live_page
from sandbox.discord.rest import Rest
from sandbox.discord.world import GUILD_ID, World, guild_ids, open_world

LARGEST_REQUEST = 30 * 1024 * 1024


@asynccontextmanager
async def serve(config: DiscordConfig) -> AsyncIterator[dict[str, Any]]:
    """Serve a world in the running loop; gives the addresses and ids to announce.

    The loop is simcord's until this ends: it replaces the loop's scheduling methods and discord.py's clock.
    Run nothing else of weight in it, and start it in a process of its own (`spawn`) rather than in a test's.
    """
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(open_world(config))
        faults = Faults()
        gateway = Gateway(world)
        rest = Rest(world, gateway, faults)
        app = web.Application(client_max_size=LARGEST_REQUEST)
        app.router.add_route("*", "/api/v10/{tail:.*}", rest.handle)
        app.router.add_get("/gateway", gateway.handle)
        app.router.add_get("/gateway/", gateway.handle)
        app.router.add_routes(Control(world, gateway, rest, faults).routes())
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        stack.push_async_callback(gateway.close)
        site = web.TCPSite(runner, config.host, config.port)
        await site.start()
        host, port = runner.addresses[0][:2]
        gateway.url = f"ws://{host}:{port}/gateway"
        page = await stack.enter_async_context(live_page(world))
        yield _announcement(world, f"http://{host}:{port}", gateway.url, page)


def _announcement(world: World, base: str, gateway: str, page: str) -> dict[str, Any]:
    return {
        "api": f"{base}/api/v10",
        "gateway": gateway,
        "control": f"{base}/control",
        "preview": page,
        "token": world.config.token,
        "application_id": world.backend.application_id,
        "bot_user_id": world.backend.bot_user.id,
        "guild_id": GUILD_ID,
        "guilds": guild_ids(world.config.guilds),
        "channels": world.channels,
        "roles": world.roles,
        "admin_user_id": world.people["admin"].id,
        "member_user_id": world.people["member"].id,
    }
