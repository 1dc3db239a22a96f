"""One line each: how watches, thresholds and predictions look in a list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cogs import embeds
from cogs import format as fmt
from cogs.money import DOLLARS
from pipeline.market.values import OrderStatus

if TYPE_CHECKING:
    import discord

    from bot.services.history import Seen, Wanted
    from cogs.format import Moment
    from cogs.money import Money


LEGEND = "net profit · chance of one · ask → predicted resale · 🔔 a signal on this server"


def prediction(row: Seen, moment: Moment, money: Money = DOLLARS) -> str:
    """A priced listing in one line, as `LEGEND` explains it."""
    axie = row.listing.axie
    return f"{_mark(row)}[#{axie.id}]({fmt.page(axie.id)}) {axie.class_} · {_told(row, moment, money)}"


def again(row: Seen, moment: Moment, money: Money = DOLLARS) -> str:
    """The same where it is clear which axie it is about."""
    return f"{_mark(row)}{_told(row, moment, money)}"


def _mark(row: Seen) -> str:
    return "🔔 " if row.signalled else ""


def _told(row: Seen, moment: Moment, money: Money) -> str:
    priced = row.prediction
    return (
        f"**{money.gain(priced.net_usd)}** · {fmt.chance(priced.probability)} · "
        f"{money.amount(priced.ask_usd)} → {money.amount(priced.forecast.resale_usd)} · "
        f"{fmt.ago(moment, priced.forecast.at)}{ending(row)}"
    )


def in_full(row: Seen, moment: Moment, money: Money = DOLLARS) -> discord.Embed:
    """A prediction as it was made, with what became of the listing."""
    embed = embeds.predicted_listing(row.listing, row.prediction, moment, money)
    ago = fmt.ago(moment, row.prediction.forecast.at)
    embed.insert_field_at(0, name=f"Predicted {ago}", value=_became(row), inline=False)
    return embed


def looked_for(asked: Wanted, money: Money = DOLLARS) -> str:
    """What a page of predictions is about, as its title."""
    what = "Signals" if asked.signals or asked.watch_id is not None else "Predictions"
    facts = [
        asked.class_ or "",
        asked.collection.title() if asked.collection else "",
        "" if asked.min_net_usd is None else f"net at least {money.amount(asked.min_net_usd)}",
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
