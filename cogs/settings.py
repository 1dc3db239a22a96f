"""Settings of a server: its time zone and currency, where operators are told, who may do what, and its data.

Everyone may look; a change needs the Administrator permission or the role that was given the settings.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

import discord
import msgspec
from discord import app_commands, ui
from discord.app_commands import Choice, Transform
from discord.ext import commands

from bot.client import AxieflipBot
from bot.services.guild_settings import Area, Currency
from cogs import access, audit_page, choices, embeds, permissions
from cogs.components import answering
from cogs.embeds import settings_words
from cogs.permissions import Target
from cogs.sentences import Refused

Interaction = discord.Interaction[AxieflipBot]
_AREAS: Final = [
    Choice(name=f"{name} ({others})", value=area.value)
    for area, (name, others) in settings_words.AREAS.items()
]
_GONE: Final = (
    "Everything that I kept of this server is deleted: watches, alerts, settings and the log of changes. "
    "I am still here; `/watch add` begins anew."
)


class TimeZone(app_commands.Transformer):
    """A time zone of the tz database, with suggestions that show the time there."""

    async def transform(self, interaction: discord.Interaction, value: str, /) -> str:
        """The zone's own spelling, where it is one; whether it is, the settings say."""
        return _zones().get(value.strip().lower(), value.strip())

    async def autocomplete(self, interaction: discord.Interaction, value: str, /) -> list[Choice[str]]:  # type: ignore[override]
        """Zones with all the words that were typed; places of that name before others."""
        typed = value.strip().lower().replace(" ", "_")
        found = [zone for name, zone in _zones().items() if typed in name]
        found.sort(key=lambda zone: (not zone.lower().rpartition("/")[2].startswith(typed), zone))
        now = datetime.now(UTC)
        return [
            Choice(name=f"{zone} – {now.astimezone(ZoneInfo(zone)):%H:%M}", value=zone)
            for zone in found[: choices.MOST]
        ]


