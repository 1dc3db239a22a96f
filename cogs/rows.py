"""One line each: how watches, thresholds and predictions look in a list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cogs import embeds
from cogs import format as fmt
from pipeline.market.values import OrderStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    import discord

    from bot.services.history import Seen, Wanted
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


def prediction(row: Seen, moment: Moment) -> str:
    """A priced listing in one line, as `LEGEND` explains it."""
    axie, priced = row.listing.axie, row.prediction
    mark = "🔔 " if row.signalled else ""
    resale = fmt.usd(priced.forecast.resale_usd)
    return (
        f"{mark}[#{axie.id}]({fmt.page(axie.id)}) {axie.class_} · {fmt.usd(priced.ask_usd)} → {resale} · "
        f"**{fmt.gain(priced.net_usd)}** · {fmt.chance(priced.probability)} · "
        f"{fmt.ago(moment, priced.forecast.at)}{ending(row)}"
    )


def in_full(row: Seen, moment: Moment) -> discord.Embed:
    """A prediction as it was made, with what became of the listing."""
    embed = embeds.predicted_listing(row.listing, row.prediction, moment)
    ago = fmt.ago(moment, row.prediction.forecast.at)
    embed.insert_field_at(0, name=f"Predicted {ago}", value=_became(row), inline=False)
    return embed


def looked_for(asked: Wanted) -> str:
    """What a page of predictions is about, as its title."""
    what = "Signals" if asked.signals or asked.watch_id is not None else "Predictions"
    facts = [
        asked.class_ or "",
        asked.collection.title() if asked.collection else "",
        "" if asked.min_net_usd is None else f"net at least {fmt.usd(asked.min_net_usd)}",
        "sold" if asked.sold else "",
    ]
    told = ", ".join(filter(None, facts))
    return f"{what} of the last {fmt.days(asked.days)}{f': {told}' if told else ''}"


def ending(row: Seen) -> str:
    """What became of the listing, to follow a comma; empty while it is open."""
    if not row.status.final:
        return ""
    after = f" after {fmt.span(row.listing.seen_at, row.ended_at)}" if row.ended_at else ""
    if row.status is OrderStatus.MATCHED:
        return f", sold{after}"
    return ", cancelled" if row.status is OrderStatus.CANCELLED else ", no longer for sale"


def _became(row: Seen) -> str:
    told = ending(row).removeprefix(", ") or "still for sale, as far as is known"
    signal = " It was a signal on this server." if row.signalled else ""
    return f"{told[:1].upper()}{told[1:]}.{signal}"


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
