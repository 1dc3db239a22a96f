"""How a post looks: its alerts as embeds with what has become of each, and a row of buttons for each.

Whatever happens to an alert, its message is drawn anew from the stored post, so that a message that was
edited and one that is sent now never differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import discord

from cogs import embeds
from cogs import format as fmt
from pipeline.market.values import OrderStatus

if TYPE_CHECKING:
    from bot.services.posts import Alert, Ending, Post
    from cogs.format import Moment

IN_DIGEST: Final = 20  # lines
_OVER: Final = {
    OrderStatus.MATCHED: "✅ **Sold**",
    OrderStatus.CANCELLED: "⚪ **Cancelled** by the seller",
    OrderStatus.EXPIRED: "⚪ **Expired**",
}


def message(post: Post, moment: Moment) -> list[discord.Embed]:
    """The embeds of a post's message."""
    if post.digest:
        return [_digest(post, moment)]
    brief = len(post.alerts) > 1
    return [_alert(alert, moment, brief) for alert in post.alerts]


def _alert(alert: Alert, moment: Moment, brief: bool) -> discord.Embed:
    notes = [*_claim(alert), *_price(alert)]
    listing, prediction = alert.listing, alert.prediction
    if alert.repriced is not None and alert.repriced[1] is not None:
        listing, prediction = alert.repriced[0], alert.repriced[1]
    if alert.ending is None:
        return embeds.alert(
            listing, prediction, alert.watch_name, moment, late=alert.late, notes=notes, brief=brief
        )
    over = [_ending(alert, alert.ending), *_paper(alert.ending), *notes]
    embed = embeds.ended(listing, prediction, alert.watch_name, moment, notes=over)
    if (alert.ending.net_usd or 0.0) > 0:
        embed.colour = embeds.WON
    return embed


def _claim(alert: Alert) -> list[str]:
    return [] if alert.claim is None else [f"✋ <@{alert.claim.user_id}> is on it"]


def _price(alert: Alert) -> list[str]:
    before = alert.prediction.ask_usd
    if alert.repriced is None:
        if alert.was_usd is None:
            return []
        return [f"💸 **Price dropped** – the seller asked {fmt.usd(alert.was_usd)} before"]
    priced = alert.repriced[1]
    if priced is None:
        return ["🔁 **Listed anew** by the same seller"]
    word = "Price dropped" if priced.ask_usd < before else "Price raised"
    clears = "" if alert.clears else ", and it no longer reaches this watch's thresholds"
    return [f"💸 **{word}** – {fmt.usd(before)} → **{fmt.usd(priced.ask_usd)}**{clears}"]


def _ending(alert: Alert, ending: Ending) -> str:
    after = fmt.age((ending.at - alert.created_at).total_seconds())
    word = _OVER.get(ending.status, f"⚪ **No longer valid** ({fmt.plain(ending.status, 40)})")
    price = "" if ending.sold_usd is None else f" for **{fmt.usd(ending.sold_usd)}**"
    return f"{word}{price}, {after} after this alert"


def _paper(ending: Ending) -> list[str]:
    if ending.net_usd is None:
        return []
    net = f"On paper **{fmt.gain(ending.net_usd)}** net"
    if ending.resale_usd is None or ending.resold_at is None:
        return [f"{net}, resold at the forecast"]
    days = fmt.age((ending.resold_at - ending.at).total_seconds())
    return [f"{net}: it was sold again for {fmt.usd(ending.resale_usd)}, {days} later"]


def _digest(post: Post, moment: Moment) -> discord.Embed:
    alerts = post.alerts
    rows = [_line(alert) for alert in alerts[:IN_DIGEST]]
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


def _line(alert: Alert) -> str:
    axie, prediction = alert.listing.axie, alert.prediction
    if alert.repriced is not None and alert.repriced[1] is not None:
        prediction = alert.repriced[1]
    text = (
        f"[#{axie.id}]({fmt.page(axie.id)}) {axie.class_} · {fmt.usd(prediction.ask_usd)} → "
        f"{fmt.usd(prediction.forecast.resale_usd)} · **{fmt.gain(prediction.net_usd)}** · "
        f"{fmt.chance(prediction.probability)}"
    )
    if alert.ending is None:
        return text
    return f"~~{text}~~ {'sold' if alert.ending.status is OrderStatus.MATCHED else 'gone'}"
