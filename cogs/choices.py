"""What people type into a command's options, turned into domain values or refused with a reason."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import discord
from discord import app_commands
from discord.app_commands import Choice

from cogs import format as fmt
from cogs.sentences import Refused
from pipeline.market.traits import Collection
from pipeline.market.values import AxieClass, Slot

if TYPE_CHECKING:
    from bot.client import AxieflipBot

MOST: Final = 25  # choices that Discord shows
_PART: Final = re.compile(rf"(?:{'|'.join(Slot)})-[a-z0-9-]{{1,40}}")
_CLASSES: Final = {kind.lower(): kind for kind in AxieClass}

COLLECTIONS: Final = [Choice(name=kind.title(), value=kind.value) for kind in Collection]


class Classes(app_commands.Transformer):
    """A comma-separated list of axie classes."""

    async def transform(self, interaction: discord.Interaction, value: str, /) -> tuple[AxieClass, ...]:
        """The classes named, without repetitions, in the order given."""
        words = _words(value)
        if unknown := [word for word in words if word.lower() not in _CLASSES]:
            raise Refused(
                f"“{fmt.plain(unknown[0], 40)}” is no axie class. The classes are {', '.join(AxieClass)}."
            )
        return tuple(dict.fromkeys(_CLASSES[word.lower()] for word in words))

    async def autocomplete(self, interaction: discord.Interaction, value: str, /) -> list[Choice[str]]:  # type: ignore[override]
        """Completions of the last class in the list, each with what was typed before it."""
        done, _, last = value.rpartition(",")
        chosen = [_CLASSES[word.lower()] for word in _words(done) if word.lower() in _CLASSES]
        rest = [kind for kind in AxieClass if kind not in chosen]
        matching = [kind for kind in rest if kind.lower().startswith(last.strip().lower())]
        lists = [", ".join([*chosen, kind]) for kind in matching]
        return [Choice(name=text, value=text) for text in lists if len(text) <= 100]


class Parts(app_commands.Transformer):
    """A comma-separated list of part ids."""

    async def transform(self, interaction: discord.Interaction, value: str, /) -> tuple[str, ...]:
        """The part ids, lower case and without repetitions."""
        parts = tuple(dict.fromkeys(word.lower().replace(" ", "-") for word in _words(value)))
        for part in parts:
            if not _PART.fullmatch(part):
                raise Refused(
                    f"“{fmt.plain(part, 40)}” is no part id. Write slot and name, like `tail-carrot` or "
                    "`mouth-tiny-turtle`, with commas between several."
                )
        if len(parts) > len(Slot):
            raise Refused("An axie has six parts; name at most six.")
        return parts


class WatchName(app_commands.Transformer):
    """The name of one of the server's watches, with suggestions."""

    async def transform(self, interaction: discord.Interaction, value: str, /) -> str:
        """The name as it was typed; whether it exists is for the watches to say."""
        return " ".join(value.split())

    async def autocomplete(  # type: ignore[override]
        self, interaction: discord.Interaction[AxieflipBot], value: str, /
    ) -> list[Choice[str]]:
        """The server's watches whose names contain what was typed."""
        watches = await interaction.client.services.watches.list(guild(interaction))
        names = [watch.name for watch in watches if value.casefold() in watch.name.casefold()]
        return [Choice(name=name, value=name) for name in names[:MOST]]


class ListedAxie(app_commands.Transformer):
    """The number of an axie, completed from those that were listed."""

    async def transform(self, interaction: discord.Interaction, value: str, /) -> int:
        """The number, with or without a number sign."""
        digits = value.strip().removeprefix("#")
        if not digits.isascii() or not digits.isdecimal() or len(digits) > 10:
            raise Refused(
                f"“{fmt.plain(value, 40)}” is no axie's number. It is in its address: axies/123456."
            )
        return int(digits)

    async def autocomplete(  # type: ignore[override]
        self, interaction: discord.Interaction[AxieflipBot], value: str, /
    ) -> list[Choice[str]]:
        """Axies listed lately whose number begins with what was typed."""
        typed = value.strip().removeprefix("#")
        found = await interaction.client.services.history.numbers(typed, MOST)
        return [Choice(name=f"#{number} · {class_}", value=str(number)) for number, class_ in found]


def guild(interaction: discord.Interaction[AxieflipBot]) -> int:
    """The server that a command was used on; every command is for servers alone."""
    if interaction.guild_id is None:
        raise app_commands.NoPrivateMessage
    return interaction.guild_id


def ratio(percentage: float | None) -> float | None:
    """A percentage as the ratio that thresholds are kept in; 25 is 0.25."""
    return None if percentage is None else percentage / 100


def ordered(what: str, low: float | None, high: float | None) -> None:
    """Refuse a range whose least is above its most."""
    if low is not None and high is not None and low > high:
        raise Refused(f"The least {what} ({low:g}) is above the most ({high:g}); no axie could match.")


def _words(text: str) -> list[str]:
    return [word for part in text.split(",") if (word := part.strip())]