class SettingsCog(commands.Cog, name="Settings"):
    """`/settings`: show, set, operators, grant, audit and delete-data."""

    settings = app_commands.Group(
        name="settings", description="What this server has settled for itself", guild_only=True
    )

    def __init__(self, bot: AxieflipBot) -> None:
        self._bot = bot
        self._guilds = bot.services.guilds

    async def cog_load(self) -> None:
        """Let the buttons of former lives work."""
        self._bot.add_dynamic_items(audit_page.AuditPage, DeleteData)

    async def cog_unload(self) -> None:
        """Take the buttons back with the cog."""
        self._bot.remove_dynamic_items(audit_page.AuditPage, DeleteData)

    @settings.command(
        name="show",
        description="Time zone, currency, the operators' channel, and who may do what",
        extras={"examples": ("/settings show",)},
    )
    async def show(self, interaction: Interaction) -> None:
        """Show all settings."""
        settings = await self._guilds.get(choices.guild(interaction))
        embed = settings_words.overview(settings, datetime.now(UTC))
        await interaction.response.send_message(embed=embed, ephemeral=True)

    @settings.command(
        name="set",
        description="Set the time zone of quiet hours and digests, and the currency of amounts",
        extras={"examples": ("/settings set time_zone:Asia/Manila", "/settings set currency:ETH")},
    )
    @app_commands.describe(
        time_zone="Where this server's day begins: type a city", currency="What amounts are shown in"
    )
    @access.needs(Area.SETTINGS)
    async def set_(
        self,
        interaction: Interaction,
        time_zone: Transform[str, TimeZone] | None = None,
        currency: Currency | None = None,
    ) -> None:
        """Change what is given."""
        changes = {"time_zone": time_zone, "currency": currency}
        given = {name: value for name, value in changes.items() if value is not None}
        if not given:
            raise Refused("Give a time zone or a currency to set.")
        await self._guilds.change(
            choices.guild(interaction), interaction.user.id, lambda s: msgspec.structs.replace(s, **given)
        )
        await self._answer(interaction)

    @settings.command(
        name="operators",
        description="Where to announce that something is wrong with the bot; without a channel: nowhere",
        extras={"examples": ("/settings operators channel:#bot-ops", "/settings operators")},
    )
    @app_commands.describe(channel="The channel of those who run this server's bot")
    @access.needs(Area.SETTINGS)
    async def operators(self, interaction: Interaction, channel: Target | None = None) -> None:
        """Set or lift the operators' channel."""
        if channel is not None:
            permissions.require_posting(channel)
        place = channel.id if channel else None
        await self._guilds.change(
            choices.guild(interaction),
            interaction.user.id,
            lambda s: msgspec.structs.replace(s, operators_channel=place),
        )
        await self._answer(interaction)

    @settings.command(
        name="grant",
        description="Let a role read, watch, steer the model or change settings; no role: as at first",
        extras={"examples": ("/settings grant area:Watches role:@Traders", "/settings grant area:Watches")},
    )
    @app_commands.describe(
        area="What to allow. Reading is everyone's until it is given to a role", role="To whom"
    )
    @app_commands.choices(area=_AREAS)
    @access.needs(Area.SETTINGS)
    async def grant(self, interaction: Interaction, area: str, role: discord.Role | None = None) -> None:
        """Give an area to a role, or take it back."""
        if role is not None and role.is_default():
            raise Refused("Pick a role other than @everyone; without a role the area is as it was at first.")
        role_id = role.id if role else None
        await self._guilds.grant(choices.guild(interaction), interaction.user.id, Area(area), role_id)
        await self._answer(interaction)

    @settings.command(
        name="audit",
        description="Who changed what on this server and of the model, newest first",
        extras={"examples": ("/settings audit",)},
    )
    @access.needs(Area.SETTINGS)
    async def audit(self, interaction: Interaction) -> None:
        """Show the newest page of the log."""
        embed, view = await audit_page.page(interaction)
        await interaction.response.send_message(embed=embed, view=view, ephemeral=True)

    @settings.command(
        name="delete-data",
        description="Delete everything that the bot keeps of this server, after asking once more",
        extras={"examples": ("/settings delete-data",)},
    )
    @access.needs(Area.SETTINGS)
    async def delete_data(self, interaction: Interaction) -> None:
        """Ask once more."""
        guild = choices.guild(interaction)
        count = len(await self._bot.services.watches.list(guild))
        watches = "1 watch" if count == 1 else f"{count} watches"
        text = (
            f"This deletes {watches}, all alerts, settings, claims and the log of changes of this server, "
            "for good. Messages that were posted stay. Go on?"
        )
        view = ui.View(timeout=None)
        view.add_item(DeleteData(guild, interaction.user.id))
        await interaction.response.send_message(
            embed=embeds.note(text, embeds.CAREFUL), view=view, ephemeral=True
        )

    async def _answer(self, interaction: Interaction) -> None:
        settings = await self._guilds.get(choices.guild(interaction))
        embed = settings_words.overview(settings, datetime.now(UTC))
        embed.colour = embeds.GOOD
        await interaction.response.send_message(embed=embed, ephemeral=True)


class DeleteData(
    ui.DynamicItem[ui.Button[Any]], template=r"delete-data:(?P<guild>\d{1,20}):(?P<user>\d{1,20})"
):
    """Deletes a server's data, for the person who was asked and may still do it."""

    def __init__(self, guild: int, user: int) -> None:
        super().__init__(
            ui.Button(
                label="Delete everything",
                style=discord.ButtonStyle.danger,
                custom_id=f"delete-data:{guild}:{user}",
            )
        )
        self._guild = guild
        self._user = user

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[Any], match: re.Match[str], /
    ) -> DeleteData:
        """The button that was pressed, whichever life of the bot made it."""
        del interaction, item
        return cls(int(match["guild"]), int(match["user"]))

    @answering
    async def callback(self, interaction: Interaction) -> None:
        """Delete it."""
        if (self._guild, self._user) != (interaction.guild_id, interaction.user.id):
            raise Refused("Only the person who was asked can answer this. `/settings delete-data` asks you.")
        await access.require(interaction, Area.SETTINGS)
        await interaction.client.services.guilds.forget(self._guild, self._user)
        await interaction.response.edit_message(embed=embeds.note(_GONE), view=None)


@cache
def _zones() -> dict[str, str]:
    # The others are old names of these, or no places.
    return {name.lower(): name for name in sorted(available_timezones()) if "/" in name or name == "UTC"}


async def setup(bot: AxieflipBot) -> None:
    """Add the cog."""
    await bot.add_cog(SettingsCog(bot))
