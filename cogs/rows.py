"""One line each: how watches, thresholds and predictions look in a list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cogs import format as fmt
from pipeline.market.values import OrderStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.services.journal import JournalRow
    from bot.services.watches import Watch
    from cogs.format import Moment
    from pipeline.signal import Filters, Thresholds


def watch(one: Watch) -> str:
    """A watch in two lines: where it posts and what it wants, then what it is about."""
    paused = " (paused)" if one.paused else ""
    return (
        f"**{fmt.plain(one.name, 50)}**{paused} → <#{one.channel_id}>\n"
        f"{_wanted(one.thresholds)} – {_about(one.filters)}"
    )


def thresholds(one: Watch) -> str:
    """What a listing must promise before a watch posts it."""
    return f"**{fmt.plain(one.name, 50)}**: {_wanted(one.thresholds)}"


LEGEND = "ask → predicted resale · net profit · chance of one · 🔔 a signal on this server"


def prediction(row: JournalRow, moment: Moment) -> str:
    """A priced listing in one line, as `LEGEND` explains it."""
    axie, priced = row.listing.axie, row.prediction
    mark = "🔔 " if row.signalled else ""
    head = f"{mark}[#{axie.id}]({fmt.page(axie.id)}) {axie.class_}"
    tail = f"{fmt.ago(moment, row.seen_at)}{_ending(row.status)}"
    if priced is None:
        return f"{head} · not priced, there was no model · {tail}"
    resale = fmt.usd(priced.forecast.resale_usd)
    return (
        f"{head} · {fmt.usd(priced.ask_usd)} → {resale} · **{fmt.gain(priced.net_usd)}** · "
        f"{fmt.chance(priced.probability)} · {tail}"
    )


def _ending(status: OrderStatus) -> str:
    if not status.final:
        return ""
    return {OrderStatus.MATCHED: ", sold", OrderStatus.CANCELLED: ", cancelled"}.get(
        status, ", no longer for sale"
    )


def _wanted(least: Thresholds) -> str:
    return (
        f"net at least **{fmt.usd(least.min_net_usd)}**, "
        f"return **{fmt.percent(least.min_return)}**, "
        f"chance **{fmt.percent(least.min_probability)}**"
    )


def _about(filters: Filters) -> str:
    facts = [
        ", ".join(filters.classes),
        " or ".join(filters.collections),
        " and ".join(fmt.plain(part, 40) for part in filters.parts),
        _range("breeds", filters.min_breed_count, filters.max_breed_count),
        _range("purity", filters.min_purity, None),
        _range("level", filters.min_level, None),
        _range("ask", filters.min_price_usd, filters.max_price_usd, fmt.usd),
        "" if filters.max_age_s is None else f"listed within {fmt.age(filters.max_age_s)}",
    ]
    return " · ".join(filter(None, facts)) or "any axie"


def _range(name: str, low: float | None, high: float | None, write: Callable[[float], str] = str) -> str:
    if low is None:
        return "" if high is None else f"{name} at most {write(high)}"
    if high is None:
        return f"{name} at least {write(low)}"
    return f"{name} {write(low)} to {write(high)}"
