"""The buttons of an alert: Marketplace, Why, Mine, Mute. They work for as long as their message is there.

Each carries the number of its alert in its custom id and nothing else, so that a bot that was restarted
answers as the one that posted it: what it acts on is read from the database when it is pressed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import discord
from discord.ui import Button, DynamicItem, View

from bot.client import AxieflipBot
from bot.errors import NotFound
from bot.services.guild_settings import Area
from cogs import access, choices, muting, outgoing, posts, why
from cogs import format as fmt
from cogs import money as currency
from cogs.components import answering
from cogs.sentences import Refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bot.services import Services
    from bot.services.posts import Alert, Post

Interaction = discord.Interaction[AxieflipBot]
Style = discord.ButtonStyle
GONE: Final = "This alert is no longer on record. `/predictions` shows the latest ones."


def of(post: Post) -> View | None:
    """The buttons of a post's message, a row for each alert; None for a digest, which has none."""
    if post.digest:
        return None
    view, shown = View(timeout=None), posts.shown(post)
    for row, alert in enumerate(shown):
        axie_id = alert.listing.axie.id
        label = "Marketplace" if len(shown) == 1 else f"#{axie_id}"
        view.add_item(Button(label=label, url=fmt.page(axie_id), row=row))
        view.add_item(AlertButton("why", alert.id, label="Why", row=row))
        view.add_item(_mine(alert, row))
        view.add_item(AlertButton("mute", alert.id, label="Mute", emoji="🔕", row=row))
    return view


def _mine(alert: Alert, row: int) -> AlertButton:
    if alert.claim is not None:
        return AlertButton("mine", alert.id, label="Claimed", emoji="✋", style=Style.success, row=row)
    over = alert.ending is not None
    return AlertButton(
        "mine", alert.id, label="Mine", emoji="✋", style=Style.primary, row=row, disabled=over
    )


class AlertButton(
    DynamicItem[Button[Any]], template=r"alert:(?P<act>why|mine|release|mute):(?P<id>[0-9]{1,18})"
):
    """One of an alert's buttons."""

    def __init__(self, act: str, alert_id: int, *, style: Style = Style.secondary, **look: Any) -> None:
        super().__init__(Button(style=style, custom_id=f"alert:{act}:{alert_id}", **look))
        self._act = _ACTS[act]
        self._alert_id = alert_id

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> AlertButton:
        """The button that somebody pressed, whichever life of the bot made it."""
        return cls(match["act"], int(match["id"]))

    @answering
    async def callback(self, interaction: Interaction) -> None:
        """Find the alert and act on it."""
        await access.require(interaction, Area.READING)
        found = await interaction.client.services.posts.of_alert(choices.guild(interaction), self._alert_id)
        if found is None:
            raise NotFound(GONE)
        await self._act(interaction, *found)


async def _why(interaction: Interaction, _post: Post, alert: Alert) -> None:
    await interaction.response.defer(ephemeral=True, thinking=True)
    embeds, files = await why.answer(interaction.client.services, alert)
    await interaction.followup.send(embeds=embeds, files=files, ephemeral=True)


async def _claim(interaction: Interaction, post: Post, alert: Alert) -> None:
    """Claim the alert, or give it back where it is the person's own."""
    services, user = interaction.client.services, interaction.user
    if alert.claim is not None and alert.claim.user_id == user.id:
        await services.claims.release(alert.id, user.id)
        await _redraw(interaction, post)
        return
    if alert.ending is not None and alert.claim is None:
        raise Refused("It is over: there is nothing left to claim.")
    held = await services.claims.claim(alert.id, user.id, user.display_name)
    if held.user_id == user.id:
        await _redraw(interaction, post)
        return
    text = f"<@{held.user_id}> claimed it {fmt.machine_time(held.at)}."
    if not interaction.permissions.manage_messages:
        await interaction.response.send_message(f"{text} Only they can give it back.", ephemeral=True)
        return
    view = View(timeout=None)
    view.add_item(AlertButton("release", alert.id, label="Release it for others", style=Style.danger))
    await interaction.response.send_message(text, view=view, ephemeral=True)


async def _release(interaction: Interaction, post: Post, alert: Alert) -> None:
    """Take an alert from whoever claimed it; only offered to who manages messages, and checked again."""
    if not interaction.permissions.manage_messages:
        raise Refused("You need the Manage Messages permission to release what somebody else has claimed.")
    services = interaction.client.services
    await services.claims.release(alert.id, None)
    await interaction.response.edit_message(content="It is free again.", view=None)
    if (fresh := await services.posts.get(post.id)) is not None and fresh.message_id is not None:
        channel = interaction.client.get_partial_messageable(post.channel_id, guild_id=post.guild_id)
        await outgoing.edit(
            channel.get_partial_message(fresh.message_id), embed=await drawn(services, fresh), view=of(fresh)
        )


async def _mute(interaction: Interaction, _post: Post, alert: Alert) -> None:
    await access.require(interaction, Area.WATCHES)
    await interaction.response.send_message(muting.question(alert), view=muting.menu(alert), ephemeral=True)


_ACTS: Final[dict[str, Callable[[Interaction, Post, Alert], Awaitable[None]]]] = {
    "why": _why,
    "mine": _claim,
    "release": _release,
    "mute": _mute,
}


async def _redraw(interaction: Interaction, post: Post) -> None:
    services = interaction.client.services
    fresh = await services.posts.get(post.id)
    if fresh is None:
        raise NotFound(GONE)
    await interaction.response.edit_message(embeds=await drawn(services, fresh), view=of(fresh))


async def drawn(services: Services, post: Post) -> list[discord.Embed]:
    """The embeds of a post as of now, with the mark that its message is known by."""
    money = await currency.of(services, post.guild_id)
    shown = posts.message(post, fmt.Moment.of(services.clock), money)
    return [outgoing.marked(shown[0], post.nonce), *shown[1:]]


async def setup(bot: AxieflipBot) -> None:
    """Let the buttons of every message work, those of earlier lives too."""
    bot.add_dynamic_items(AlertButton, muting.MuteMenu, muting.Unmute)


async def teardown(bot: AxieflipBot) -> None:
    """Stop answering, where the extension is loaded anew."""
    bot.remove_dynamic_items(AlertButton, muting.MuteMenu, muting.Unmute)
