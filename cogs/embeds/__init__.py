"""How axies, their predictions and the alerts about them look in Discord.

Values in, embeds out: nothing here asks the market, the model or the database. Every piece of market
text goes through `format.plain`, and every part of an embed stays within Discord's limits.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import discord

from cogs import format as fmt
from cogs.money import DOLLARS
from pipeline.market.traits import collection, special_kind
from pipeline.market.values import Price

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bot.services.alerts import Alert
    from cogs.format import Moment
    from cogs.money import Money
    from pipeline.market.values import Axie, Listing, Part
    from pipeline.signal import Comparable, Forecast, Prediction

STRONG: Final = discord.Colour(0x23A55A)
GOOD: Final = discord.Colour(0x3BA9EE)
CAREFUL: Final = discord.Colour(0xF0A232)
QUIET: Final = discord.Colour(0x80848E)
WON: Final = discord.Colour(0x1B6B3E)
COMPARABLES: Final = 3
# Of market time. The watcher asks at least every quarter of a minute and looks a minute back.
LONG: Final = timedelta(minutes=5)


def alert(
    listing: Listing,
    prediction: Prediction,
    watch_name: str,
    moment: Moment,
    *,
    late: str | None = None,
    notes: Sequence[str] = (),
    brief: bool = False,
    money: Money = DOLLARS,
) -> discord.Embed:
    """A buy signal. `late` says why it comes later than it should, and marks it so.

    `notes` are lines on what has happened to it; a `brief` one, which shares its message with others, says
    its sum in two lines and leaves the background to be asked for.
    """
    embed = _axie(listing.axie, _colour(prediction, late))
    marks = [f"🕓 **Late** – {late}"] if late else []
    lines = [*notes, *marks, *_notes(listing, prediction, moment)]
    costs = f"{prediction.fee:.2%} fee, {money.cost(prediction.gas_usd)} gas"
    source = f"{_source(watch_name, prediction.forecast)} · net of {costs}"
    if brief:
        embed.description = "\n".join([*lines, _prices(prediction, money), _promise(prediction, money)])
        source = f"Watch “{fmt.bare(watch_name, 110)}” · listed {fmt.ago(moment, listing.started_at)}"
    else:
        embed.description = "\n".join(lines) or None
        _add_sums(embed, listing, prediction, moment, money)
        _add_background(embed, listing.axie, prediction.forecast, moment, money)
    return embed.set_footer(text=source)


def found_late(alert: Alert) -> str | None:
    """How long it had been for sale when it was first seen, where that was long and the order still stands.

    None of an auction that waited to be told of until its price had fallen.
    """
    listing = alert.listing
    age, waited = listing.seen_at - listing.started_at, alert.created_at - listing.seen_at
    if alert.repriced is not None or age < LONG or (listing.is_auction and waited >= LONG):
        return None
    return fmt.age(age.total_seconds())


def ended(
    listing: Listing,
    prediction: Prediction,
    watch_name: str,
    *,
    notes: Sequence[str],
    won: bool = False,
    money: Money = DOLLARS,
) -> discord.Embed:
    """A signal that is over: `notes` tell how it ended, beside what it had promised."""
    embed = _axie(listing.axie, WON if won else QUIET)
    promised = f"Promised: {_prices(prediction, money)}, {_promise(prediction, money)}"
    embed.description = "\n".join([*notes, promised])
    return embed.set_footer(text=_source(watch_name, prediction.forecast))


def predicted(axie: Axie, forecast: Forecast, moment: Moment, money: Money = DOLLARS) -> discord.Embed:
    """What the model thinks of an axie that is not for sale."""
    embed = _axie(axie, QUIET)
    embed.description = "Not for sale at the moment."
    embed.add_field(name="Resale", value="\n".join(_resale(forecast, money)))
    _add_background(embed, axie, forecast, moment, money)
    return embed.set_footer(text=_model(forecast))


def predicted_listing(
    listing: Listing, prediction: Prediction, moment: Moment, money: Money = DOLLARS
) -> discord.Embed:
    """What the model thinks of an axie that is for sale, at its ask."""
    embed = _axie(listing.axie, _colour(prediction, None))
    embed.description = "\n".join(_notes(listing, prediction, moment)) or None
    _add_sums(embed, listing, prediction, moment, money)
    _add_background(embed, listing.axie, prediction.forecast, moment, money)
    return embed.set_footer(text=_model(prediction.forecast))


def marketplace_button(axie_id: int) -> discord.ui.View:
    """A button that opens the axie's page; a link needs no callback and never expires."""
    view = discord.ui.View(timeout=None)
    view.add_item(discord.ui.Button(label="Open on the marketplace", url=fmt.page(axie_id)))
    return view


def note(text: str, colour: discord.Colour = QUIET) -> discord.Embed:
    """A sentence or two in a plain frame."""
    return discord.Embed(description=fmt.shorten(text, 4000), colour=colour)


def lines(title: str, rows: Sequence[str], *, empty: str, legend: str | None = None) -> discord.Embed:
    """A list of one-line rows, cut where Discord's limit is reached and saying how many are left out."""
    shown: list[str] = []
    for row in rows:
        if sum(map(len, shown)) + len(shown) + len(row) > 3900:
            shown.append(f"… and {len(rows) - len(shown)} more.")
            break
        shown.append(row)
    embed = discord.Embed(title=title, description="\n".join(shown) or empty, colour=QUIET)
    return embed.set_footer(text=legend) if shown and legend else embed


