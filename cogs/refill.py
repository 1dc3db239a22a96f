"""A form that was refused keeps what was typed: the answer shows it, and opens the form again with it.

What was typed stands in the answer itself, which is why the button needs no memory and works after a
restart of the bot.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import discord
from discord import ui

from cogs import errors
from cogs import format as fmt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

TITLE: Final = "What you typed"
LABEL: Final = "Open it again"
_MENTION: Final = re.compile(r"<(?:#|@&)(\d+)>")
_EMPTY: Final = "–"


def fields(components: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What was sent, by custom id: the text of a line, the values of a menu."""
    found: dict[str, Any] = {}
    for component in components:
        inner = component.get("component") or component
        for item in (inner, *inner.get("components", ())):
            if "custom_id" in item:
                found[item["custom_id"]] = item["values"] if "values" in item else item.get("value") or ""
    return found


async def refuse(
    interaction: discord.Interaction[Any], cause: Exception, form: ui.Modal, button: ui.Item[Any]
) -> None:
    """Tell what was wrong with a form. `form` is that form as it opens, `button` what opens it."""
    data: Mapping[str, Any] = interaction.data or {}
    view = ui.View(timeout=None)
    view.add_item(button)
    await errors.tell(interaction, cause, embed=_typed(form, fields(data.get("components", ()))), view=view)


def filled(form: ui.Modal, message: discord.Message | None) -> ui.Modal:
    """The form with what was typed, where the button that opens it is in the answer to a refused one."""
    embed = next((each for each in (message.embeds if message else ()) if each.title == TITLE), None)
    if embed is not None:
        said = {field.name: field.value or "" for field in embed.fields}
        for label, component in _lines(form):
            if label in said:
                _set(component, said[label])
    return form


def _typed(form: ui.Modal, sent: Mapping[str, Any]) -> discord.Embed:
    embed = discord.Embed(title=TITLE)
    for label, component in _lines(form):
        value = sent.get(component.custom_id)
        embed.add_field(name=label, value=_shown(component, value) if value else _EMPTY, inline=False)
    return embed


def _lines(form: ui.Modal) -> Iterator[tuple[str, Any]]:
    return ((item.text, item.component) for item in form.children if isinstance(item, ui.Label))


def _shown(component: Any, value: Any) -> str:
    match component:
        case ui.ChannelSelect():
            return " ".join(f"<#{id_}>" for id_ in value)
        case ui.RoleSelect():
            return " ".join(f"<@&{id_}>" for id_ in value)
        case ui.Select():
            return ", ".join(value)
        case _:
            # In ticks, that Discord shows it as it was typed.
            return f"`{fmt.shorten(value, 1000)}`"


def _set(component: Any, said: str) -> None:
    match component:
        case ui.ChannelSelect():
            component.default_values = _defaults(said, discord.SelectDefaultValueType.channel)
        case ui.RoleSelect():
            component.default_values = _defaults(said, discord.SelectDefaultValueType.role)
        case ui.Select():
            values = said.split(", ")
            for option in component.options:
                option.default = option.value in values
        case _:
            component.default = None if said == _EMPTY else said[1:-1]


def _defaults(said: str, kind: discord.SelectDefaultValueType) -> list[discord.SelectDefaultValue]:
    return [chosen(int(id_), kind) for id_ in _MENTION.findall(said)]


def chosen(id_: int, kind: discord.SelectDefaultValueType) -> discord.SelectDefaultValue:
    """A channel or role that a menu shows as chosen."""
    # discord.py would send a number here, where Discord's description of its API wants a string.
    return discord.SelectDefaultValue(id=str(id_), type=kind)  # type: ignore[arg-type]
