"""The log of a server's changes, and of the model's that nobody on a server asked for, in pages.

A button names the entry that its page goes before.
"""

from __future__ import annotations

import re
from typing import Any, Final

import discord
from discord import ui

from bot.client import AxieflipBot
from bot.services.guild_settings import Area
from cogs import access, choices, embeds
from cogs.components import answering
from cogs.embeds import settings_words

Interaction = discord.Interaction[AxieflipBot]
PAGE: Final = 10
_NEWEST: Final = 0


class AuditPage(ui.DynamicItem[ui.Button[Any]], template=r"audit:(?P<before>\d{1,19})"):
    """Leads to the entries before one of them; 0 are the newest."""

    def __init__(self, before: int) -> None:
        label = "Newest" if before == _NEWEST else "Older"
        super().__init__(ui.Button(label=label, custom_id=f"audit:{before}"))
        self._before = before

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[Any], match: re.Match[str], /
    ) -> AuditPage:
        """The button that was pressed, whichever life of the bot made it."""
        del interaction, item
        return cls(int(match["before"]))

    @answering
    async def callback(self, interaction: Interaction) -> None:
        """Turn to the page."""
        await access.require(interaction, Area.SETTINGS)
        embed, view = await page(interaction, self._before)
        await interaction.response.edit_message(embed=embed, view=view)


async def page(interaction: Interaction, before: int = _NEWEST) -> tuple[discord.Embed, ui.View]:
    """A page of the log, and the ways on."""
    audit = interaction.client.services.audit
    found = await audit.recent(choices.guild(interaction), PAGE + 1, before=before or None)
    shown = found[:PAGE]
    rows = [settings_words.change(entry) for entry in shown]
    embed = embeds.lines(
        "Changes on this server and of the model", rows, empty="Nothing has been changed yet."
    )
    view = ui.View(timeout=None)
    if before != _NEWEST:
        view.add_item(AuditPage(_NEWEST))
    if len(found) > PAGE:
        view.add_item(AuditPage(shown[-1].id))
    return embed, view