def fit(rows: Iterable[str], limit: int = 1000) -> str:
    """Rows for one field of an embed, cut with an ellipsis where its limit is reached."""
    kept: list[str] = []
    for row in rows:
        if sum(map(len, kept)) + len(kept) + len(row) > limit:
            return "\n".join([*kept, "…"])
        kept.append(row)
    return "\n".join(kept)


def _axie(axie: Axie, colour: discord.Colour) -> discord.Embed:
    breeds = (
        "no breeds" if axie.breed_count == 0 else f"{axie.breed_count} breed{'s' * (axie.breed_count > 1)}"
    )
    title = f"Axie #{axie.id} · {axie.class_} · {breeds}"
    if kind := collection(axie):
        title += f" · {fmt.collection_name(kind)}"
    embed = discord.Embed(title=title, url=fmt.page(axie.id), colour=colour)
    return embed.set_thumbnail(url=fmt.picture(axie))


def _colour(prediction: Prediction, late: str | None) -> discord.Colour:
    if prediction.net_usd <= 0 or late:
        return QUIET
    if prediction.cautions:
        return CAREFUL
    return STRONG if prediction.probability >= 0.9 and prediction.return_ >= 0.3 else GOOD


def _model(forecast: Forecast) -> str:
    return f"model {fmt.bare(forecast.model_version, 50)}"


def _notes(listing: Listing, prediction: Prediction, moment: Moment) -> list[str]:
    notes = [f"⚠️ {fmt.plain(caution, 200)}" for caution in prediction.cautions[:4]]
    if listing.ended_at is None or not listing.is_auction:
        return notes
    if moment.now >= listing.ended_at:
        return [*notes, "🔨 Auction: the price no longer moves."]
    course = "📉 Auction: falling to" if listing.ended < listing.base else "📈 Auction: rising to"
    final = fmt.tokens(Price(listing.ended, listing.token))
    return [*notes, f"{course} **{final}** {fmt.when(moment, listing.ended_at)}."]


def _source(watch_name: str, forecast: Forecast) -> str:
    return f"Watch “{fmt.bare(watch_name, 110)}” · {_model(forecast)}"


def _prices(prediction: Prediction, money: Money) -> str:
    middle, interval = _resale(prediction.forecast, money)
    return f"**{money.amount(prediction.ask_usd)}** → {middle} ({interval})"


def _promise(prediction: Prediction, money: Money) -> str:
    return (
        f"**{money.gain(prediction.net_usd)}** net · {fmt.percent(prediction.return_, signed=True)} return · "
        f"{fmt.chance(prediction.probability)} likely"
    )


def _add_sums(
    embed: discord.Embed, listing: Listing, prediction: Prediction, moment: Moment, money: Money
) -> None:
    forecast = prediction.forecast
    ask = (
        f"**{money.amount(prediction.ask_usd)}**",
        fmt.tokens(listing.ask(forecast.at)),
        fmt.ago(moment, listing.started_at),
    )
    # Lines that fit a third of the frame beside the picture: what wraps sets the three at odds.
    resale = (f"**{money.amount(forecast.resale_usd)}**", _interval(forecast, money), "90% interval")
    profit = [
        f"**{money.gain(prediction.net_usd)}**",
        f"{fmt.percent(prediction.return_, signed=True)} return",
        f"{fmt.chance(prediction.probability)} likely",
    ]
    if prediction.sell_chance is not None:
        profit.append(f"{fmt.chance(prediction.sell_chance)} sold in a day")
    embed.add_field(name="Ask", value="\n".join(ask))
    embed.add_field(name="Resale", value="\n".join(resale))
    embed.add_field(name="Net profit", value="\n".join(profit))


def _resale(forecast: Forecast, money: Money) -> tuple[str, str]:
    return f"**{money.amount(forecast.resale_usd)}**", f"90%: {_interval(forecast, money)}"


def _interval(forecast: Forecast, money: Money) -> str:
    return f"{money.rough(forecast.low_usd)}–{money.rough(forecast.high_usd)}"


def _add_background(
    embed: discord.Embed, axie: Axie, forecast: Forecast, moment: Moment, money: Money
) -> None:
    rows = [comparable(sale, moment, money) for sale in forecast.comparables[:COMPARABLES]]
    embed.add_field(
        name="Comparable sales", value="\n".join(rows) or "None close enough to show.", inline=False
    )
    embed.add_field(name="Traits", value=f"{_parts(axie)}\n{_condition(axie)}", inline=False)


def comparable(sale: Comparable, moment: Moment, money: Money = DOLLARS) -> str:
    """A past sale in a line: price, age, and what its axie has in common, with a link to it."""
    link = f"[{fmt.plain(sale.likeness, 60)}]({fmt.page(sale.axie_id)})"
    return f"**{money.amount(sale.price_usd)}** · {fmt.ago(moment, sale.sold_at)} · {link}"


def _parts(axie: Axie) -> str:
    return " · ".join(_part(part) for part in axie.parts)


def _part(part: Part) -> str:
    name = fmt.part_name(part.id)
    kind = special_kind(part.special)
    return f"**{name}** ({kind})" if kind else name


def _condition(axie: Axie) -> str:
    facts = [f"{axie.pure_parts}/6 pure"]
    if axie.purity is not None:
        facts.append(f"purity {axie.purity}")
    if axie.level is not None:
        facts.append(f"level {axie.level}")
    if axie.title:
        facts.append(fmt.plain(axie.title, 40))
    told = " · ".join(facts)
    if (stats := axie.stats) is None:
        return told
    return f"{told}\nhp {stats.hp} · speed {stats.speed} · skill {stats.skill} · morale {stats.morale}"
