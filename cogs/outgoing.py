"""Every call to Discord that is not the answer to an interaction goes out through here.

Each call waits for its turn among all of the bot's requests. Which errors are expected is known here, and the
answers are values: `Sent`, `Retry` where the same call may work later, `Never` where it cannot until a person
changes something. Only programming errors are raised.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import aiohttp
import discord

from bot.log import redact
from cogs.pace import pace_of_requests

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

# Above the longest that discord.py itself waits between its own five attempts (about 25 s).
TIMEOUT_S: Final = 60.0
PAUSE_S: Final = 5.0
LOOK_BACK: Final = 100  # messages; one request
_LONGEST_PAUSE_S: Final = 600.0
LIMITED_PAUSE_S: Final = 60.0

HIDDEN: Final = "The bot cannot see the channel. Give it the View Channel permission there."
_OVER: Final = "The interaction is over: its answer can no longer be changed that way."
_NEVER: Final = {
    10003: "The channel no longer exists. Add the watch again with a channel that does.",
    10004: "The bot is no longer on this server.",
    10008: "The message was deleted.",
    10015: _OVER,
    50001: HIDDEN,
    50007: "They take no direct messages from the bot.",
    50008: "The channel takes no messages. Point the watch at a text channel.",
    50013: "The bot may not post in the channel. Give it Send Messages and Embed Links there.",
    50027: _OVER,
    50083: "The thread is archived. Reopen it or point the watch at another channel.",
    160005: "The thread is locked. Unlock it or point the watch at another channel.",
}

_OF_ONE_MESSAGE: Final = {10008, 10015, 50027}
_MARK: Final = re.compile(r"#[0-9a-f]{24}$")
LOST: Final = frozenset(reason for code, reason in _NEVER.items() if code not in _OF_ONE_MESSAGE)


class Sent(NamedTuple):
    """Discord has it; `message_id` is the message it became."""

    message_id: int


class Retry(NamedTuple):
    """It may work later: wait at least `after_s` seconds."""

    after_s: float
    reason: str


class Never(NamedTuple):
    """It cannot work as things are; `reason` tells a person what to change.

    `lost` where nothing else can be posted in that channel either.
    """

    reason: str
    lost: bool = False


Outcome = Sent | Retry | Never


async def send(
    channel: discord.abc.Messageable,
    *,
    nonce: str,
    embed: discord.Embed | Sequence[discord.Embed],
    view: discord.ui.View | None = None,
    content: str | None = None,
    mentions: discord.AllowedMentions | None = None,
) -> Outcome:
    """Post one embed or several. The same nonce again within minutes gives the first message, not another.

    Nobody is pinged unless `mentions` says so.
    """
    options: dict[str, Any] = {"embeds": _several(embed), "nonce": nonce}
    if view is not None:
        options["view"] = view
    if content is not None:
        options["content"] = content
    if mentions is not None:
        options["allowed_mentions"] = mentions
    return await _attempt(lambda: channel.send(**options))


async def find(channel: discord.abc.Messageable, mark: str, me: int) -> Sent | Retry | None:
    """The message of user `me` that carries `mark` in its embed's address, among the channel's newest.

    None where there is none, and where the bot may not read the channel's past.
    """
    await pace_of_requests().turn()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            async for message in channel.history(limit=LOOK_BACK):
                if message.author.id == me and any(_is_marked(embed, mark) for embed in message.embeds):
                    return Sent(message.id)
    except discord.HTTPException as error:
        outcome = _judge(error)
        return outcome if isinstance(outcome, Retry) else None
    except (TimeoutError, aiohttp.ClientError, OSError):
        return Retry(PAUSE_S, "Discord could not be asked for the channel's newest messages.")
    return None


async def own_alerts(channel: discord.abc.Messageable, me: int, since: datetime) -> dict[int, str] | Retry:
    """By message, what can be read in the marked embeds of user `me` since then, among the newest messages.

    Empty where the bot may not read the channel's past.
    """
    found: dict[int, str] = {}
    await pace_of_requests().turn()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            async for message in channel.history(limit=LOOK_BACK, after=since, oldest_first=False):
                if message.author.id == me and any(_MARK.search(embed.url or "") for embed in message.embeds):
                    read = [(embed.url, embed.title, embed.description) for embed in message.embeds]
                    found[message.id] = "\n".join(filter(None, sum(read, ())))
    except discord.HTTPException as error:
        outcome = _judge(error)
        return outcome if isinstance(outcome, Retry) else {}
    except (TimeoutError, aiohttp.ClientError, OSError):
        return Retry(PAUSE_S, "Discord could not be asked for the channel's newest messages.")
    return found


def marked(embed: discord.Embed, mark: str) -> discord.Embed:
    """The embed, with a mark in its address that nobody sees and `find` knows it by."""
    embed.url = f"{embed.url}#{mark}"
    return embed


def _is_marked(embed: discord.Embed, mark: str) -> bool:
    return embed.url is not None and embed.url.endswith(f"#{mark}")


async def channel(
    guild: discord.Guild, id_: int, *, at_once: bool = False
) -> discord.abc.GuildChannel | discord.Thread | Retry | Never:
    """A channel or thread that is not in memory: an archived thread is there all the same.

    `at_once` where a person waits for the answer, whom Discord gives three seconds.
    """
    if not at_once:
        await pace_of_requests().turn()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await guild.fetch_channel(id_)
    except discord.HTTPException as error:
        outcome = _judge(error)
        assert not isinstance(outcome, Sent)
        return outcome
    except (discord.InvalidData, TimeoutError, aiohttp.ClientError, OSError):
        return Retry(PAUSE_S, "Discord could not be asked for the channel.")


async def direct(bot: discord.Client, user_id: int) -> discord.DMChannel | Retry | Never:
    """Where to write to a person directly; whether they take it shows when it is sent."""
    await pace_of_requests().turn()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await bot.create_dm(discord.Object(user_id))
    except discord.HTTPException as error:
        outcome = _judge(error)
        assert not isinstance(outcome, Sent)
        return outcome
    except (TimeoutError, aiohttp.ClientError, OSError):
        return Retry(PAUSE_S, "Discord could not be reached.")


async def edit(
    message: discord.PartialMessage | discord.InteractionMessage,
    *,
    embed: discord.Embed | Sequence[discord.Embed],
    view: discord.ui.View | None = None,
    files: Sequence[discord.File] = (),
) -> Outcome:
    """Replace the embeds of a message of the bot's own, its buttons and its pictures where some are given."""
    options: dict[str, Any] = {"embeds": _several(embed)}
    if view is not None:
        options["view"] = view
    if files:
        options["attachments"] = list(files)
    return await _attempt(lambda: message.edit(**options))


