"""How the market and one axie's page look: floors, volume and level; genes, history and what it is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import discord

from bot.services.parts import gene_key
from cogs import embeds
from cogs import format as fmt
from cogs.embeds import GOOD, QUIET, fit, rows
from pipeline.market.errors import GeneError
from pipeline.market.genes import BodySkin, Tag, decode
from pipeline.market.groups import ALL, of_class, of_collection
from pipeline.market.traits import Collection
from pipeline.market.values import AxieClass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.services.axies import AxiePage
    from bot.services.trends import Floor, MarketView, Traded
    from cogs.format import Moment
    from cogs.money import Money
    from pipeline.market.genes import Gene
    from pipeline.market.values import Axie, Slot

_TAGS: Final[Mapping[int, str]] = {Tag.ORIGIN: "Origin", Tag.MEO: "MEO Corp", Tag.MEO_II: "MEO Corp II"}
_BODIES: Final[Mapping[int, str]] = {
    BodySkin.FROSTY: "frosty body",
    BodySkin.SUMMER: "summer body",
    BodySkin.NIGHTMARE: "nightmare body",
}


def market(found: MarketView, moment: Moment, money: Money) -> discord.Embed:
    """Floors with the last day's sales, by class and collection."""
    floors, day = found.floors, found.day
    embed = discord.Embed(title="The market", colour=GOOD)
    whole = floors.get(ALL)
    if whole is None and not day.sales:
        embed.colour = QUIET
        embed.description = "Nothing is known yet. Floors and sales appear within minutes of the bot's start."
        return embed
    facts = [f"**{day.sales:,}** sales for **{money.amount(day.usd)}** in the last 24 hours"]
    if whole is not None:
        listed = "" if whole.listed is None else f" · **{whole.listed:,}** for sale"
        facts.append(f"floor **{_amount(whole.floor_usd, money)}**{listed}")
        if whole.level_usd is not None:
            facts.append(
                f"level **{money.amount(whole.level_usd)}**: what prices move with, as the model follows it"
            )
        embed.set_footer(text=f"floors read {fmt.ago(moment, whole.at)}")
    embed.description = "\n".join(facts)
    classes = [
        _group(each, floors.get(of_class(each)), found.by_class.get(each), money) for each in AxieClass
    ]
    kinds = [
        _group(
            fmt.collection_name(each),
            floors.get(of_collection(each)),
            found.by_collection.get(each),
            money,
        )
        for each in Collection
    ]
    embed.add_field(name="Floor by class · sold", value=fit(classes))
    embed.add_field(name="Floor by collection · sold", value=fit(kinds))
    return embed


def axie(page: AxiePage, moment: Moment, money: Money) -> list[discord.Embed]:
    """An axie's page: what it is worth, with its picture, then its genes, then its history."""
    detail = page.detail
    if detail.listing is not None and page.prediction is not None:
        worth = embeds.predicted_listing(detail.listing, page.prediction, moment, money)
    else:
        worth = embeds.predicted(detail.axie, page.forecast, moment, money)
    worth.set_image(url=fmt.picture(detail.axie)).set_thumbnail(url=None)
    found = [worth, _genes(detail.axie, page.of_genes), _past(page, moment, money)]
    return [embed for embed in found if embed is not None]


def _genes(axie: Axie, of_genes: Mapping[str, str]) -> discord.Embed | None:
    """What the genes say: each part's dominant and recessive genes, by the name of what they show as."""
    try:
        found = decode(axie.genes) if axie.genes else None
    except GeneError:
        found = None
    if found is None:
        return None
    embed = discord.Embed(title="Genes", colour=QUIET)
    marks = [_TAGS.get(found.tag), _BODIES.get(found.body_skin)]
    purity = f"purity {axie.purity}" if axie.purity is not None else None
    embed.description = " · ".join(filter(None, [found.class_, *marks, purity]))
    names = {part.slot: fmt.part_name(part.id) for part in axie.parts}
    for part in found.parts:
        dominant = names.get(part.slot) or _gene(part.slot, part.dominant, of_genes)
        marked = ", ".join(filter(None, [part.special, "evolved" if part.stage > 1 else None]))
        lines = [
            f"**{dominant}**{f' ({marked})' if marked else ''}",
            _gene(part.slot, part.first, of_genes),
            _gene(part.slot, part.second, of_genes),
        ]
        embed.add_field(name=part.slot.title(), value="\n".join(lines))
    return embed.set_footer(text="Each part: what shows, then the two recessive genes")


def _past(page: AxiePage, moment: Moment, money: Money) -> discord.Embed | None:
    """What an axie was sold for, and how it was listed and priced before."""
    if not page.sales and not page.seen:
        return None
    embed = discord.Embed(title="History", colour=QUIET)
    if page.sales:
        lines = [f"**{money.amount(sale.price_usd)}** {fmt.ago(moment, sale.at)}" for sale in page.sales]
        embed.add_field(name="Sold", value=embeds.fit(lines, 500), inline=False)
    if page.seen:
        lines = [rows.again(row, moment, money) for row in page.seen]
        embed.add_field(name="Listed, and what was predicted", value=embeds.fit(lines), inline=False)
    return embed


def _gene(slot: Slot, gene: Gene, of_genes: Mapping[str, str]) -> str:
    known = of_genes.get(gene_key(slot, gene))
    name = fmt.part_name(known) if known else f"no. {gene.value}"
    return f"{name} · {gene.class_}"


def _group(name: str, floor: Floor | None, traded: Traded | None, money: Money) -> str:
    at = "–" if floor is None else _amount(floor.floor_usd, money)
    sold = f" · {traded.sales:,}" if traded else ""
    return f"{name} **{at}**{sold}"


def _amount(usd: float | None, money: Money) -> str:
    return "–" if usd is None else money.amount(usd)
