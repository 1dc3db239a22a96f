"""How a server's settings and the log of its changes read."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import discord

from bot.services.guild_settings import Area
from cogs import embeds
from cogs import format as fmt
from cogs.embeds import watch_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bot.services.audit import AuditEntry
    from bot.services.guild_settings import GuildSettings

# An area: its name for people, and who may act in it without a role.
AREAS: Final = {
    Area.READING: ("Reading", "everyone"),
    Area.WATCHES: ("Watches", "who manages the channel"),
    Area.MODEL: ("Model", "administrators"),
    Area.SETTINGS: ("Settings", "administrators"),
}
_NOT_CHANGES: Final = {"id", "guild_id", "created_by", "created_at", "zone"}
_NAMES: Final = {
    "channel_id": "channel",
    "claimed_by": "claimed by",
    "min_net_usd": "least net",
    "min_return": "least return",
    "min_probability": "least chance",
    "min_sell_chance": "least chance of a sale",
    "min_breed_count": "fewest breeds",
    "max_breed_count": "most breeds",
    "min_purity": "least purity",
    "min_level": "least level",
    "min_price_usd": "lowest ask",
    "max_price_usd": "highest ask",
    "max_age_s": "oldest listing",
    "role_id": "pinged role",
    "ping_above_usd": "pings from",
    "cap": "cap an hour",
    "quiet": "quiet hours",
    "time_zone": "time zone",
    "operators_channel": "operators' channel",
    "paused_reason": "reason",
}
_PICTURES: Final = "of amounts in text; pictures are in dollars"
_SHOWN: Final = 5  # differences of one change


def overview(settings: GuildSettings, now: datetime) -> discord.Embed:
    """All settings of a server, with who may do what."""
    embed = discord.Embed(title="Settings of this server", colour=embeds.QUIET)
    local = now.astimezone(settings.zone)
    embed.add_field(name="Time zone", value=f"{settings.time_zone}\n{local:%H:%M} there now")
    embed.add_field(name="Currency", value=f"{settings.currency.value}\n{_PICTURES}")
    operators = settings.operators_channel
    embed.add_field(name="Operators", value=f"<#{operators}>" if operators else "none")
    who = [f"**{name}**: {_who(area, others, settings)}" for area, (name, others) in AREAS.items()]
    embed.add_field(name="Who may", value="\n".join(who), inline=False)
    return embed.set_footer(text="/settings set · operators · grant change these")


def _who(area: Area, others: str, settings: GuildSettings) -> str:
    role = settings.grants.get(area)
    if role is None:
        return others
    return f"only <@&{role}> and who manages the server" if area is Area.READING else f"{others}, <@&{role}>"


def change(entry: AuditEntry) -> str:
    """One entry of the log: when, who, what, and what it was before."""
    who = f"<@{entry.actor}>" if entry.actor else "the bot"
    settled = entry.action in ("settings changed", "data deleted")
    subject = "" if settled else f" **{fmt.plain(entry.subject, 50)}**"
    head = f"{fmt.machine_time(entry.at)} {who}: {fmt.plain(entry.action, 50)}{subject}"
    differences = list(_differences(entry.before, entry.after))
    if not differences or entry.before is None or entry.after is None:
        return head
    more = f" · and {len(differences) - _SHOWN} more" if len(differences) > _SHOWN else ""
    return f"{head}\n-# {' · '.join(differences[:_SHOWN])}{more}"


def _differences(before: Any, after: Any, name: str = "") -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict) and name != "quiet":
        for key in {**before, **after}:
            if key not in _NOT_CHANGES:
                yield from _differences(before.get(key), after.get(key), key)
    elif before != after and not (_nothing(before) and _nothing(after)):
        label = f"{_NAMES.get(name, fmt.plain(name, 30))}: " if name else ""
        yield f"{label}{_value(name, before)} → {_value(name, after)}"


def _nothing(value: Any) -> bool:
    return value is None or value == [] or value == {}


def _value(name: str, value: Any) -> str:
    if _nothing(value):
        return "none"
    match name, value:
        case "quiet", dict():
            return f"{watch_words.clock(value['start'])}-{watch_words.clock(value['end'])}"
        case (("channel_id" | "operators_channel"), int()):
            return f"<#{value}>"
        case "claimed_by", int():
            return f"<@{value}>"
        case (("role_id" | "reading" | "watches" | "model" | "settings"), int()):
            return f"<@&{value}>"
        case (("min_return" | "min_probability" | "min_sell_chance"), (int() | float())):
            return fmt.percent(value)
        case "max_age_s", (int() | float()):
            return fmt.age(value)
        case "paused", bool():
            return "yes" if value else "no"
        case _ if name.endswith("_usd") and isinstance(value, int | float):
            return fmt.usd(value)
        case _, list():
            return fmt.plain(", ".join(map(str, value)), 80)
        case _, dict():
            return _mapping(value)
        case _:
            return fmt.plain(str(value), 60)


def _mapping(value: Mapping[str, Any]) -> str:
    return ", ".join(f"{fmt.plain(key, 20)} {_value(key, each)}" for key, each in value.items())
