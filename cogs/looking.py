"""The page of predictions: its buttons carry all that was asked for, so that they work after a restart."""

from __future__ import annotations

import io
import re
from asyncio import to_thread
from typing import TYPE_CHECKING, Final

import discord
from discord import ui

from bot.client import AxieflipBot
from bot.errors import NotFound
from bot.services.history import MAX_DAYS, TABLE, Page, Wanted
from cogs import choices, embeds, money, tables
from cogs import format as fmt
from cogs.components import answering, chosen
from cogs.embeds import rows
from cogs.format import Moment
from pipeline.market.traits import Collection
from pipeline.market.values import AxieClass

if TYPE_CHECKING:
    from bot.services import Services
    from bot.services.history import Seen
    from cogs.money import Money

Interaction = discord.Interaction[AxieflipBot]
PAGE: Final = 10
_CLASSES: Final = tuple(AxieClass)
_KINDS: Final = tuple(Collection)
_STATE: Final = (
    r"(?P<days>\d{1,2}):(?P<flags>[0-3]):(?P<watch>[0-9a-f]{0,16}):(?P<kind>\d?):(?P<collection>\d?)"
    r":(?P<net>-?\d{0,9})"
)


def state(wanted: Wanted) -> str:
    """What was asked for, short enough for a button; the server is the one where it is pressed."""
    flags = wanted.signals + 2 * wanted.sold
    watch = "" if wanted.watch_id is None else f"{wanted.watch_id:x}"
    kind = "" if wanted.class_ is None else str(_CLASSES.index(wanted.class_))
    collection = "" if wanted.collection is None else str(_KINDS.index(wanted.collection))
    net = "" if wanted.min_net_usd is None else f"{wanted.min_net_usd * 100:.0f}"
    return f"{wanted.days}:{flags}:{watch}:{kind}:{collection}:{net}"


def wanted(found: re.Match[str], guild_id: int) -> Wanted:
    """What a button carries."""
    kind, collection, net = found["kind"], found["collection"], found["net"]
    flags = int(found["flags"])
    return Wanted(
        guild_id,
        days=min(max(int(found["days"]), 1), MAX_DAYS),
        signals=bool(flags & 1),
        sold=bool(flags & 2),
        watch_id=int(found["watch"], 16) if found["watch"] else None,
        class_=_CLASSES[int(kind)] if kind else None,
        collection=_KINDS[int(collection)] if collection and int(collection) < len(_KINDS) else None,
        min_net_usd=int(net) / 100 if net.lstrip("-") else None,
    )


async def page(
    services: Services, asked: Wanted, cursor: str | None = None, *, newer: bool = False
) -> tuple[discord.Embed, ui.View]:
    """A page and its buttons."""
    found = await services.history.page(asked, PAGE, cursor, newer=newer)
    moment, purse = Moment.of(services.clock), await money.of(services, asked.guild_id)
    embed = embeds.lines(
        rows.looked_for(asked, purse),
        [rows.prediction(row, moment, purse) for row in found.rows],
        empty="Nothing like that. Ask for more days, or less else. `/status` tells whether the bot watches.",
        legend=rows.LEGEND,
    )
    return embed, _controls(asked, found, moment, purse)


def _controls(asked: Wanted, found: Page, moment: Moment, purse: Money) -> ui.View:
    view = ui.View(timeout=None)
    if not found.rows:
        return view
    view.add_item(OneInFull([_option(row, moment, purse) for row in found.rows]))
    view.add_item(Turn(asked, "n", found.newer))
    view.add_item(Turn(asked, "o", found.older))
    view.add_item(Table(asked))
    # Its parts are found by their ids. Kept by the client besides, each private answer would hold a task and
    # its view for a quarter of an hour.
    view.stop()
    return view


