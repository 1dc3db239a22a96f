"""A greeting with a set-up button for each server that the bot is new to: a first watch in one form.

A server may have added the bot while it was off, or before its first start, and it may not let the bot post
yet: a greeting is owed until it is posted.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import discord
from discord import ui
from discord.ext import commands

from bot.client import AxieflipBot
from bot.services.guild_settings import Area
from bot.services.presets import PRESETS
from cogs import access, embeds, outgoing, permissions, refill, watch_actions, watch_forms, wishes
from cogs.components import answering
from cogs.sentences import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

Interaction = discord.Interaction[AxieflipBot]
FORM: Final = "setup:form"
JOB: Final = "welcome"
LOOK_EVERY_S: Final = 300.0  # until the bot is allowed to post, of which nothing else tells


class SetUp(ui.DynamicItem[ui.Button[Any]], template=r"setup:start"):
    """Opens the form of a first watch, for whoever may add one."""

    def __init__(self, label: str = "Set up") -> None:
        button: ui.Button[Any] = ui.Button(
            label=label, emoji="🚀", style=discord.ButtonStyle.success, custom_id="setup:start"
        )
        super().__init__(button)

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[Any], match: re.Match[str], /
    ) -> SetUp:
        """The button of any greeting."""
        del interaction, item, match
        return cls()

    @answering
    async def callback(self, interaction: Interaction) -> None:
        """Open the form."""
        await access.require(interaction, Area.WATCHES)
        await interaction.response.send_modal(refill.filled(_form(interaction), interaction.message))


class WelcomeCog(commands.Cog, name="Welcome"):
    """Greets each server once, and takes the form of its first watch."""

    def __init__(self, bot: AxieflipBot) -> None:
        self._bot = bot
        self._services = bot.services
        self._added: set[int] = set()  # servers that added the bot in this life, until they are greeted

    async def cog_load(self) -> None:
        """Let the buttons of former lives work, and put the greeting under supervision."""
        self._bot.add_dynamic_items(SetUp)
        self._services.supervisor.add(JOB, self.turn)

    async def cog_unload(self) -> None:
        """Take the buttons back with the cog."""
        self._bot.remove_dynamic_items(SetUp)

    async def turn(self) -> float:
        """Greet the servers that are owed a greeting. Returns the seconds until the next look."""
        guilds = self._bot.guilds if self._bot.is_ready() else ()
        there = {guild.id: guild for guild in guilds if not guild.unavailable}
        owed = await self._services.guilds.strangers(there) | self._added & there.keys()
        for guild_id in sorted(owed):
            # Noted afterwards: a bot that is killed in between asks again, and the nonce says that it has.
            if await self._greet(there[guild_id]):
                await self._services.guilds.met(guild_id)
                self._added.discard(guild_id)
        return LOOK_EVERY_S

    async def _greet(self, guild: discord.Guild) -> bool:
        """Greet where people see it; a server that comes back is told what goes on. False: not yet."""
        watches = await self._services.watches.list(guild.id)
        greeting = _back(len(watches)) if watches else _hello()
        view = ui.View(timeout=None)
        if not watches:
            view.add_item(SetUp())
        candidates = (guild.system_channel, guild.public_updates_channel, *guild.text_channels)
        for place in candidates:
            if place is not None and not permissions.missing(place):
                nonce = f"welcome-{guild.id:x}"
                shown = view if watches == [] else None
                outcome = await outgoing.send(place, nonce=nonce, embed=greeting, view=shown)
                return isinstance(outcome, outgoing.Sent)
        return False

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """Greet those that added the bot while it was away."""
        self._services.supervisor.trigger(JOB)

    @commands.Cog.listener()
    async def on_guild_join(self, guild: discord.Guild) -> None:
        """Greet it, also where it is known from before."""
        self._added.add(guild.id)
        self._services.supervisor.trigger(JOB)

    @commands.Cog.listener()
    async def on_interaction(self, interaction: Interaction) -> None:
        """Take the form, also where it was opened before the bot was restarted."""
        data: Mapping[str, Any] = interaction.data or {}
        if interaction.type is not discord.InteractionType.modal_submit or data.get("custom_id") != FORM:
            return
        try:
            embed = await _submitted(interaction, refill.fields(data.get("components", ())))
        except Exception as error:
            await refill.refuse(interaction, error, _form(interaction), SetUp(refill.LABEL))
        else:
            await interaction.response.send_message(embed=embed, ephemeral=True)


def _hello() -> discord.Embed:
    text = (
        "I read every new listing of the Axie marketplace within seconds, price it, and post those whose "
        "resale should clearly pay after fee and gas. I alert; buying is up to you.\n\n"
        "**Set up** makes a first watch in one step. Later, `/watch add` and `/watch edit` know filters, "
        "thresholds, pings and quiet hours, `/settings` the time zone and who may do what, and `/help` "
        "everything else."
    )
    return discord.Embed(title="👋 Thanks for adding me", description=text, colour=embeds.GOOD)


def _back(count: int) -> discord.Embed:
    kept = "Your watch is" if count == 1 else f"Your {count} watches are"
    text = f"{kept} still here and going on. `/watch list` shows what I look for."
    return discord.Embed(title="👋 Good to be back", description=text, colour=embeds.GOOD)


def _form(interaction: Interaction) -> ui.Modal:
    modal = ui.Modal(title="A first watch", custom_id=FORM)
    options = [
        discord.SelectOption(
            label=preset.title, value=preset.name, description=preset.about, default=preset.name == "bargains"
        )
        for preset in PRESETS.values()
    ]
    preset: ui.Select[Any] = ui.Select(custom_id="preset", options=options)
    modal.add_item(ui.Label(text="What to look for", component=preset))
    modal.add_item(ui.Label(text="Where to post", component=watch_forms.channel_menu(interaction.channel_id)))
    modal.add_item(
        ui.Label(
            text="Role to ping", description="Nobody, if you pick none", component=watch_forms.role_menu(None)
        )
    )
    return modal


async def _submitted(interaction: Interaction, fields: Mapping[str, Any]) -> discord.Embed:
    preset = PRESETS.get(next(iter(fields.get("preset", ())), ""))
    if preset is None:
        raise Refused("That is nothing that I know to look for. Pick one of the lines of the menu.")
    chosen = next(map(int, fields.get("channel", ())), None)
    channel = permissions.chosen_place(interaction.guild, chosen)
    role = next(map(int, fields.get("role", ())), None)
    wish = wishes.edited(wishes.Wish.of(preset), {"role": role})
    return await watch_actions.add(interaction, None, channel, preset, wish)


async def setup(bot: AxieflipBot) -> None:
    """Add the cog."""
    await bot.add_cog(WelcomeCog(bot))
