"""The buttons of an alert: Marketplace, Why, Mine, Mute. They work for as long as their message is there.

Each carries the number of its alert in its custom id and nothing else, so that a bot that was restarted
answers as the one that posted it: what it acts on is read from the database when it is pressed. Where a
message has too many alerts for buttons, menus name them, and the one that is chosen is shown to the asker
with its buttons.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import discord
from discord import SelectOption
from discord.ui import Button, DynamicItem, Select, View

from bot.client import AxieflipBot
from bot.errors import NotFound
from bot.services.guild_settings import Area
from cogs import access, choices, muting, outgoing, posts, why
from cogs import format as fmt
from cogs import money as currency
from cogs.components import answering, chosen
from cogs.embeds import lists
from cogs.sentences import Refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bot.services import Services
    from bot.services.alerts import Alert, Post
    from cogs.money import Money

Interaction = discord.Interaction[AxieflipBot]
Style = discord.ButtonStyle
GONE: Final = "This alert is no longer on record. `/predictions` shows the latest ones."


def of(post: Post, money: Money) -> View:
    """What a post's message is operated with: a row of buttons for each alert, or the menus of a list."""
    view, shown = View(timeout=None), posts.shown(post)
    if posts.is_list(post):
        for number, options in enumerate(lists.menus(shown, money)):
            view.add_item(Pick(post.id, number, options))
        return view
    for row, alert in enumerate(shown):
        _add(view, alert, row, "Marketplace" if len(shown) == 1 else f"#{alert.listing.axie.id}")
    return view


def alone(alert: Alert) -> View:
    """The buttons of one alert."""
    view = View(timeout=None)
    _add(view, alert, 0, "Marketplace")
    return view


def _add(view: View, alert: Alert, row: int, label: str) -> None:
    view.add_item(Button(label=label, url=fmt.page(alert.listing.axie.id), row=row))
    view.add_item(AlertButton("why", alert.id, label="Why", row=row))
    view.add_item(_mine(alert, row))
    view.add_item(AlertButton("mute", alert.id, label="Mute", emoji="🔕", row=row))


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
        found = await interaction.client.services.posts.of_alert(choices.guild(interaction), self._alert_id)
        if found is None:
            raise NotFound(GONE)
        await self._act(interaction, *found)


class Pick(DynamicItem[Select[Any]], template=r"post:pick:(?P<id>[0-9]{1,18}):(?P<number>[0-9])"):
    """A menu of the alerts of a list."""

    def __init__(self, post_id: int, number: int, options: list[SelectOption] | None = None) -> None:
        first = number * lists.IN_MENU + 1
        last = first + len(options or ()) - 1
        super().__init__(
            Select(
                custom_id=f"post:pick:{post_id}:{number}",
                placeholder=f"{first}–{last}: choose one for Why, Mine and Mute",
                options=options or [],
            )
        )

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Pick:
        """The menu that somebody chose from."""
        return cls(int(match["id"]), int(match["number"]))

    @answering
    async def callback(self, interaction: Interaction) -> None:
        """Show the one that was chosen to the asker, with its buttons."""
        services = interaction.client.services
        alert_id = chosen(interaction)
        if not alert_id.isdecimal():
            raise NotFound(GONE)
        found = await services.posts.of_alert(choices.guild(interaction), int(alert_id))
        if found is None:
            raise NotFound(GONE)
        post, alert = found
        # Drawn anew, a menu forgets what was chosen, and the same can be chosen again.
        embeds, view = await drawn(services, post)
        await interaction.response.edit_message(embeds=embeds, view=view)
        await interaction.followup.send(embed=await _card(services, alert), view=alone(alert), ephemeral=True)


async def _why(interaction: Interaction, _post: Post, alert: Alert) -> None:
    await interaction.response.defer(ephemeral=True, thinking=True)
    embeds, files = await why.answer(interaction.client.services, alert)
    await interaction.followup.send(embeds=embeds, files=files, ephemeral=True)


async def _claim(interaction: Interaction, post: Post, alert: Alert) -> None:
    """Claim the alert, or give it back where it is the person's own."""
    services, user = interaction.client.services, interaction.user
    if alert.claim is not None and alert.claim.user_id == user.id:
        await services.claims.release(alert.id, user.id)
        await _redraw(interaction, post, alert)
        return
    if alert.ending is not None and alert.claim is None:
        raise Refused("It is over: there is nothing left to claim.")
    held = await services.claims.claim(alert.id, user.id, user.display_name)
    if held.user_id == user.id:
        await _redraw(interaction, post, alert)
        return
    text = f"<@{held.user_id}> claimed it {fmt.machine_time(held.at)}."
    if not interaction.permissions.manage_messages:
        await interaction.response.send_message(f"{text} Only they can give it back.", ephemeral=True)
        return
    view = View(timeout=None)
    view.add_item(AlertButton("release", alert.id, label="Release it for others", style=Style.danger))
    await interaction.response.send_message(text, view=view, ephemeral=True)


async def _release(interaction: Interaction, _post: Post, alert: Alert) -> None:
    """Take an alert from whoever claimed it; only offered to who manages messages, and checked again."""
    if not interaction.permissions.manage_messages:
        raise Refused("You need the Manage Messages permission to release what somebody else has claimed.")
    services = interaction.client.services
    await services.claims.free(alert, interaction.user.id)
    await interaction.response.edit_message(content="It is free again.", view=None)
    services.posts.wake()


async def _mute(interaction: Interaction, _post: Post, alert: Alert) -> None:
    await access.require(interaction, Area.WATCHES)
    await interaction.response.send_message(muting.question(alert), view=muting.menu(alert), ephemeral=True)


_ACTS: Final[dict[str, Callable[[Interaction, Post, Alert], Awaitable[None]]]] = {
    "why": _why,
    "mine": _claim,
    "release": _release,
    "mute": _mute,
}


async def _redraw(interaction: Interaction, post: Post, alert: Alert) -> None:
    """Show in the message that a button is in what has just happened to its alert."""
    services = interaction.client.services
    fresh = await services.posts.get(post.id)
    if fresh is None:
        raise NotFound(GONE)
    if interaction.message is not None and interaction.message.id == fresh.message_id:
        shown, view = await drawn(services, fresh)
        await interaction.response.edit_message(embeds=shown, view=view)
        await services.posts.edited(fresh)
        return
    one = next(each for each in fresh.alerts if each.id == alert.id)
    await interaction.response.edit_message(embed=await _card(services, one), view=alone(one))
    services.posts.wake()  # the message that it was chosen from is edited as others are


async def _card(services: Services, alert: Alert) -> discord.Embed:
    money = await currency.of(services, alert.guild_id)
    return posts.card(alert, alert.watch_name, fmt.Moment.of(services.clock), money)


async def drawn(services: Services, post: Post) -> tuple[list[discord.Embed], View]:
    """A post as of now: its embeds, with the mark that its message is known by, and what goes below."""
    money = await currency.of(services, post.guild_id)
    shown = posts.message(post, fmt.Moment.of(services.clock), money)
    return [outgoing.marked(shown[0], post.nonce), *shown[1:]], of(post, money)


async def setup(bot: AxieflipBot) -> None:
    """Let the buttons of every message work, those of earlier lives too."""
    bot.add_dynamic_items(AlertButton, Pick, muting.MuteMenu, muting.Unmute)
