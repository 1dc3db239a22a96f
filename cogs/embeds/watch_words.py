"""How watches read: in a list, by themselves, and what they would have brought."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord

from cogs import embeds
from cogs import format as fmt
from cogs.money import DOLLARS
from pipeline.market.traits import Collection

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bot.services.pacing import Delivery, Quiet
    from bot.services.preview import Preview
    from bot.services.watches import Watch
    from cogs.money import Money
    from pipeline.signal import Filters, Thresholds


def row(one: Watch, money: Money = DOLLARS) -> str:
    """A watch in two or three lines: where it posts and what it needs, what it is about, how it tells."""
    lines = [
        f"**{fmt.plain(one.name, 50)}**{_pause_mark(one)} → <#{one.channel_id}>",
        f"{needs(one.thresholds, money)} – {about(one.filters, money)}",
        telling(one.delivery, money),
    ]
    return "\n".join(filter(None, lines))


def thresholds(one: Watch, money: Money = DOLLARS) -> str:
    """What a listing must promise before a watch posts it."""
    return f"**{fmt.plain(one.name, 50)}**: {needs(one.thresholds, money)}"


def panel(one: Watch, preview: Preview | None, money: Money) -> discord.Embed:
    """A watch by itself, with what it would have brought lately."""
    embed = discord.Embed(
        title=f"{fmt.shorten(fmt.plain(one.name, 50), 200)}{_pause_mark(one)}",
        description=f"Posts to <#{one.channel_id}>.",
        colour=embeds.QUIET if one.paused else embeds.GOOD,
    )
    if one.paused_reason:
        embed.description = f"⚠️ Paused by the bot: {fmt.shorten(one.paused_reason, 500)}"
    embed.add_field(name="Needs", value=needs(one.thresholds, money), inline=False)
    embed.add_field(name="About", value=about(one.filters, money), inline=False)
    embed.add_field(name="Tells", value=telling(one.delivery, money) or "every signal at once", inline=False)
    if preview is not None:
        embed.add_field(name="Lately", value=would_have(preview, money), inline=False)
    return embed.set_footer(text=f"Made {fmt.day(one.created_at)}")


def needs(least: Thresholds, money: Money = DOLLARS) -> str:
    """The thresholds in a line."""
    sale = f", sold within a day **{fmt.percent(least.min_sell_chance)}**" if least.min_sell_chance else ""
    return (
        f"net at least **{money.amount(least.min_net_usd)}**, "
        f"return **{fmt.percent(least.min_return)}**, "
        f"chance **{fmt.percent(least.min_probability)}**{sale}"
    )


def about(filters: Filters, money: Money = DOLLARS) -> str:
    """The filters in a line; `any axie` without any."""
    facts = [
        ", ".join(filters.classes),
        _collections(filters.collections),
        " and ".join(fmt.plain(part, 40) for part in filters.parts),
        _range("breeds", filters.min_breed_count, filters.max_breed_count),
        _range("purity", filters.min_purity, None),
        _range("level", filters.min_level, None),
        _range("ask", filters.min_price_usd, filters.max_price_usd, money.amount),
        f"asked in {' or '.join(filters.tokens)}" if filters.tokens else "",
        "" if filters.max_age_s is None else f"listed within {fmt.age(filters.max_age_s)}",
    ]
    return " · ".join(filter(None, facts)) or "any axie"


def telling(delivery: Delivery, money: Money = DOLLARS) -> str:
    """How a watch tells, in a line; empty where every signal is posted at once and nobody is pinged."""
    above = f" from {money.amount(delivery.ping_above_usd)} net" if delivery.ping_above_usd else ""
    facts = [
        f"pings <@&{delivery.role_id}>{above}" if delivery.role_id else "",
        f"at most {delivery.cap} an hour, the rest in a digest" if delivery.cap else "",
        f"quiet {hours(delivery.quiet)}" if delivery.quiet else "",
    ]
    return " · ".join(filter(None, facts))


def hours(quiet: Quiet) -> str:
    """Quiet hours as they are typed: `22:00-07:00`."""
    return f"{clock(quiet.start)}-{clock(quiet.end)}"


def clock(minute: int) -> str:
    """A minute of the day: `07:00`."""
    return f"{minute // 60:02}:{minute % 60:02}"


def would_have(preview: Preview, money: Money = DOLLARS) -> str:
    """What thresholds and filters would have brought lately, in a sentence or two."""
    span = "7 days" if preview.days > 6.9 else fmt.age(preview.days * 86_400)
    if not preview.signals:
        return f"In the last {span} this would have brought no signal. Lower a threshold to see more."
    some = "**1** signal" if preview.signals == 1 else f"**{preview.signals:,}** signals"
    rate = _rate(preview.signals / preview.days) if preview.days >= 1 else some
    text = f"In the last {span} this would have brought {rate}"
    if not preview.sold:
        promised = money.gain(preview.promised_usd)
        together = "" if preview.signals == 1 else " together"
        return f"{text}, promised to net **{promised}**{together}. None has found a buyer yet."
    buyers = "one that has" if preview.sold == 1 else f"{preview.sold:,} that have"
    return (
        f"{text}. The {buyers} found a buyer would have earned **{money.gain(preview.earned_usd)}** on paper."
    )


def _rate(per_day: float) -> str:
    if per_day >= 9.95:
        return f"about **{per_day:,.0f}** signals a day"
    if per_day >= 0.95:
        return f"about **{per_day:.1f}** signals a day"
    weekly = f"{per_day * 7:.0f}"
    return "about **1** signal a week" if weekly == "1" else f"about **{weekly}** signals a week"


def _pause_mark(one: Watch) -> str:
    if not one.paused:
        return ""
    return " (paused by the bot)" if one.paused_reason else " (paused)"


def _collections(wanted: Sequence[Collection]) -> str:
    if len(wanted) == len(Collection):
        return "any collection"
    return " or ".join(fmt.collection_name(kind) for kind in wanted)


def _range(name: str, low: float | None, high: float | None, write: Callable[[float], str] = str) -> str:
    if low is None:
        return "" if high is None else f"{name} at most {write(high)}"
    if high is None:
        return f"{name} at least {write(low)}"
    return f"{name} {write(low)}" if low == high else f"{name} {write(low)} to {write(high)}"
