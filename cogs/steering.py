"""The buttons that steer the model: cancel a training, confirm a rollback. They outlive a restart."""

from __future__ import annotations

import re
from typing import Final

import discord
from discord import ui

from bot.client import AxieflipBot
from bot.services.guild_settings import Area
from cogs import choices, embeds
from cogs import format as fmt
from cogs.access import require
from cogs.components import answering

Interaction = discord.Interaction[AxieflipBot]
PROGRESS_EVERY_S: Final = 5.0  # between two edits of a message, well within Discord's limits


def cancel(run_id: int) -> ui.View:
    """The button below a training that is under way."""
    view = ui.View(timeout=None)
    view.add_item(Cancel(run_id))
    return view


def rollback(version: str) -> ui.View:
    """The button that confirms a rollback."""
    view = ui.View(timeout=None)
    view.add_item(Rollback(version))
    return view


class Cancel(ui.DynamicItem[ui.Button[ui.View]], template=r"train:cancel:(?P<run>\d{1,15})"):
    """Ends a training."""

    def __init__(self, run_id: int) -> None:
        self._run_id = run_id
        style = discord.ButtonStyle.danger
        super().__init__(ui.Button(label="Cancel", style=style, custom_id=f"train:cancel:{run_id}"))

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction, item: ui.Item[ui.View], match: re.Match[str], /
    ) -> Cancel:
        """The button of a run."""
        return cls(int(match["run"]))

    @answering
    async def callback(self, interaction: Interaction) -> None:
        """Cancel the run; its own message tells that it ended, and how."""
        await require(interaction, Area.MODEL)
        await interaction.response.defer(thinking=True, ephemeral=True)
        services, user = interaction.client.services, interaction.user
        await services.retraining.cancel(self._run_id, fmt.bare(user.display_name, 40))
        await services.audit.write(
            "training cancelled", f"run {self._run_id}", guild_id=choices.guild(interaction), actor=user.id
        )
        text = f"Training run {self._run_id} is cancelled. The model in use is unchanged."
        await interaction.followup.send(embed=embeds.note(text))


class Rollback(ui.DynamicItem[ui.Button[ui.View]], template=r"model:back:(?P<version>[0-9A-Za-z.\-]{1,64})"):
    """Lets a version serve."""

    def __init__(self, version: str) -> None:
        self._version = version
        style = discord.ButtonStyle.danger
        super().__init__(ui.Button(label="Roll back", style=style, custom_id=f"model:back:{version}"))

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction, item: ui.Item[ui.View], match: re.Match[str], /
    ) -> Rollback:
        """The button of a version."""
        return cls(match["version"])

    @answering
    async def callback(self, interaction: Interaction) -> None:
        """Roll back and say so in place of the question."""
        await require(interaction, Area.MODEL)
        await interaction.response.defer()
        services = interaction.client.services
        await services.versions.rollback(self._version, interaction.user.id, choices.guild(interaction))
        text = f"Model **{self._version}** serves now. `/model status` shows it."
        await interaction.edit_original_response(embed=embeds.note(text, embeds.STRONG), view=None)


ITEMS: Final = (Cancel, Rollback)
