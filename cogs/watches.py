"""Watches: what a server wants to be told of, and where.

Everyone may read them; a change needs the Manage Channels permission in the watch's channel, Manage Server,
or the role that the server has named. What an option means stands in `wishes`, what is done in
`watch_actions`; forms and buttons come to the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import discord
from discord import app_commands
from discord.app_commands import Choice, Range, Transform
from discord.ext import commands

from bot.client import AxieflipBot
from bot.services.guild_settings import Area
from bot.services.pacing import Quiet
from bot.services.presets import PRESETS
from cogs import choices, embeds, errors, money, watch_actions, watch_forms, watch_test, wishes
from cogs.embeds import watch_words
from cogs.permissions import Target
from cogs.sentences import Refused
from cogs.watch_buttons import WatchButton, panel, removed, submitted
from pipeline.market.traits import Collection
from pipeline.market.values import AxieClass, Token

if TYPE_CHECKING:
    from collections.abc import Mapping

Interaction = discord.Interaction[AxieflipBot]
Classes = Transform[tuple[AxieClass, ...], choices.Classes]
Collections = Transform[tuple[Collection, ...], choices.Collections]
Parts = Transform[tuple[str, ...], choices.Parts]
Tokens = Transform[tuple[Token, ...], choices.Tokens]
Hours = Transform[Quiet, choices.QuietHours]
Lifted = Transform[tuple[str, ...], choices.WatchOptions]
Name = Transform[str, choices.WatchName]
Breeds = Range[int, 0, 7]
Percent = Range[float, 0.0, 100.0]
Dollars = Range[float, 0.0, 10_000_000.0]
_PRESETS = [Choice(name=f"{each.title}: {each.about}"[:100], value=each.name) for each in PRESETS.values()]


class WatchesCog(commands.Cog, name="Watches"):
    """`/watch`: add, edit, list, show, pause, resume, remove and test."""

    watch = app_commands.Group(
        name="watch", description="What to look for, and where to post it", guild_only=True
    )

    def __init__(self, bot: AxieflipBot) -> None:
        self._bot = bot
        self._services = bot.services

    async def cog_load(self) -> None:
        """Let the buttons of former lives work."""
        self._bot.add_dynamic_items(WatchButton)

    async def cog_unload(self) -> None:
        """Take the buttons back with the cog."""
        self._bot.remove_dynamic_items(WatchButton)

    @watch.command(
        name="add",
        description="Post a buy signal in a channel whenever a listing fits",
        extras={
            "area": Area.WATCHES,
            "examples": (
                "/watch add preset:Bargains",
                "/watch add name:Mystics channel:#rare collections:mystic max_price:400",
            ),
        },
    )
    @app_commands.describe(
        name="A short name, shown on each alert",
        channel="Where to post the alerts (default: here)",
        preset="A set of wishes to begin with; whatever else you give counts before it",
        **wishes.TEXTS,
    )
    @app_commands.choices(preset=_PRESETS)
    async def add(
        self,
        interaction: Interaction,
        name: Range[str, 1, 50] | None = None,
        channel: Target | None = None,
        preset: str | None = None,
        classes: Classes | None = None,
        collections: Collections | None = None,
        parts: Parts | None = None,
        min_breeds: Breeds | None = None,
        max_breeds: Breeds | None = None,
        min_purity: Range[int, 0, 100] | None = None,
        min_level: Range[int, 1, 60] | None = None,
        min_price: Dollars | None = None,
        max_price: Range[float, 0.01, 10_000_000.0] | None = None,
        tokens: Tokens | None = None,
        max_age: Range[int, 1, 43_200] | None = None,
        min_net: Range[float, 0.0, 1_000_000.0] | None = None,
        min_return: Range[float, 0.0, 100_000.0] | None = None,
        min_probability: Percent | None = None,
        min_sell_chance: Percent | None = None,
        role: discord.Role | None = None,
        ping_above: Dollars | None = None,
        cap: Range[int, 1, 1000] | None = None,
        quiet: Hours | None = None,
    ) -> None:
        """Add a watch, after checking that the bot may post where it points."""
        given = wishes.given(locals())
        begun = PRESETS[preset] if preset else None
        wish = wishes.edited(wishes.Wish.of(begun), given)
        embed = await watch_actions.add(interaction, name, channel or _here(interaction), begun, wish)
        await interaction.response.send_message(embed=embed, ephemeral=True)

    @watch.command(
        name="edit",
        description="Change a watch: by options, or without any in a form",
        extras={
            "area": Area.WATCHES,
            "examples": (
                "/watch edit name:Bargains",
                "/watch edit name:Bargains cap:10 quiet:22:00-07:00",
                "/watch edit name:Mystics clear:max_price, parts",
            ),
        },
    )
    @app_commands.describe(
        name="The watch to change",
        form="Which form to open, where no other option is given",
        rename="A new name",
        channel="Another channel to post to",
        clear="What it shall no longer ask for: max_price, parts",
        **wishes.TEXTS,
    )
    async def edit(
        self,
        interaction: Interaction,
        name: Name,
        form: Literal["thresholds", "filters", "more", "delivery"] | None = None,
        rename: Range[str, 1, 50] | None = None,
        channel: Target | None = None,
        clear: Lifted | None = None,
        classes: Classes | None = None,
        collections: Collections | None = None,
        parts: Parts | None = None,
        min_breeds: Breeds | None = None,
        max_breeds: Breeds | None = None,
        min_purity: Range[int, 0, 100] | None = None,
        min_level: Range[int, 1, 60] | None = None,
        min_price: Dollars | None = None,
        max_price: Range[float, 0.01, 10_000_000.0] | None = None,
        tokens: Tokens | None = None,
        max_age: Range[int, 1, 43_200] | None = None,
        min_net: Range[float, 0.0, 1_000_000.0] | None = None,
        min_return: Range[float, 0.0, 100_000.0] | None = None,
        min_probability: Percent | None = None,
        min_sell_chance: Percent | None = None,
        role: discord.Role | None = None,
        ping_above: Dollars | None = None,
        cap: Range[int, 1, 1000] | None = None,
        quiet: Hours | None = None,
    ) -> None:
        """Change what is given; with nothing but the watch, open a form that is filled in with what it is."""
        watch = await watch_actions.managed(interaction, name)
        given = wishes.given(locals())
        asked = any(value is not None for value in (*given.values(), rename, channel, clear))
        if form is not None and asked:
            raise Refused("Give either options to change or a form to open, not both.")
        if not asked:
            await interaction.response.send_modal(watch_forms.form(watch, form or "thresholds"))
            return
        embed = await watch_actions.change(
            interaction, watch, given, lifted=clear or (), name=rename, channel=channel
        )
        await interaction.response.send_message(embed=embed, ephemeral=True)

    @watch.command(
        name="list", description="The watches of this server", extras={"examples": ("/watch list",)}
    )
    async def list_(self, interaction: Interaction) -> None:
        """Show every watch with its channel, thresholds and filters."""
        guild = choices.guild(interaction)
        written = await money.of(self._services, guild)
        shown = [f"{watch_words.row(watch, written)}\n" for watch in await self._services.watches.list(guild)]
        empty = "There is none yet. `/watch add` makes one, in one step with a `preset`."
        embed = embeds.lines("Watches", shown, empty=empty, legend="/watch show has the buttons of each")
        await interaction.response.send_message(embed=embed, ephemeral=True)

    @watch.command(
        name="show",
        description="One watch, what it would have brought lately, and buttons to change it",
        extras={"examples": ("/watch show name:Bargains",)},
    )
    @app_commands.describe(name="The watch to show")
    async def show(self, interaction: Interaction, name: Name) -> None:
        """Show a watch, with buttons for those who may change it."""
        watch = await self._services.watches.get(choices.guild(interaction), name)
        manages = await watch_actions.may_manage(interaction, watch)
        embed, view = await panel(interaction, watch, manages=manages)
        await interaction.response.send_message(embed=embed, view=view, ephemeral=True)

    @watch.command(
        name="pause",
        description="Post nothing for a watch until it is resumed",
        extras={"area": Area.WATCHES, "examples": ("/watch pause name:Bargains",)},
    )
    @app_commands.describe(name="The watch to pause")
    async def pause(self, interaction: Interaction, name: Name) -> None:
        """Keep a watch without its alerts."""
        await self._set_paused(interaction, name, True)

    @watch.command(
        name="resume",
        description="Let a paused watch post again",
        extras={"area": Area.WATCHES, "examples": ("/watch resume name:Bargains",)},
    )
    @app_commands.describe(name="The watch to resume")
    async def resume(self, interaction: Interaction, name: Name) -> None:
        """End a pause; what was listed meanwhile is not made up for."""
        await self._set_paused(interaction, name, False)

    async def _set_paused(self, interaction: Interaction, name: str, paused: bool) -> None:
        watch = await watch_actions.managed(interaction, name)
        after = await watch_actions.set_paused(interaction, watch, paused)
        text = "Paused until `/watch resume`." if paused else "Watching again, for listings from now on."
        row = watch_words.row(after, await money.of(self._services, after.guild_id))
        colour = embeds.QUIET if paused else embeds.GOOD
        await interaction.response.send_message(embed=embeds.note(f"{text}\n{row}", colour), ephemeral=True)

    @watch.command(
        name="remove",
        description="Stop a watch and delete it",
        extras={"area": Area.WATCHES, "examples": ("/watch remove name:Bargains",)},
    )
    @app_commands.describe(name="The watch to remove")
    async def remove(self, interaction: Interaction, name: Name) -> None:
        """Delete a watch, show what it was, and offer to bring it back."""
        embed, view = await removed(interaction, await watch_actions.managed(interaction, name))
        await interaction.response.send_message(embed=embed, view=view, ephemeral=True)

    @watch.command(
        name="test",
        description="Post a marked example to a watch's channel, and name what the bot lacks there",
        extras={"area": Area.WATCHES, "examples": ("/watch test name:Bargains",)},
    )
    @app_commands.describe(name="The watch to try")
    async def test(self, interaction: Interaction, name: Name) -> None:
        """Show how a signal will look, where it will appear."""
        await watch_test.run(interaction, await watch_actions.managed(interaction, name))

    @commands.Cog.listener()
    async def on_interaction(self, interaction: Interaction) -> None:
        """Take the forms, also those that were opened before the bot was restarted."""
        if interaction.type is not discord.InteractionType.modal_submit:
            return
        data: Mapping[str, object] = interaction.data or {}
        found = watch_forms.CUSTOM_ID.fullmatch(str(data.get("custom_id", "")))
        if found is None:
            return
        try:
            await submitted(interaction, found["form"], int(found["id"]))
        except Exception as error:
            await errors.tell(interaction, error)


def _here(interaction: Interaction) -> Target:
    if isinstance(interaction.channel, discord.TextChannel | discord.Thread):
        return interaction.channel
    raise Refused("I cannot post here. Name a text channel or a thread with `channel`.")


async def setup(bot: AxieflipBot) -> None:
    """Add the cog."""
    await bot.add_cog(WatchesCog(bot))
