"""What people type into a command's options, turned into domain values or refused with a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import discord
from discord import app_commands
from discord.app_commands import Choice

from bot.services.pacing import Quiet
from cogs import format as fmt
from cogs import parsing, wishes
from cogs.sentences import Refused
from pipeline.market.traits import Collection
from pipeline.market.values import AxieClass, Token

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bot.client import AxieflipBot

MOST: Final = 25  # choices that Discord shows
COLLECTIONS: Final = [Choice(name=fmt.collection_name(kind), value=kind.value) for kind in Collection]


class Classes(app_commands.Transformer):
    """A comma-separated list of axie classes."""

    async def transform(self, interaction: discord.Interaction, value: str, /) -> tuple[AxieClass, ...]:
        """The classes named."""
        return parsing.classes(value)

    async def autocomplete(self, interaction: discord.Interaction, value: str, /) -> list[Choice[str]]:  # type: ignore[override]
        """Completions of the last class in the list."""
        return completed(value, AxieClass)


class Collections(app_commands.Transformer):
    """A comma-separated list of collections."""

    async def transform(self, interaction: discord.Interaction, value: str, /) -> tuple[Collection, ...]:
        """The collections named."""
        return parsing.collections(value)

    async def autocomplete(self, interaction: discord.Interaction, value: str, /) -> list[Choice[str]]:  # type: ignore[override]
        """Completions of the last collection in the list."""
        return completed(value, Collection)


class Tokens(app_commands.Transformer):
    """A comma-separated list of payment tokens."""

    async def transform(self, interaction: discord.Interaction, value: str, /) -> tuple[Token, ...]:
        """The tokens named."""
        return parsing.tokens(value)

    async def autocomplete(self, interaction: discord.Interaction, value: str, /) -> list[Choice[str]]:  # type: ignore[override]
        """Completions of the last token in the list."""
        return completed(value, Token)


class Parts(app_commands.Transformer):
    """A comma-separated list of part ids."""

    async def transform(self, interaction: discord.Interaction, value: str, /) -> tuple[str, ...]:
        """The part ids named."""
        return parsing.parts(value)

    async def autocomplete(  # type: ignore[override]
        self, interaction: discord.Interaction[AxieflipBot], value: str, /
    ) -> list[Choice[str]]:
        """Completions of the last part in the list, from the parts seen on listed axies."""
        return completed(value, await interaction.client.services.parts.all(), anywhere=True)


class QuietHours(app_commands.Transformer):
    """Hours of the day in which a watch stays quiet."""

    async def transform(self, interaction: discord.Interaction, value: str, /) -> Quiet:
        """The hours, in minutes of the day."""
        return parsing.quiet(value)


class WatchOptions(app_commands.Transformer):
    """Options of a watch to be lifted, with those suggested that it has."""

    async def transform(self, interaction: discord.Interaction, value: str, /) -> tuple[str, ...]:
        """The options named."""
        return wishes.options(value)

    async def autocomplete(  # type: ignore[override]
        self, interaction: discord.Interaction[AxieflipBot], value: str, /
    ) -> list[Choice[str]]:
        """What the watch that was named asks for, or all that a watch may ask for."""
        named = str(getattr(interaction.namespace, "name", "")).casefold()
        watches = await interaction.client.services.watches.list(guild(interaction))
        wish = next((wishes.Wish.of(each) for each in watches if each.name.casefold() == named), None)
        return completed(value, [each for each in wishes.TEXTS if wish is None or wishes.is_set(wish, each)])


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


def completed(value: str, names: Iterable[str], *, anywhere: bool = False) -> list[Choice[str]]:
    """Completions of the last name of a comma-separated list, each with what was typed before it.

    With `anywhere` a name matches that contains all words typed, those that begin with them first.
    """
    done, _, last = value.rpartition(",")
    names = tuple(names)
    known = {name.lower(): name for name in names}
    chosen = [known.get(word.lower(), word) for word in parsing.words(done)]
    taken = {word.lower() for word in chosen}
    typed = last.strip().lower()
    matching = [name for name in names if name.lower() not in taken and _matches(name, typed, anywhere)]
    if anywhere:
        matching.sort(key=lambda name: not name.partition("-")[2].startswith(typed.replace(" ", "-")))
    lists = [", ".join([*chosen, name]) for name in matching]
    return [Choice(name=text, value=text) for text in lists if len(text) <= 100][:MOST]


def _matches(name: str, typed: str, anywhere: bool) -> bool:
    if anywhere:
        return all(word in name for word in typed.replace("-", " ").split())
    return name.lower().startswith(typed)
