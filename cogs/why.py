"""The answer to Why, for the asker alone: what makes the price of an alert's axie, and which sales say so."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

import discord
import structlog

from bot.errors import NoChampion, NotFound
from cogs import charts, embeds
from cogs import format as fmt
from cogs import money as currency
from cogs.embeds import lists

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.services import Services
    from bot.services.alerts import Alert
    from cogs.format import Moment
    from cogs.money import Money
    from pipeline.signal import Comparable, Forecast, Prediction

log = structlog.get_logger(__name__)
STEPS: Final = 8  # bars of a waterfall; what is smaller is one bar
COMPARABLES: Final = 8
UNDRAWN: Final = "The pictures could not be drawn just now; ask again in a minute."


async def answer(services: Services, alert: Alert) -> tuple[list[discord.Embed], list[discord.File]]:
    """The embeds and the pictures in them."""
    prediction = lists.newest(alert)
    forecast = prediction.forecast
    moment, money = fmt.Moment.of(services.clock), await currency.of(services, alert.guild_id)
    sales = _sales(services, alert)
    sums = _sum(prediction, await _least(services, alert), money)
    shown, files = [_reasons(prediction, sums, moment, money)], []
    try:
        if forecast.contributions:
            steps = steps_of(forecast)
            picture = await services.workers.run(
                charts.waterfall, steps, ("Resale", forecast.resale_usd), prediction.ask_usd
            )
            files.append(_file(picture, "waterfall.png"))
            shown[0].set_image(url="attachment://waterfall.png")
        resale = (forecast.low_usd, forecast.resale_usd, forecast.high_usd)
        picture = await services.workers.run(
            charts.history, points(sales, forecast), prediction.ask_usd, resale, moment.now
        )
        files.append(_file(picture, "history.png"))
        shown.append(discord.Embed(colour=shown[0].colour).set_image(url="attachment://history.png"))
    except Exception:
        log.exception("a picture could not be drawn", alert=alert.id)
        shown[0].set_footer(text=UNDRAWN)
        shown[0].set_image(url=None)
        return shown[:1], []
    return shown, files


def _sales(services: Services, alert: Alert) -> Sequence[Comparable]:
    try:
        return services.predictor.history(alert.listing.axie)
    except NoChampion:
        return ()


def points(sales: Sequence[Comparable], forecast: Forecast) -> list[charts.Point]:
    """The sales of a plot, each once, those that the forecast leans on marked."""
    chosen = {(sale.axie_id, sale.sold_at): sale for sale in forecast.comparables}
    every = {(sale.axie_id, sale.sold_at): sale for sale in sales} | chosen
    return [
        charts.Point(sale.sold_at, sale.price_usd, key in chosen)
        for key, sale in sorted(every.items(), key=lambda item: item[1].sold_at)
    ]


def steps_of(forecast: Forecast) -> list[tuple[str, float]]:
    """The bars of a waterfall: the first as it comes, then the larger ones, and what is left as one."""
    first, *rest = [(part.name, part.usd) for part in forecast.contributions]
    if len(rest) < STEPS:
        return [first, *rest]
    large = sorted(rest, key=lambda step: abs(step[1]), reverse=True)[: STEPS - 2]
    small = [step for step in rest if step not in large]
    return [first, *(step for step in rest if step in large), ("the rest", sum(usd for _, usd in small))]


async def _least(services: Services, alert: Alert) -> float:
    """The least net profit that the alert's watch asks for; 0 where there is no such watch any more."""
    if alert.watch_id is None:
        return 0.0
    try:
        watch = await services.watches.by_id(alert.guild_id, alert.watch_id)
    except NotFound:
        return 0.0
    return watch.thresholds.min_net_usd


def _reasons(prediction: Prediction, sums: list[str], moment: Moment, money: Money) -> discord.Embed:
    forecast = prediction.forecast
    embed = discord.Embed(
        title=f"Why axie #{forecast.axie_id}", url=fmt.page(forecast.axie_id), colour=embeds.GOOD
    )
    embed.description = "\n".join(sums)
    if not forecast.contributions:
        embed.description += "\nThe model of that moment did not tell what its forecast is made of."
    rows = [embeds.comparable(sale, moment, money) for sale in forecast.comparables[:COMPARABLES]]
    embed.add_field(
        name="Comparable sales", value=embeds.fit(rows) or "None close enough to show.", inline=False
    )
    predicted = f"predicted {fmt.ago(moment, forecast.at)}"
    return embed.set_footer(text=f"Model {fmt.bare(forecast.model_version, 60)} · {predicted}")


def _sum(prediction: Prediction, least_usd: float, money: Money) -> list[str]:
    forecast = prediction.forecast
    interval = f"{money.rough(forecast.low_usd)}–{money.rough(forecast.high_usd)}"
    lines = [
        f"Resale **{money.amount(forecast.resale_usd)}** − {money.amount(prediction.fee_usd)} fee "
        f"− {money.amount(prediction.ask_usd)} ask − {money.cost(prediction.gas_usd)} gas "
        f"= **{money.gain(prediction.middle_net_usd)}**",
        f"Over all it may fetch (90%: {interval}): **{money.gain(prediction.net_usd)}** expected, "
        f"**{fmt.chance(prediction.probability)}** likely to pay",
    ]
    if (more := _chance_of(least_usd, prediction)) is not None:
        lines.append(
            f"**{more}** likely to net more than {money.amount(least_usd)}, which its watch asks for"
        )
    if prediction.sell_chance is None:
        lines.append("Chance of a sale: unknown, too few outcomes yet")
    else:
        hours = prediction.sell_hours
        half = "" if hours is None else f"; half of such sell within {fmt.age(hours * 3600)}"
        lines.append(f"**{fmt.chance(prediction.sell_chance)}** to sell within a day at that price{half}")
    return lines + [f"⚠️ {fmt.plain(caution, 120)}" for caution in prediction.cautions[:5]]


def _chance_of(least_usd: float, prediction: Prediction) -> str | None:
    """The chance to net more than that; None where it says no more than the chance to net anything."""
    chance = prediction.chance(least_usd)
    if chance is None or least_usd <= 0:
        return None
    # The one is read between stored quantiles and the other was reckoned from all of the distribution.
    told = fmt.chance(min(chance, prediction.probability))
    return None if told == fmt.chance(prediction.probability) else told


def _file(picture: bytes, name: str) -> discord.File:
    return discord.File(io.BytesIO(picture), name)
