"""How a post looks: its alerts as embeds with what has become of each, and a row of buttons for each.

Whatever happens to an alert, its message is drawn anew from the stored post, so that a message that was
edited and one that is sent now never differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import discord

from cogs import embeds
from cogs import format as fmt
from cogs.money import DOLLARS
from pipeline.market.values import OrderStatus

if TYPE_CHECKING:
    from bot.services.posts import Alert, Ending, Post
    from cogs.format import Moment
    from cogs.money import Money

IN_DIGEST: Final = 20  # lines
_OVER: Final = {
    OrderStatus.MATCHED: "✅ **Sold**",
    OrderStatus.CANCELLED: "⚪ **Cancelled** by the seller",
    OrderStatus.EXPIRED: "⚪ **Expired**",
}


def message(post: Post, moment: Moment, money: Money = DOLLARS) -> list[discord.Embed]:
    """The embeds of a post's message."""
    if post.digest:
        return [_digest(post, moment, money)]
    found = shown(post)
    names = _names(post)
    return [_alert(each, names[each.listing.hash], moment, money, len(found) > 1) for each in found]


def shown(post: Post) -> list[Alert]:
    """The alerts that a message shows: one for each listing, whichever of the server's watches found it."""
    return list({alert.listing.hash: alert for alert in reversed(post.alerts)}.values())[::-1]


def _names(post: Post) -> dict[str, str]:
    names: dict[str, str] = {}
    for alert in post.alerts:
        before = names.get(alert.listing.hash)
        names[alert.listing.hash] = alert.watch_name if before is None else f"{before}”, “{alert.watch_name}"
    return names


def _alert(alert: Alert, watch: str, moment: Moment, money: Money, brief: bool) -> discord.Embed:
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
            notes=notes,
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
            return []
        return [f"💸 **Price dropped** – the seller asked {money.amount(alert.was_usd)} before"]
    priced = alert.repriced[1]
    if priced is None:
        return ["🔁 **Listed anew** by the same seller"]
    word = "Price dropped" if priced.ask_usd < before else "Price raised"
    clears = "" if alert.clears else ", and it no longer reaches this watch's thresholds"
    return [f"💸 **{word}** – {money.amount(before)} → **{money.amount(priced.ask_usd)}**{clears}"]


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


def _digest(post: Post, moment: Moment, money: Money) -> discord.Embed:
    alerts = post.alerts
    rows = [_line(alert, money) for alert in alerts[:IN_DIGEST]]
    if len(alerts) > IN_DIGEST:
        rows.append(f"… and {len(alerts) - IN_DIGEST} more; `/predictions` shows them all")
    embed = discord.Embed(title=f"{len(alerts)} signals held back", colour=embeds.GOOD)
    if len(alerts) == 1:
        embed.title = "1 signal held back"
    embed.url = fmt.MARKETPLACE
    embed.description = embeds.fit(rows, 4000)
    since = fmt.ago(moment, min(alert.created_at for alert in alerts))
    return embed.set_footer(
        text=f"Watch “{fmt.bare(alerts[0].watch_name, 50)}” · the first {since}, oldest at the top"
    )


def _line(alert: Alert, money: Money) -> str:
    axie, prediction = alert.listing.axie, alert.prediction
    if alert.repriced is not None and alert.repriced[1] is not None:
        prediction = alert.repriced[1]
    text = (
        f"[#{axie.id}]({fmt.page(axie.id)}) {axie.class_} · {money.amount(prediction.ask_usd)} → "
        f"{money.amount(prediction.forecast.resale_usd)} · **{money.gain(prediction.net_usd)}** · "
        f"{fmt.chance(prediction.probability)}"
    )
    if alert.ending is None:
        return text
    return f"~~{text}~~ {'sold' if alert.ending.status is OrderStatus.MATCHED else 'gone'}"
