"""How a post looks: a few alerts as embeds with what has become of each, more as the lines of one list.

Whatever happens to an alert, its message is drawn anew from the stored post, so that a message that was
edited and one that is sent now never differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import discord

from cogs import embeds
from cogs import format as fmt
from cogs.embeds import lists
from cogs.money import DOLLARS
from pipeline.market.values import OrderStatus

if TYPE_CHECKING:
    from bot.services.alerts import Alert, Ending, Post
    from cogs.format import Moment
    from cogs.money import Money

CARDS: Final = 5  # with a row of buttons for each, of which Discord shows five
_OVER: Final = {
    OrderStatus.MATCHED: "✅ **Sold**",
    OrderStatus.CANCELLED: "⚪ **Cancelled** by the seller",
    OrderStatus.EXPIRED: "⚪ **Expired**",
}


def message(post: Post, moment: Moment, money: Money = DOLLARS) -> list[discord.Embed]:
    """The embeds of a post's message."""
    if is_list(post):
        return [lists.embed(post, shown(post), moment, money)]
    found = shown(post)
    names = _names(post)
    return [card(each, names[each.listing.hash], moment, money, brief=len(found) > 1) for each in found]


def is_list(post: Post) -> bool:
    """Whether the message has a line for each alert rather than an embed."""
    return post.digest or len(shown(post)) > CARDS


def shown(post: Post) -> list[Alert]:
    """The alerts that a message shows: one for each listing, whichever of the server's watches found it."""
    return list({alert.listing.hash: alert for alert in reversed(post.alerts)}.values())[::-1]


def _names(post: Post) -> dict[str, str]:
    names: dict[str, str] = {}
    for alert in post.alerts:
        before = names.get(alert.listing.hash)
        names[alert.listing.hash] = alert.watch_name if before is None else f"{before}”, “{alert.watch_name}"
    return names


def card(
    alert: Alert, watch: str, moment: Moment, money: Money = DOLLARS, *, brief: bool = False
) -> discord.Embed:
    """One alert with what has become of it."""
    notes = [*_claim(alert), *_price(alert, money)]
    listing, prediction = alert.listing, alert.prediction
    if alert.repriced is not None and alert.repriced[1] is not None:
        listing, prediction = alert.repriced[0], alert.repriced[1]
    if alert.ending is None:
        return embeds.alert(
            listing,
            prediction,
            watch,
            moment,
            late=alert.late,
            notes=[*notes, *_found_late(alert)],
            brief=brief,
            money=money,
        )
    over = [_ending(alert, alert.ending, money), *_paper(alert.ending, money), *notes]
    won = (alert.ending.net_usd or 0.0) > 0
    return embeds.ended(listing, prediction, watch, notes=over, won=won, money=money)


def _claim(alert: Alert) -> list[str]:
    # The name as text: a mention in an embed is a number to whom Discord has not shown the person.
    return [] if alert.claim is None else [f"✋ **{fmt.plain('@' + alert.claim.name, 40)}** is on it"]


def _price(alert: Alert, money: Money) -> list[str]:
    before = alert.prediction.ask_usd
    if alert.repriced is None:
        if alert.was_usd is None:
            return _fallen(alert)
        return [f"💸 **Price dropped** – the seller asked {money.amount(alert.was_usd)} before"]
    priced = alert.repriced[1]
    if priced is None:
        return ["🔁 **Listed anew** by the same seller"]
    word = "Price dropped" if priced.ask_usd < before else "Price raised"
    clears = "" if alert.clears else ", and it no longer reaches this watch's thresholds"
    return [f"💸 **{word}** – {money.amount(before)} → **{money.amount(priced.ask_usd)}**{clears}"]


def _fallen(alert: Alert) -> list[str]:
    """Where an auction was seen before its price had come down to what is wanted."""
    listing, waited = alert.listing, alert.created_at - alert.listing.seen_at
    if not listing.is_auction or waited < embeds.LONG:
        return []
    first, age = fmt.tokens(listing.ask(listing.seen_at)), fmt.age(waited.total_seconds())
    return [f"📉 **Its price has fallen this far** – it was {first}, {age} before"]


def _found_late(alert: Alert) -> list[str]:
    """Where the watcher, having been away, came upon it long after it was listed."""
    age = embeds.found_late(alert)
    return [] if age is None else [f"🕓 **Found late** – it had been for sale for {age} when first seen"]


def _ending(alert: Alert, ending: Ending, money: Money) -> str:
    after = fmt.age((ending.at - alert.created_at).total_seconds())
    word = _OVER.get(ending.status, f"⚪ **No longer valid** ({fmt.plain(ending.status, 40)})")
    price = "" if ending.sold_usd is None else f" for **{money.amount(ending.sold_usd)}**"
    return f"{word}{price}, {after} after this alert"


def _paper(ending: Ending, money: Money) -> list[str]:
    if ending.net_usd is None:
        return []
    net = f"On paper **{money.gain(ending.net_usd)}** net"
    if ending.resale_usd is None or ending.resold_at is None:
        return [f"{net}, resold at the forecast"]
    days = fmt.age((ending.resold_at - ending.at).total_seconds())
    return [f"{net}: it was sold again for {money.amount(ending.resale_usd)}, {days} later"]
