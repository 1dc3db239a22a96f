"""`axieflip doctor`: everything that a running bot needs, checked for real, a line each.

A check answers with what it found or raises a sentence that says what to do; none changes anything but
a probe object in the object store, which it deletes again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import aiohttp
import discord
from rich.console import Console
from rich.markup import escape

from bot.client import point_at
from bot.confinement import advice
from bot.db import Database, schema
from bot.errors import AxieflipError, SettingsError
from bot.log import redact
from bot.outside import open_market, open_objects, open_registry
from bot.services.watches import Watches
from bot.settings import Settings
from models.registry import RegistryError
from pipeline.clock import SystemClock
from pipeline.loading import load_appraiser
from pipeline.market.errors import MarketError
from pipeline.objects import StoreError, probe

if TYPE_CHECKING:
    from bot.services.watches import Watch

CHECK_WITHIN_S = 30.0
OLD_MODEL_DAYS = 2
NEEDED = ("view_channel", "embed_links", "read_message_history")

console = Console(highlight=False, soft_wrap=True)


class Trouble(AxieflipError):
    """What a check found wrong, and what to do about it."""


async def examine() -> int:
    """Run all checks and print a line each; the exit code: 0, 1 for a failure, 2 for wrong settings."""
    try:
        settings = Settings.load()
    except SettingsError as error:
        for sentence in str(error).splitlines():
            _print("settings", sentence, ok=False)
        return 2  # as of every command; nothing else can be checked
    # What discord.py has to say of parts that are not used would stand among the answers.
    logging.getLogger("discord").setLevel(logging.ERROR)
    told = advice()
    _print("settings", f"complete, but {told}" if told else "complete", ok=True)
    failures = 0
    for name, check in _CHECKS.items():
        failures += not await _passes(name, check, settings)
    return min(failures, 1)


Check = Callable[[Settings], Awaitable[str]]


async def _passes(name: str, check: Check, settings: Settings) -> bool:
    try:
        async with asyncio.timeout(CHECK_WITHIN_S):
            _print(name, await check(settings), ok=True)
    except TimeoutError:
        _print(name, f"no answer within {CHECK_WITHIN_S:.0f} s: check the address and the network", ok=False)
    except (AxieflipError, MarketError, RegistryError, StoreError) as error:
        _print(name, str(error), ok=False)
    except Exception as error:
        _print(name, f"{type(error).__name__}: {redact(str(error))}", ok=False)
    else:
        return True
    return False


def _print(name: str, text: str, *, ok: bool) -> None:
    mark = "[green]ok  [/]" if ok else "[red]fail[/]"
    console.print(f"{mark} {name:<13} {escape(text)}")


async def _database(settings: Settings) -> str:
    current = await schema.current(settings.database_url)
    if current is None:
        return "empty or not there yet; the first start, or `axieflip db upgrade`, makes its tables"
    if current != schema.head():
        raise Trouble(f"its schema is {current}, this version wants {schema.head()}: `axieflip db upgrade`")
    return f"reachable, schema {current} is current"


async def _object_store(settings: Settings) -> str:
    await asyncio.to_thread(probe, open_objects(settings))
    return f"{settings.object_store} can be written and read"


async def _marketplace(settings: Settings) -> str:
    async with open_market(settings, SystemClock()) as client:
        await client.rates()
        problems = await client.check_queries()
        page = await client.newest_listings(size=5)
        cost = await client.proxy_cost()
    if problems:
        raise Trouble("its schema has changed: " + "; ".join(str(problem) for problem in problems))
    proxy = f"; the proxy {cost}" if cost else ""
    readable = f"{len(page.rows)} of {page.seen} newest rows readable"
    return f"the key is accepted, every query is valid, {readable}{proxy}"


async def _discord(settings: Settings) -> str:
    point_at(settings.discord_api_url, settings.discord_gateway_url)
    async with discord.Client(intents=discord.Intents.none()) as client:
        try:
            await client.login(settings.discord_token.get_secret_value())
        except discord.LoginFailure:
            raise Trouble("DISCORD_TOKEN is not accepted: copy the bot's token anew") from None
        except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
            raise Trouble(f"Discord cannot be reached ({type(error).__name__}): try again later") from error
        watches = await _watches(settings)
        wanted = {(watch.guild_id, watch.channel_id) for watch in watches}
        troubles = [trouble async for trouble in _channel_troubles(client, wanted)]
        if settings.operators_channel_id is not None:
            troubles += [
                trouble async for trouble in _operators_troubles(client, settings.operators_channel_id)
            ]
        if troubles:
            raise Trouble("; ".join(troubles))
        assert client.user is not None
        return (
            f"logged in as {client.user}; {len(wanted)} channels of {len(watches)} watches can be posted to"
        )


async def _watches(settings: Settings) -> list[Watch]:
    if await schema.current(settings.database_url) != schema.head():
        return []
    async with Database.open(settings.database_url) as db:
        return list(await Watches(db, SystemClock()).active())


async def _channel_troubles(client: discord.Client, wanted: set[tuple[int, int]]) -> AsyncIterator[str]:
    assert client.user is not None
    for guild_id in sorted({guild for guild, _ in wanted}):
        try:
            guild = await client.fetch_guild(guild_id)
            me = await guild.fetch_member(client.user.id)
            channels = {channel.id: channel for channel in await guild.fetch_channels()}
        except (discord.NotFound, discord.Forbidden):
            yield f"the bot is not in server {guild_id}: invite it, or remove the server's watches"
            continue
        for channel_id in sorted(channel for of, channel in wanted if of == guild_id):
            place, posting = channels.get(channel_id), "send_messages"
            if place is None and (parent := await _parent(client, channel_id)) is not None:
                place, posting = channels.get(parent), "send_messages_in_threads"
            if place is None:
                yield f"channel {channel_id} of {guild.name} is gone: point its watches elsewhere"
                continue
            allowed = place.permissions_for(me)
            missing = [_spoken(name) for name in (posting, *NEEDED) if not getattr(allowed, name)]
            if missing:
                yield f"the bot lacks {' and '.join(missing)} in #{place.name} of {guild.name}: grant it that"


async def _parent(client: discord.Client, thread_id: int) -> int | None:
    """The channel of a thread, whose permissions it has; None if there is no such thread."""
    try:
        found = await client.fetch_channel(thread_id)
    except (discord.NotFound, discord.Forbidden, discord.InvalidData):
        return None
    return found.parent_id if isinstance(found, discord.Thread) else None


def _spoken(permission: str) -> str:
    return permission.replace("_", " ").title().replace(" In ", " in ")  # as Discord's settings write it


async def _operators_troubles(client: discord.Client, channel_id: int) -> AsyncIterator[str]:
    try:
        channel = await client.fetch_channel(channel_id)
    except (discord.NotFound, discord.Forbidden):
        yield f"OPERATORS_CHANNEL_ID {channel_id} cannot be seen by the bot: correct it, or invite the bot"
        return
    if not isinstance(channel, discord.abc.GuildChannel | discord.Thread):
        yield f"OPERATORS_CHANNEL_ID {channel_id} is no channel of a server"
        return
    async for trouble in _channel_troubles(client, {(channel.guild.id, channel_id)}):
        yield trouble


async def _model(settings: Settings) -> str:
    registry = open_registry(settings, open_objects(settings))
    card, appraiser = await asyncio.to_thread(load_appraiser, registry)
    if not appraiser.ensemble.is_compiled:
        raise Trouble(
            f"the compiled copy of the champion {card.version} does not compute what was trained, so "
            "scikit-learn's members serve, slowly: `axieflip train`"
        )
    age = datetime.now(UTC) - datetime.fromisoformat(card.created_at)
    if age.days >= OLD_MODEL_DAYS:
        raise Trouble(f"the champion {card.version} is {age.days} days old: `axieflip collect`, then train")
    return f"champion {card.version} is signed, loads and reproduces its training's answers"


_CHECKS: dict[str, Check] = {
    "database": _database,
    "object store": _object_store,
    "marketplace": _marketplace,
    "discord": _discord,
    "model": _model,
}
