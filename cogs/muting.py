"""Muting from an alert: what of it, and for how long, in one menu; and taking it back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import discord
from discord import SelectOption
from discord.ui import Button, DynamicItem, Select, View

from bot.client import AxieflipBot
from bot.errors import NotFound
from bot.services.guild_settings import Area
from bot.services.mutes import Kind, Span, until, value_of
from bot.waiting import machine_time
from cogs import access, choices
from cogs import format as fmt
from cogs.components import answering, chosen
from cogs.sentences import Refused
from pipeline.market.traits import BATTLE_SLOTS

if TYPE_CHECKING:
    from bot.services.alerts import Alert
    from bot.services.mutes import Mute

Interaction = discord.Interaction[AxieflipBot]
SPANS: Final = {Span.HOUR: "for 1 hour", Span.HOURS: "for 4 hours", Span.TOMORROW: "until tomorrow"}
_EMOJI: Final = {Kind.SELLER: "👤", Kind.BUILD: "🧬", Kind.WATCH: "📡"}


def question(alert: Alert) -> str:
    """What the menu is about."""
    return f"What about axie #{alert.listing.axie.id} shall this server not hear of for a while?"


def menu(alert: Alert) -> View:
    """The menu, with every way to mute."""
    view = View(timeout=None)
    view.add_item(MuteMenu(alert.id, _options(alert)))
    return view


def _options(alert: Alert) -> list[SelectOption]:
    return [
        SelectOption(
            label=f"This {kind} {words}",
            value=f"{kind}:{span}",
            description=fmt.shorten(label(kind, alert), 100),
            emoji=_EMOJI[kind],
        )
        for kind in Kind
        if kind is not Kind.WATCH or alert.watch_id is not None
        for span, words in SPANS.items()
    ]


def label(kind: Kind, alert: Alert) -> str:
    """What people call that which is muted."""
    match kind:
        case Kind.SELLER:
            seller = fmt.bare(alert.listing.seller, 60)
            return f"seller {seller[:6]}…{seller[-4:]}" if len(seller) > 12 else f"seller {seller}"
        case Kind.BUILD:
            axie = alert.listing.axie
            parts = [fmt.bare(fmt.part_name(p.id), 24) for p in axie.parts if p.slot in BATTLE_SLOTS]
            return f"{axie.class_} with {', '.join(parts)}"
        case Kind.WATCH:
            return f"watch “{fmt.bare(alert.watch_name, 50)}”"


class MuteMenu(DynamicItem[Select[Any]], template=r"alert:hush:(?P<id>[0-9]{1,18})"):
    """The menu of an alert."""

    def __init__(self, alert_id: int, options: list[SelectOption] | None = None) -> None:
        super().__init__(
            Select(
                custom_id=f"alert:hush:{alert_id}",
                placeholder="Choose what to mute, and for how long",
                options=options or [],
            )
        )
        self._alert_id = alert_id

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> MuteMenu:
        """The menu that somebody chose from."""
        return cls(int(match["id"]))

    @answering
    async def callback(self, interaction: Interaction) -> None:
        """Mute what was chosen, and say until when."""
        await access.require(interaction, Area.WATCHES)
        guild_id, services = choices.guild(interaction), interaction.client.services
        kind, span = _wanted(interaction)
        found = await services.posts.of_alert(guild_id, self._alert_id)
        if found is None:
            raise NotFound("This alert is no longer on record. Mute from a newer one.")
        _, alert = found
        if kind is Kind.WATCH and alert.watch_id is None:
            raise NotFound("The watch of this alert was removed; there is nothing to mute.")
        zone = (await services.guilds.get(guild_id)).zone
        mute = await services.mutes.add(
            guild_id,
            kind,
            value_of(kind, alert.watch_id, alert.listing),
            label(kind, alert),
            until(span, machine_time(), zone),
            interaction.user.id,
        )
        view = View(timeout=None)
        view.add_item(Unmute(mute.id))
        await interaction.response.edit_message(content=_muted(mute), view=view)


class Unmute(DynamicItem[Button[Any]], template=r"mute:end:(?P<id>[0-9]{1,18})"):
    """Ends a mute before its time."""

    def __init__(self, mute_id: int) -> None:
        super().__init__(
            Button(label="Undo", style=discord.ButtonStyle.secondary, custom_id=f"mute:end:{mute_id}")
        )
        self._mute_id = mute_id

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Unmute:
        """The button that somebody pressed."""
        return cls(int(match["id"]))

    @answering
    async def callback(self, interaction: Interaction) -> None:
        """Let the server hear of it again."""
        await access.require(interaction, Area.WATCHES)
        mutes = interaction.client.services.mutes
        mute = await mutes.remove(choices.guild(interaction), self._mute_id, interaction.user.id)
        text = "It is muted no longer." if mute is None else f"No longer muted: {fmt.plain(mute.label, 100)}."
        await interaction.response.edit_message(content=text, view=None)


def _wanted(interaction: Interaction) -> tuple[Kind, Span]:
    kind, _, span = chosen(interaction).partition(":")
    if kind in set(Kind) and span in set(Span):
        return Kind(kind), Span(span)
    raise Refused("Choose one of the lines of the menu.")


def _muted(mute: Mute) -> str:
    end = f"<t:{int(mute.until.timestamp())}:f>"
    return f"🔕 Muted on this server until {end}: {fmt.plain(mute.label, 100)}."
