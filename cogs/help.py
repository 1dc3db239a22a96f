"""`/help`: made from the command tree itself, so that it never tells of what is not there.

A command's examples stand beside it, in its `extras`; who may use it is what its check or `extras` say.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, Final

import discord
from discord import app_commands
from discord.app_commands import Choice, Command, Group, Transform
from discord.ext import commands

from bot.client import AxieflipBot
from bot.errors import NotFound
from bot.services.guild_settings import Area
from cogs import access, choices, embeds
from cogs import format as fmt
from cogs.embeds import settings_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    AnyCommand = Command[Any, ..., Any]

Interaction = discord.Interaction[AxieflipBot]
EXAMPLES: Final = "examples"
AREA: Final = "area"


class CommandName(app_commands.Transformer):
    """The name of a command, with or without its slash."""

    async def transform(self, interaction: discord.Interaction, value: str, /) -> str:
        """The name alone."""
        return " ".join(value.removeprefix("/").lower().split())

    async def autocomplete(  # type: ignore[override]
        self, interaction: discord.Interaction[AxieflipBot], value: str, /
    ) -> list[Choice[str]]:
        """Commands whose name or description holds what was typed, names first."""
        typed = " ".join(value.removeprefix("/").lower().split())
        found = [
            each
            for each in every(interaction.client)
            if typed in each.qualified_name or typed in each.description.lower()
        ]
        found.sort(key=lambda each: (not each.qualified_name.startswith(typed), each.qualified_name))
        return [
            Choice(name=f"/{each.qualified_name}", value=each.qualified_name)
            for each in found[: choices.MOST]
        ]


class HelpCog(commands.Cog, name="Help"):
    """`/help`."""

    def __init__(self, bot: AxieflipBot) -> None:
        self._bot = bot

    @app_commands.command(
        name="help",
        description="All commands, or one with its options and examples",
        extras={EXAMPLES: ("/help", "/help command:watch add")},
    )
    @app_commands.guild_only()
    @app_commands.describe(command="The command to explain")
    async def help(
        self, interaction: Interaction, command: Transform[str, CommandName] | None = None
    ) -> None:
        """Explain one command, or list all of them."""
        embed = _overview(self._bot) if command is None else _explained(self._bot, command)
        await interaction.response.send_message(embed=embed, ephemeral=True)


def every(bot: AxieflipBot) -> list[AnyCommand]:
    """All commands that can be used, by name."""
    found = (each for top in bot.tree.get_commands() for each in _leaves(top))
    return sorted(found, key=lambda each: each.qualified_name)


def area(command: AnyCommand) -> Area:
    """Who may use a command: as its check says, or its `extras` where that depends on what is named."""
    for check in command.checks:
        if isinstance(check, access.Needs):
            return check.area
    return Area(command.extras.get(AREA, Area.READING))


def _leaves(command: object) -> Iterator[AnyCommand]:
    if isinstance(command, Group):
        for each in command.commands:
            yield from _leaves(each)
    elif isinstance(command, Command):
        yield command


def _overview(bot: AxieflipBot) -> discord.Embed:
    embed = discord.Embed(title="What I can do", colour=embeds.GOOD)
    single: list[AnyCommand] = []
    for top in sorted(bot.tree.get_commands(), key=lambda each: each.name):
        if isinstance(top, Group):
            rows = [f"{_mention(bot, each)} – {each.description}" for each in _leaves(top)]
            embed.add_field(name=top.description, value=embeds.fit(rows, 1024), inline=False)
        elif isinstance(top, Command):
            single.append(top)
    rows = [f"{_mention(bot, each)} – {each.description}" for each in single]
    embed.add_field(name="Besides", value=embeds.fit(rows, 1024), inline=False)
    return embed.set_footer(text="/help command:… explains one with its options and examples")


def _explained(bot: AxieflipBot, name: str) -> discord.Embed:
    known = {each.qualified_name: each for each in every(bot)}
    command = known.get(name)
    if command is None:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
        hint = f" Did you mean {' or '.join(f'`/{each}`' for each in near)}?" if near else ""
        raise NotFound(f"There is no command “{fmt.plain(name, 40)}”.{hint} `/help` lists all of them.")
    embed = discord.Embed(
        title=f"/{command.qualified_name}", description=f"{command.description}.", colour=embeds.GOOD
    )
    options = [
        f"`{each.display_name}`{'' if each.required else ' (optional)'} – {each.description}"
        for each in command.parameters
    ]
    for number, chunk in enumerate(_chunks(options)):
        embed.add_field(name="Options" if number == 0 else "​", value=chunk, inline=False)
    examples = "\n".join(f"`{example}`" for example in command.extras.get(EXAMPLES, ()))
    if examples:
        embed.add_field(name="Examples", value=examples, inline=False)
    return embed.set_footer(text=f"For {_who(area(command))}")


def _chunks(rows: list[str]) -> Iterator[str]:
    chunk = ""
    for row in rows:
        if len(chunk) + len(row) + 1 > 1024:
            yield chunk
            chunk = ""
        chunk = f"{chunk}\n{row}" if chunk else row
    if chunk:
        yield chunk


def _who(needed: Area) -> str:
    if needed is Area.PROCESS:
        return "the owner of the application"
    name, others = settings_words.AREAS[needed]
    return others if needed is Area.READING else f"{others}, and the role that /settings grant names ({name})"


def _mention(bot: AxieflipBot, command: AnyCommand) -> str:
    """A command that can be clicked, where its number is known."""
    id_ = bot.command_ids.get(command.qualified_name.partition(" ")[0])
    return f"`/{command.qualified_name}`" if id_ is None else f"</{command.qualified_name}:{id_}>"


async def setup(bot: AxieflipBot) -> None:
    """Add the cog."""
    await bot.add_cog(HelpCog(bot))
