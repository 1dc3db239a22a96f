"""The buttons under a watch. Each names the watch by its number, so that it works after a restart too."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import discord
from discord import ui

from bot.client import AxieflipBot
from cogs import choices, embeds, money, refill, watch_actions, watch_forms, watch_test
from cogs.components import answering
from cogs.embeds import watch_words

if TYPE_CHECKING:
    from bot.services.watches import Watch

Interaction = discord.Interaction[AxieflipBot]
_LABELS: Final = {
    "thresholds": ("Thresholds", "📏"),
    "filters": ("Filters", "🔎"),
    "more": ("More", "🧬"),
    "delivery": ("Delivery", "📬"),
    "pause": ("Pause", "⏸️"),
    "resume": ("Resume", "▶️"),
    "test": ("Test", "🧪"),
    "remove": ("Remove", "🗑️"),
    "undo": ("Undo", "↩️"),
}


class WatchButton(ui.DynamicItem[ui.Button[Any]], template=r"watch:(?P<act>[a-z]+):(?P<id>\d{1,19})"):
    """Does one thing with one watch; for `undo` the number is that of the removal in the audit log."""

    def __init__(self, act: str, id_: int, *, label: str | None = None) -> None:
        usual, emoji = _LABELS[act]
        style = discord.ButtonStyle.danger if act == "remove" else discord.ButtonStyle.secondary
        row = 0 if act in watch_forms.FORMS or act == "undo" else 1
        super().__init__(
            ui.Button(label=label or usual, emoji=emoji, style=style, custom_id=f"watch:{act}:{id_}", row=row)
        )
        self.act = act
        self.id_ = id_

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[Any], match: re.Match[str], /
    ) -> WatchButton:
        """The button that was pressed, from what it carries."""
        del interaction, item
        return cls(match["act"], int(match["id"]))

    @answering
    async def callback(self, interaction: Interaction) -> None:
        """Do it, if the person may."""
        if self.act == "undo":
            embed = await watch_actions.restore(interaction, self.id_)
            await interaction.response.edit_message(embed=embed, view=None)
            return
        watch = await watch_actions.managed_by_id(interaction, self.id_)
        match self.act:
            case "pause" | "resume":
                after = await watch_actions.set_paused(interaction, watch, self.act == "pause")
                embed, view = await panel(interaction, after, manages=True)
                await interaction.response.edit_message(embed=embed, view=view)
            case "remove":
                embed, view = await removed(interaction, watch)
                await interaction.response.edit_message(embed=embed, view=view)
            case "test":
                await watch_test.run(interaction, watch)
            case _:
                form = refill.filled(watch_forms.form(watch, self.act), interaction.message)
                await interaction.response.send_modal(form)


async def submitted(interaction: Interaction, which: str, id_: int) -> None:
    """Answer a form; one that was refused can be opened again as it was filled in."""
    watch = await watch_actions.managed_by_id(interaction, id_)
    try:
        embed = await watch_forms.submitted(interaction, watch, which)
    except Exception as error:
        button = WatchButton(which, id_, label=refill.LABEL)
        await refill.refuse(interaction, error, watch_forms.form(watch, which), button)
    else:
        await interaction.response.send_message(embed=embed, ephemeral=True)


async def panel(interaction: Interaction, watch: Watch, *, manages: bool) -> tuple[discord.Embed, ui.View]:
    """A watch by itself, with the buttons of those who may change it."""
    written = await money.of(interaction.client.services, watch.guild_id)
    embed = watch_words.panel(watch, await watch_actions.preview(interaction, watch), written)
    view = ui.View(timeout=None)
    if manages:
        for act in (*watch_forms.FORMS, "resume" if watch.paused else "pause", "test", "remove"):
            view.add_item(WatchButton(act, watch.id))
    return embed, view


async def removed(interaction: Interaction, watch: Watch) -> tuple[discord.Embed, ui.View]:
    """Remove a watch; the answer shows what it was, and can bring it back."""
    services = interaction.client.services
    entry = await services.watches.remove(choices.guild(interaction), watch.name, interaction.user.id)
    written = await money.of(services, watch.guild_id)
    view = ui.View(timeout=None)
    view.add_item(WatchButton("undo", entry))
    return embeds.note(f"No longer watching.\n{watch_words.row(watch, written)}"), view
