"""Who may do what, decided in this one place for commands, buttons and modals alike.

Everyone reads. Who manages a channel keeps its watches, administrators steer the model and the server's
settings, and what is about the bot as a whole is for the application's owner. A server can give each of
these to a role; giving the reading to a role keeps it from everyone else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import discord
from discord import app_commands

from bot.client import AxieflipBot
from bot.services.guild_settings import Area
from cogs.sentences import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


Interaction = discord.Interaction[AxieflipBot]
Place = discord.abc.GuildChannel | discord.Thread

# Whom to name where someone is refused, without the role that a server may have named besides.
_WHO: Final = {
    Area.READING: "",
    Area.WATCHES: "the Manage Channels permission in {place}, or Manage Server",
    Area.MODEL: "the Administrator permission",
    Area.SETTINGS: "the Administrator permission",
}


class Needs:
    """A command's check: the person may act in an area. Help reads `area` to say whom a command is for."""

    def __init__(self, area: Area) -> None:
        self.area = area

    async def __call__(self, interaction: discord.Interaction[Any]) -> bool:
        """True, or `Refused` with the sentence that says who may."""
        await require(interaction, self.area)
        return True


def needs(area: Area) -> Callable[[Any], Any]:
    """Decorate a command or a group's command: only who may act in the area may use it."""
    return app_commands.check(Needs(area))


async def require(interaction: Interaction, area: Area, place: Place | None = None) -> None:
    """Return if the person may act in the area, in `place` or where they are; raise `Refused` otherwise."""
    if not await may(interaction, area, place):
        raise Refused(await refusal(interaction, area, place))


async def may(interaction: Interaction, area: Area, place: Place | None = None) -> bool:
    """Whether the person may act in the area, in `place` or where they are."""
    if interaction.guild_id is None:
        raise app_commands.NoPrivateMessage
    grants = (await interaction.client.services.guilds.get(interaction.guild_id)).grants
    match area:
        case Area.READING:
            return area not in grants or _privileged(interaction) or _has_any(interaction, grants)
        case Area.WATCHES:
            return _may_watch(interaction, place) or _has(interaction, grants.get(area))
        case Area.SETTINGS:
            return interaction.permissions.administrator or _has(interaction, grants.get(area))
        case Area.MODEL:
            allowed = interaction.permissions.administrator or _has(interaction, grants.get(area))
            return (allowed and steers(interaction)) or await _owns(interaction)
        case Area.PROCESS:
            return await _owns(interaction)


async def require_watch(interaction: Interaction, channel_id: int) -> None:
    """Return if the person may manage the watches of a channel, which may be gone by now."""
    place = None if interaction.guild is None else interaction.guild.get_channel_or_thread(channel_id)
    if place is not None:
        await require(interaction, Area.WATCHES, place)
    elif not interaction.permissions.manage_guild:
        # Nobody manages a channel that is not there.
        assert interaction.guild_id is not None
        grants = (await interaction.client.services.guilds.get(interaction.guild_id)).grants
        if not _has(interaction, grants.get(Area.WATCHES)):
            raise Refused(
                "The channel of that watch is gone, so this needs the Manage Server permission. Ask somebody "
                "who has it."
            )


def steers(interaction: Interaction) -> bool:
    """Whether the model may be steered from this server: it is the bot's own, or the only one it is on.

    The model belongs to all servers; a stranger's administrator shall not retrain or roll it back.
    """
    home = interaction.client.services.settings.discord_guild_id
    if home is not None:
        return interaction.guild_id == home
    return len(interaction.client.guilds) <= 1


async def refusal(interaction: Interaction, area: Area, place: Place | None = None) -> str:
    """The sentence that says who may act in the area."""
    if area is Area.PROCESS:
        return "This is about the bot as a whole. Only the owner of its application may do it."
    if area is Area.MODEL and not steers(interaction):
        return (
            "The model belongs to all servers that the bot is on; it can be steered only from the bot's own "
            "server, or by the owner of its application."
        )
    assert interaction.guild_id is not None
    settings = await interaction.client.services.guilds.get(interaction.guild_id)
    here = place or interaction.channel
    who = _WHO[area].format(place=getattr(here, "mention", "the channel"))
    role = settings.grants.get(area)
    ways = [way for way in (who, f"the role <@&{role}>" if role else "") if way]
    return f"You need {' or '.join(ways)} for this. Ask somebody who has it."


def _may_watch(interaction: Interaction, place: Place | None) -> bool:
    if interaction.permissions.manage_guild or interaction.permissions.administrator:
        return True
    if place is None or place.id == interaction.channel_id:
        return interaction.permissions.manage_channels
    return isinstance(interaction.user, discord.Member) and (
        place.permissions_for(interaction.user).manage_channels
    )


def _privileged(interaction: Interaction) -> bool:
    allowed = interaction.permissions
    return allowed.administrator or allowed.manage_guild


def _has_any(interaction: Interaction, grants: Mapping[Area, int]) -> bool:
    return any(_has(interaction, role) for role in grants.values())


def _has(interaction: Interaction, role_id: int | None) -> bool:
    if role_id is None or not isinstance(interaction.user, discord.Member):
        return False
    return any(role.id == role_id for role in interaction.user.roles)


async def _owns(interaction: Interaction) -> bool:
    return await interaction.client.is_owner(interaction.user)
