"""What can be done with a watch, however it was asked for: by a command, a button or a form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord
import msgspec

from bot.client import AxieflipBot
from bot.errors import NotFound
from bot.services.guild_settings import Area
from cogs import access, choices, embeds, money, permissions, wishes
from cogs import format as fmt
from cogs.embeds import watch_words
from cogs.sentences import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.services import Services
    from bot.services.presets import Preset
    from bot.services.preview import Preview
    from bot.services.watches import Watch
    from cogs.permissions import Target
    from cogs.wishes import Wish

Interaction = discord.Interaction[AxieflipBot]


async def managed(interaction: Interaction, name: str) -> Watch:
    """The watch of that name, if the person may change it."""
    watch = await interaction.client.services.watches.get(choices.guild(interaction), name)
    await access.require_watch(interaction, watch.channel_id)
    return watch


async def managed_by_id(interaction: Interaction, id_: int) -> Watch:
    """The watch of that number, if the person may change it."""
    watch = await interaction.client.services.watches.by_id(choices.guild(interaction), id_)
    await access.require_watch(interaction, watch.channel_id)
    return watch


async def may_manage(interaction: Interaction, watch: Watch) -> bool:
    """Whether the person may change the watch."""
    try:
        await access.require_watch(interaction, watch.channel_id)
    except Refused:
        return False
    return True


async def add(
    interaction: Interaction, name: str | None, channel: Target, preset: Preset | None, wish: Wish
) -> discord.Embed:
    """Make a watch and tell what it would have brought lately."""
    guild, services = choices.guild(interaction), interaction.client.services
    await require_place(interaction, channel)
    _require_role(interaction, wish.delivery.role_id)
    if name is None:
        taken = {watch.name.casefold() for watch in await services.watches.list(guild)}
        name = _free(preset.title if preset else "Bargains", taken)
    watch = await services.watches.add(
        guild, channel.id, name, wish.thresholds, wish.filters, interaction.user.id, wish.delivery
    )
    return await told(interaction, watch, "Watching from now on.", channel)


async def change(
    interaction: Interaction,
    watch: Watch,
    given: Mapping[str, Any],
    *,
    lifted: tuple[str, ...] = (),
    name: str | None = None,
    channel: Target | None = None,
) -> discord.Embed:
    """Change what is given of a watch, and tell what it would have brought that way."""
    if channel is not None and channel.id != watch.channel_id:
        await require_place(interaction, channel)
    _require_role(interaction, given.get("role"))

    def edit(current: Watch) -> Watch:
        changed = wishes.worn(current, wishes.edited(wishes.Wish.of(current), given, lifted))
        return msgspec.structs.replace(
            changed,
            name=changed.name if name is None else name,
            channel_id=changed.channel_id if channel is None else channel.id,
        )

    services = interaction.client.services
    after = await services.watches.change(watch.guild_id, watch.name, interaction.user.id, edit)
    assert interaction.guild is not None
    if (
        after.paused_reason is not None
        and await permissions.lacks(interaction.guild, after, at_once=True) is None
    ):
        after = await go_on(services, after, None)
    place = permissions.place(interaction.guild, after.channel_id)
    lead = "Changed, for listings from now on." if after != watch else "Nothing to change: it is so already."
    return await told(interaction, after, lead, place)


async def go_on(services: Services, watch: Watch, actor: int | None) -> Watch:
    """Let a paused watch post again; what it could not deliver for a day is tried once more."""
    after = await services.watches.set_paused(watch.guild_id, watch.name, actor, False)
    if watch.paused_reason is not None and await services.outbox.revive(after.id, after.channel_id):
        services.outbox.wake()
    return after


async def set_paused(interaction: Interaction, watch: Watch, paused: bool) -> Watch:
    """Pause a watch or let it go on, where it can."""
    services = interaction.client.services
    if paused:
        return await services.watches.set_paused(watch.guild_id, watch.name, interaction.user.id, True)
    assert interaction.guild is not None
    if (reason := await permissions.lacks(interaction.guild, watch, at_once=True)) is not None:
        raise Refused(f"“{fmt.plain(watch.name, 50)}” cannot go on yet. {reason}")
    return await go_on(services, watch, interaction.user.id)


async def restore(interaction: Interaction, entry_id: int) -> discord.Embed:
    """Undo a removal."""
    guild, services = choices.guild(interaction), interaction.client.services
    entry = await services.audit.entry(guild, entry_id)
    if entry is None or entry.before is None:
        raise NotFound("What was removed is no longer on record. Add the watch again.")
    await access.require_watch(interaction, int(entry.before["channel_id"]))
    watch = await services.watches.restore(guild, entry, interaction.user.id)
    return await told(
        interaction, watch, "It is back.", permissions.place(interaction.guild, watch.channel_id)
    )


async def told(interaction: Interaction, watch: Watch, lead: str, place: Target | None) -> discord.Embed:
    """A watch after a change: how it reads now, and what it would have brought."""
    written = await money.of(interaction.client.services, watch.guild_id)
    seen = await preview(interaction, watch)
    lines = [
        lead,
        watch_words.row(watch, written),
        "" if seen is None else f"\n{watch_words.would_have(seen, written)}",
        (permissions.ping_note(place, watch.delivery.role_id) or "") if place else "",
        f"⚠️ {watch.paused_reason}" if watch.paused_reason else "",
    ]
    return embeds.note("\n".join(filter(None, lines)), embeds.QUIET if watch.paused else embeds.GOOD)


async def preview(interaction: Interaction, watch: Watch) -> Preview | None:
    """What a watch would have brought lately."""
    return await interaction.client.services.previews.of(watch.thresholds, watch.filters)


async def require_place(interaction: Interaction, channel: Target) -> None:
    """Refuse a channel that the person does not manage, or that the bot cannot post in."""
    await access.require(interaction, Area.WATCHES, channel)
    permissions.require_posting(channel)


def _require_role(interaction: Interaction, role_id: int | None) -> None:
    if role_id is not None and role_id == interaction.guild_id:
        raise Refused("I do not ping @everyone. Pick a role that people can leave.")


def _free(name: str, taken: set[str]) -> str:
    names = (name, *(f"{name} {number}" for number in range(2, 100)))
    return next(each for each in names if each.casefold() not in taken)