class Turn(ui.DynamicItem[ui.Button[ui.View]], template=rf"look:{_STATE}:(?P<way>[no]):(?P<at>[0-9a-fx.]*)"):
    """Turns to newer or older predictions."""

    def __init__(self, asked: Wanted, way: str, cursor: str | None) -> None:
        self._asked, self._way, self._cursor = asked, way, cursor
        super().__init__(
            ui.Button(
                label="Newer" if way == "n" else "Older",
                emoji="◀️" if way == "n" else "▶️",
                disabled=cursor is None,
                custom_id=f"look:{state(asked)}:{way}:{cursor or ''}",
                row=1,
            )
        )

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction, item: ui.Item[ui.View], match: re.Match[str], /
    ) -> Turn:
        """The button as it was made, perhaps before a restart."""
        return cls(wanted(match, interaction.guild_id or 0), match["way"], match["at"] or None)

    @answering
    async def callback(self, interaction: Interaction) -> None:
        """Show the page in place of this one."""
        embed, view = await page(
            interaction.client.services, self._asked, self._cursor, newer=self._way == "n"
        )
        await interaction.response.edit_message(embed=embed, view=view)


class Table(ui.DynamicItem[ui.Button[ui.View]], template=rf"looktable:{_STATE}"):
    """Sends what was asked for as a file."""

    def __init__(self, asked: Wanted) -> None:
        self._asked = asked
        super().__init__(ui.Button(label="CSV", emoji="📄", custom_id=f"looktable:{state(asked)}", row=1))

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction, item: ui.Item[ui.View], match: re.Match[str], /
    ) -> Table:
        """The button as it was made."""
        return cls(wanted(match, interaction.guild_id or 0))

    @answering
    async def callback(self, interaction: Interaction) -> None:
        """Answer the asker alone with all rows, as far as a table goes."""
        await interaction.response.defer(thinking=True, ephemeral=True)
        services = interaction.client.services
        found = await services.history.table(self._asked)
        text = await to_thread(tables.csv, TABLE, found)
        file = discord.File(io.BytesIO(text), f"predictions-{services.clock.now():%Y-%m-%d}.csv")
        await interaction.followup.send(f"{len(found):,} predictions, the newest first.", file=file)


class OneInFull(ui.DynamicItem[ui.Select[ui.View]], template="lookone"):
    """Shows one of the page's predictions in full."""

    def __init__(self, options: list[discord.SelectOption] | None = None) -> None:
        options = options or [discord.SelectOption(label="–")]
        super().__init__(
            ui.Select(custom_id="lookone", placeholder="Show one in full", options=options, row=0)
        )

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction, item: ui.Item[ui.View], match: re.Match[str], /
    ) -> OneInFull:
        """The menu; what was chosen comes with the interaction."""
        return cls()

    @answering
    async def callback(self, interaction: Interaction) -> None:
        """Answer the asker alone."""
        services = interaction.client.services
        found = await services.history.one(choices.guild(interaction), chosen(interaction))
        if found is None:
            raise NotFound("That prediction is no longer stored: ask for the predictions anew.")
        purse = await money.of(services, choices.guild(interaction))
        embed = rows.in_full(found, Moment.of(services.clock), purse)
        await interaction.response.send_message(
            embed=embed, view=embeds.marketplace_button(found.listing.axie.id), ephemeral=True
        )


def _option(row: Seen, moment: Moment, purse: Money) -> discord.SelectOption:
    axie, priced = row.listing.axie, row.prediction
    prices = f"{purse.amount(priced.ask_usd)} → {purse.amount(priced.forecast.resale_usd)}"
    told = f"{purse.gain(priced.net_usd)}, {fmt.ago(moment, priced.forecast.at)}{rows.ending(row)}"
    return discord.SelectOption(
        label=f"#{axie.id} {axie.class_}: {prices}"[:100],
        value=row.listing.hash,
        description=told[:100],
        emoji="🔔" if row.signalled else None,
    )


ITEMS: Final = (Turn, Table, OneInFull)
