"""Outgoing calls answer in values: sent, try again later, or never, each with a reason for people."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import discord
import pytest
from aiohttp import web
from discord.gateway import DiscordWebSocket
from discord.http import Route
from hypothesis import given
from hypothesis import strategies as st

from bot.client import point_at
from cogs import outgoing
from cogs.outgoing import Never, Retry, Sent
from tests.cogs.world import World

EMBED = discord.Embed(title="x")


def target(world: World) -> discord.PartialMessageable:
    return world.bot.get_partial_messageable(world.channel.id)


async def test_a_channel_that_was_never_cached_can_be_written_to(world: World) -> None:
    outcome = await outgoing.send(target(world), nonce="n1", embed=EMBED)
    assert outcome == Sent(world.posted()[0].id)


@pytest.mark.parametrize(
    ("status", "code", "named"),
    [
        (404, 10003, "no longer exists"),
        (403, 50001, "View Channel"),
        (403, 50013, "Send Messages"),
        (400, 50083, "archived"),
        (404, 10008, "deleted"),
        (400, 50035, "refused"),
    ],
)
async def test_what_a_person_must_change_is_never_retried(
    world: World, status: int, code: int, named: str
) -> None:
    world.env.inject_error("POST", "/channels/*/messages", status=status, code=code)
    outcome = await outgoing.send(target(world), nonce="n1", embed=EMBED)
    assert isinstance(outcome, Never)
    assert named in outcome.reason


@pytest.mark.parametrize("status", [401, 429, 500, 502, 503])
async def test_what_passes_by_itself_is_retried(world: World, status: int) -> None:
    world.env.inject_error("POST", "/channels/*/messages", status=status)
    outcome = await outgoing.send(target(world), nonce="n1", embed=EMBED)
    assert isinstance(outcome, Retry)
    assert outcome.after_s > 0


async def test_a_refusal_that_is_not_discord_s_own_is_tried_again(world: World) -> None:
    world.env.inject_error("POST", "/channels/*/messages", status=403, code=0)
    assert isinstance(await outgoing.send(target(world), nonce="n1", embed=EMBED), Retry)


async def test_editing_answers_in_the_same_values(world: World) -> None:
    sent = await outgoing.send(target(world), nonce="n1", embed=EMBED)
    assert isinstance(sent, Sent)
    message = target(world).get_partial_message(sent.message_id)
    assert await outgoing.edit(message, embed=discord.Embed(title="y")) == sent
    assert world.posted()[0].embeds[0].title == "y"
    world.env.inject_error("PATCH", "/channels/*/messages/*", status=404, code=10008)
    assert isinstance(await outgoing.edit(message, embed=EMBED), Never)


@given(st.integers(0, 10_000), st.floats(0, 5000))
def test_pauses_grow_to_a_limit_and_never_undercut_discord(attempts: int, asked: float) -> None:
    pause = outgoing.pause(attempts, Retry(asked, "x"))
    assert pause >= asked
    assert pause <= max(asked, 600)
    assert pause >= outgoing.pause(max(attempts - 1, 0), Retry(asked, "x"))


@contextlib.asynccontextmanager
async def discord_at(answer: Any) -> AsyncIterator[discord.PartialMessageable]:
    """A channel of a real client that talks to a Discord on loopback."""
    app = web.Application()
    app.router.add_get("/users/@me", _me)
    app.router.add_post("/channels/1/messages", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base, gateway = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    host, port = runner.addresses[0][:2]
    point_at(f"http://{host}:{port}/", "ws://127.0.0.1:9/")
    try:
        async with discord.Client(intents=discord.Intents(guilds=True)) as client:
            await client.http.static_login("not-a-real-token")
            yield client.get_partial_messageable(1)
    finally:
        point_at(base, str(gateway))
        await runner.cleanup()


async def _me(_request: web.Request) -> web.Response:
    return web.json_response({"id": "1", "username": "bot", "discriminator": "0", "avatar": None})


async def test_a_silent_discord_is_given_up_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "TIMEOUT_S", 0.05)
    hold = asyncio.Event()

    async def silent(_request: web.Request) -> web.Response:
        await hold.wait()
        return web.Response()

    async with discord_at(silent) as channel:
        outcome = await outgoing.send(channel, nonce="n1", embed=EMBED)
        hold.set()
    assert isinstance(outcome, Retry)
    assert "did not answer" in outcome.reason


async def test_a_connection_that_breaks_is_tried_again() -> None:
    async def broken(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with discord_at(broken) as channel:
        outcome = await outgoing.send(channel, nonce="n1", embed=EMBED)
    assert isinstance(outcome, Retry)
    assert "could not be reached" in outcome.reason


async def test_a_ban_from_the_front_door_waits_as_long_as_it_says() -> None:
    async def banned(_request: web.Request) -> web.Response:
        return web.Response(status=429, headers={"Retry-After": "130"}, text="<html>slow down</html>")

    async with discord_at(banned) as channel:
        outcome = await outgoing.send(channel, nonce="n1", embed=EMBED)
    assert outcome == Retry(130.0, "Discord asked the bot to slow down.")
