"""A marked example in a watch's channel: it shows how a signal will look, and what the bot still lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import discord

from bot.client import AxieflipBot
from bot.services.history import Wanted
from cogs import embeds, money, outgoing, permissions
from cogs import format as fmt
from cogs.sentences import Refused

if TYPE_CHECKING:
    from bot.services.watches import Watch

Interaction = discord.Interaction[AxieflipBot]
LOOK_BACK_DAYS: Final = 30


async def run(interaction: Interaction, watch: Watch) -> None:
    """Post the example and answer with what it took, or with what is missing."""
    await interaction.response.defer(ephemeral=True, thinking=True)
    assert interaction.guild is not None
    lost = await permissions.lacks(interaction.guild, watch, at_once=True)
    place = await permissions.look_up(interaction.guild, watch.channel_id)
    if place is None:
        raise Refused(lost or "I cannot see its channel right now. Try again in a minute.")
    role = None if watch.delivery.role_id is None else place.guild.get_role(watch.delivery.role_id)
    advice = permissions.advice(place, role)
    if permissions.missing(place):
        raise Refused("\n".join([lost or "I cannot post there right now. Try again in a minute.", *advice]))
    embed = await _example(interaction, watch)
    outcome = await outgoing.send(place, nonce=f"test-{interaction.id}"[:25], embed=embed)
    if not isinstance(outcome, outgoing.Sent):
        raise Refused(f"The example could not be posted. {outcome.reason}")
    link = place.get_partial_message(outcome.message_id).jump_url
    lines = [f"✅ [Posted an example]({link}) in {place.mention}.", *advice]
    if lost is not None:
        lines.append(f"⚠️ {lost}")
    elif watch.paused:
        lines.append("The watch is paused: `/watch resume` lets real signals through.")
    await interaction.followup.send(embed=embeds.note("\n".join(lines), embeds.GOOD), ephemeral=True)


async def _example(interaction: Interaction, watch: Watch) -> discord.Embed:
    """The newest priced listing as a signal of this watch would show it, marked as what it is."""
    services = interaction.client.services
    newest = await services.history.page(Wanted(watch.guild_id, days=LOOK_BACK_DAYS), 1)
    if not newest.rows:
        embed = embeds.note(
            "Signals of this watch will appear here. None has been priced yet to show as one."
        )
    else:
        seen = newest.rows[0]
        moment, written = fmt.Moment.of(services.clock), await money.of(services, watch.guild_id)
        embed = embeds.alert(seen.listing, seen.prediction, watch.name, moment, money=written)
    mark = f"🧪 **Example** of “{fmt.plain(watch.name, 50)}” – no signal, do not buy because of it."
    embed.description = "\n".join(filter(None, [mark, embed.description]))
    embed.colour = embeds.QUIET
    return embed