def _several(embed: discord.Embed | Sequence[discord.Embed]) -> list[discord.Embed]:
    return [embed] if isinstance(embed, discord.Embed) else list(embed)


def pause(attempts: int, retry: Retry) -> float:
    """Seconds to wait after so many failed attempts: doubling, never less than Discord asked for."""
    doubled: float = min(PAUSE_S * 2 ** min(attempts, 10), _LONGEST_PAUSE_S)
    return max(doubled, retry.after_s)


async def _attempt(call: Callable[[], Awaitable[discord.Message | discord.PartialMessage]]) -> Outcome:
    await pace_of_requests().turn()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return Sent((await call()).id)
    except discord.RateLimited as error:
        return Retry(error.retry_after, "Discord asked the bot to slow down.")
    except discord.HTTPException as error:
        return _judge(error)
    except TimeoutError:
        return Retry(PAUSE_S, f"Discord did not answer within {TIMEOUT_S:.0f} s.")
    except (aiohttp.ClientError, OSError):
        return Retry(PAUSE_S, "Discord could not be reached.")


def _judge(error: discord.HTTPException) -> Outcome:
    if error.status == 429:
        return Retry(_retry_after(error), "Discord asked the bot to slow down.")
    if error.status >= 500:
        return Retry(PAUSE_S, f"Discord had a fault of its own (status {error.status}).")
    if reason := _NEVER.get(error.code):
        return Never(reason, error.code not in _OF_ONE_MESSAGE)
    if error.status == 401:
        return Retry(_LONGEST_PAUSE_S, "Discord does not accept the bot's token.")
    if error.code == 0:
        # No answer of Discord's API, but of something before it: a proxy's page says nothing of the channel.
        return Retry(LIMITED_PAUSE_S, f"Something before Discord refused the call (status {error.status}).")
    said = redact(error.text)[:200] or error.status
    return Never(f"Discord refused the message: {said} (code {error.code}).")


def _retry_after(error: discord.HTTPException) -> float:
    try:
        seconds = float(error.response.headers["Retry-After"])
    except (KeyError, ValueError):
        return LIMITED_PAUSE_S
    return min(max(seconds, 1.0), 3600.0)
