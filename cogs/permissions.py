"""What the bot itself may do in a channel, and what it lacks there, in Discord's own words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import discord

from cogs import outgoing
from cogs.sentences import Refused, permission_name

if TYPE_CHECKING:
    from bot.services.watches import Watch

Target = discord.TextChannel | discord.Thread

# Without it late alerts cannot be told from those that were posted before.
WANTED: Final = "read_message_history"


def place(guild: discord.Guild | None, channel_id: int) -> Target | None:
    """The channel or thread, if it is there and takes messages."""
    found = guild.get_channel_or_thread(channel_id) if guild else None
    return found if isinstance(found, discord.TextChannel | discord.Thread) else None


def chosen_place(guild: discord.Guild | None, channel_id: int | None) -> Target:
    """The channel that was chosen in a form. `Refused` where it is none that the bot can see."""
    found = None if channel_id is None else place(guild, channel_id)
    if found is None:
        raise Refused("I cannot see that channel. Pick one that I can see, or grant me View Channel there.")
    return found


async def look_up(guild: discord.Guild, channel_id: int) -> Target | None:
    """The same, also where it is a thread that was archived."""
    found = place(guild, channel_id) or await outgoing.channel(guild, channel_id, at_once=True)
    return found if isinstance(found, discord.TextChannel | discord.Thread) else None


async def lacks(guild: discord.Guild, watch: Watch, *, at_once: bool = False) -> str | None:
    """What keeps a watch from posting, as a sentence that says what to do; None where nothing does.

    Nothing does, too, where Discord cannot be asked: nobody shall be told of a loss that is none.
    `at_once` where a person waits for it.
    """
    found: object = guild.get_channel_or_thread(watch.channel_id)
    if found is None:
        found = await outgoing.channel(guild, watch.channel_id, at_once=at_once)
    match found:
        case outgoing.Retry():
            return None
        case outgoing.Never(reason) if reason == outgoing.HIDDEN:
            return f"I can no longer see <#{watch.channel_id}>: grant me View Channel there."
        case outgoing.Never():
            return "Its channel is gone. `/watch edit` points it at another one."
        case discord.TextChannel() | discord.Thread():
            return _lacks_there(guild, watch, found)
        case _:
            return "Its channel takes no messages. `/watch edit` points it at another one."


def _lacks_there(guild: discord.Guild, watch: Watch, place: Target) -> str | None:
    if isinstance(place, discord.Thread) and place.parent is None:
        return "I can no longer see the channel of its thread: grant me View Channel there."
    if lacking := missing(place):
        names = " and ".join(lacking)
        return f"I lack {names} in {place.mention}. Once that is granted, the watch goes on by itself."
    if isinstance(place, discord.Thread) and place.locked:
        return "Its thread is locked. Once it is unlocked, the watch goes on by itself."
    role = watch.delivery.role_id
    if role is not None and guild.get_role(role) is None:
        return "The role that it pings is gone. `/watch edit` names another one, or `clear:role` lifts it."
    return None


def missing(channel: Target) -> list[str]:
    """The permissions without which nothing can be posted, by name."""
    allowed = channel.permissions_for(channel.guild.me)
    posting = "send_messages_in_threads" if isinstance(channel, discord.Thread) else "send_messages"
    needed = ("view_channel", posting, "embed_links")
    return [permission_name(name) for name in needed if not getattr(allowed, name)]


def wanted(channel: Target, role: discord.Role | None = None) -> list[str]:
    """The permissions without which posting works, but not all of it."""
    allowed = channel.permissions_for(channel.guild.me)
    names = [] if getattr(allowed, WANTED) else [permission_name(WANTED)]
    if role is not None and not role.mentionable and not allowed.mention_everyone:
        names.append(permission_name("mention_everyone"))
    return names


def advice(channel: Target, role: discord.Role | None = None) -> list[str]:
    """Sentences on what else the bot would use there, and for what; the role is the one to ping."""
    lacking, allowed = wanted(channel, role), channel.permissions_for(channel.guild.me)
    lines = [f"⚠️ I still lack {' and '.join(lacking)} there."] if lacking else []
    if not allowed.attach_files:
        lines.append(f"💡 {permission_name('attach_files')} there would let me show pictures and reports.")
    return lines


def require_posting(channel: Target) -> None:
    """Refuse a channel that the bot cannot post in, naming what it lacks."""
    if lacking := missing(channel):
        raise Refused(
            f"I cannot post in {channel.mention}: grant me {' and '.join(lacking)} there, then try again."
        )


def ping_note(channel: Target, role_id: int | None) -> str | None:
    """A sentence where the role that a watch pings cannot be pinged; None where all is well."""
    role = None if role_id is None else channel.guild.get_role(role_id)
    if role is None or role.mentionable or channel.permissions_for(channel.guild.me).mention_everyone:
        return None
    return (
        f"⚠️ I cannot ping {role.mention} yet: allow everyone to mention it in its settings, or grant me "
        f"{permission_name('mention_everyone')}."
    )
