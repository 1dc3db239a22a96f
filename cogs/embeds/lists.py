"""A message of many alerts: a numbered line for each, the best first, and menus to choose one from.

Discord shows five rows of buttons and 4,096 characters of text, but a hundred options in four menus: as many
as a page of the marketplace can bring. What no longer fits into the text is still in the menus.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import discord

from bot.services.dispatch import MOST_IN_POST
from cogs import embeds
from cogs import format as fmt
from pipeline.market.values import OrderStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bot.services.alerts import Alert, Post
    from cogs.format import Moment
    from cogs.money import Money
    from pipeline.signal import Prediction

ROOM: Final = 3900  # characters of lines
IN_MENU: Final = 25


def embed(post: Post, alerts: Sequence[Alert], moment: Moment, money: Money) -> discord.Embed:
    """The lines of a post's alerts."""
    found = ordered(alerts)
    count = "1 signal" if len(found) == 1 else f"{len(found)} signals"
    late = next((alert.late for alert in found if alert.late), None)
    lead = [f"🕓 **Late** – {late}"] if late and not post.digest else []
    made = discord.Embed(
        title=f"{count} held back" if post.digest else count,
        url=fmt.MARKETPLACE,
        colour=embeds.QUIET if lead or all(alert.ending for alert in found) else embeds.GOOD,
        description="\n".join([*lead, *_rows(found, money)]),
    )
    names = list(dict.fromkeys(alert.watch_name for alert in post.alerts))
    watches = ", ".join(f"“{fmt.bare(name, 50)}”" for name in names[:5])
    since = f" · the first {fmt.ago(moment, min(a.created_at for a in found))}" if post.digest else ""
    return made.set_footer(
        text=f"Watch{'es' * (len(names) > 1)} {watches}{'…' * (len(names) > 5)}{since} · the best at the top"
    )


def ordered(alerts: Sequence[Alert]) -> list[Alert]:
    """The alerts by what was promised of them, which later prices do not change."""
    return sorted(alerts, key=lambda alert: (-alert.prediction.net_usd, alert.id))


def menus(alerts: Sequence[Alert], money: Money) -> list[list[discord.SelectOption]]:
    """The options of each menu, in the order of the lines."""
    found = ordered(alerts)[:MOST_IN_POST]
    options = [_option(number, alert, money) for number, alert in enumerate(found, start=1)]
    return [options[begin : begin + IN_MENU] for begin in range(0, len(options), IN_MENU)]


def _option(number: int, alert: Alert, money: Money) -> discord.SelectOption:
    axie, prediction = alert.listing.axie, newest(alert)
    facts = [f"{money.amount(prediction.ask_usd)} → {money.amount(prediction.forecast.resale_usd)}"]
    facts.append(f"{fmt.chance(prediction.probability)} likely")
    if alert.claim is not None:
        facts.append(f"{fmt.bare(alert.claim.name, 30)} is on it")
    return discord.SelectOption(
        label=f"{number} · #{axie.id} {axie.class_} · {money.gain(prediction.net_usd)}",
        value=str(alert.id),
        description=fmt.shorten(" · ".join(facts), 100),
        emoji=_mark(alert),
    )


def _mark(alert: Alert) -> str | None:
    if alert.ending is not None:
        return "✅" if alert.ending.status is OrderStatus.MATCHED else "⚪"
    return None if alert.claim is None else "✋"


def _rows(alerts: Sequence[Alert], money: Money) -> list[str]:
    """A line for each, with links where there is room for them, and as many as there is room for."""
    for write in (_linked, _bare):
        rows = [_line(number, alert, write, money) for number, alert in enumerate(alerts, start=1)]
        if sum(map(len, rows)) + len(rows) <= ROOM:
            return rows
    kept = embeds.fit(rows, ROOM).removesuffix("\n…").split("\n")
    place = "in the menus below" if len(rows) <= MOST_IN_POST else "in `/predictions recent`"
    return [*kept, f"… and {len(rows) - len(kept)} more {place}"]


def _line(number: int, alert: Alert, write: Callable[[int], str], money: Money) -> str:
    axie, prediction = alert.listing.axie, newest(alert)
    text = (
        f"{write(axie.id)} {axie.class_} · {money.amount(prediction.ask_usd)} → "
        f"{money.amount(prediction.forecast.resale_usd)} · **{money.gain(prediction.net_usd)}** · "
        f"{fmt.chance(prediction.probability)}"
    )
    if alert.ending is not None:
        word = "sold" if alert.ending.status is OrderStatus.MATCHED else "gone"
        return f"`{number:>2}` ~~{text}~~ {word}"
    claim = "" if alert.claim is None else f" · ✋ {fmt.plain(alert.claim.name, 20)}"
    found = embeds.found_late(alert)
    late = "" if found is None else f" · 🕓 found after {found}"
    return f"`{number:>2}` {text}{late}{claim}"


def _linked(axie_id: int) -> str:
    return f"[#{axie_id}]({fmt.page(axie_id)})"


def _bare(axie_id: int) -> str:
    return f"#{axie_id}"


def newest(alert: Alert) -> Prediction:
    """What is thought of it at the seller's newest price, where that could be told."""
    repriced = None if alert.repriced is None else alert.repriced[1]
    return repriced or alert.prediction
