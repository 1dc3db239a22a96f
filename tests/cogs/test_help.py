"""`/help` tells of every command that is there, and each has examples that would work."""

from __future__ import annotations

import re
from typing import Any

import pytest
from discord.app_commands import Command

from bot.client import create_bot
from bot.services.guild_settings import Area
from cogs import help as help_cog
from tests.cogs.world import World, text


async def test_the_overview_names_every_command_to_click_on(world: World) -> None:
    shown = text(await world.member.slash(world.channel, "help"))
    for command in help_cog.every(world.bot):
        top = command.qualified_name.partition(" ")[0]
        assert f"</{command.qualified_name}:{world.bot.command_ids[top]}>" in shown


async def test_commands_can_still_be_clicked_on_after_a_restart_that_publishes_nothing(world: World) -> None:
    before = dict(world.bot.command_ids)
    await world.env.restart_bot(create_bot(world.services, shard_count=1))
    assert world.bot.command_ids == before


async def test_one_command_is_explained_with_options_examples_and_who_may(world: World) -> None:
    shown = text(await world.member.slash(world.channel, "help", command="/watch add"))
    for words in (
        "/watch add",
        "`max_price` (optional)",
        "/watch add preset:Bargains",
        "manages the channel",
    ):
        assert words in shown


async def test_a_misspelt_command_is_answered_with_the_nearest(world: World) -> None:
    result = await world.member.slash(world.channel, "help", command="wach add")
    assert result.ephemeral
    assert "Did you mean `/watch add`" in text(result)


async def test_commands_are_suggested_by_name_and_by_what_they_do(world: World) -> None:
    found = await world.member.autocomplete(world.channel, "help", "command", "watch")
    assert found[0]["name"] == "/watch add"
    by_deed = await world.member.autocomplete(world.channel, "help", "command", "marked example")
    assert [choice["value"] for choice in by_deed] == ["watch test"]


async def test_every_command_has_examples_of_options_that_it_takes(world: World) -> None:
    for command in help_cog.every(world.bot):
        examples = command.extras.get("examples", ())
        assert examples, f"/{command.qualified_name} has no example"
        for example in examples:
            given = example.removeprefix(f"/{command.qualified_name}")
            assert given != example, example
            named = set(re.findall(r"(\w+):", re.sub(r"\d+:\d+", "", given)))
            assert named <= {each.display_name for each in command.parameters}, example


async def test_every_text_of_a_command_fits_and_no_explanation_is_too_long(world: World) -> None:
    for command in help_cog.every(world.bot):
        result = await world.member.slash(world.channel, "help", command=command.qualified_name)
        assert f"/{command.qualified_name}" in text(result)


@pytest.mark.parametrize(
    ("name", "area"),
    [
        ("watch add", Area.WATCHES),
        ("watch list", Area.READING),
        ("threshold set", Area.WATCHES),
        ("settings set", Area.SETTINGS),
        ("settings show", Area.READING),
        ("model retrain", Area.MODEL),
        ("predict", Area.READING),
    ],
)
async def test_help_knows_whom_a_command_is_for(world: World, name: str, area: Area) -> None:
    known: dict[str, Command[Any, ..., Any]] = {c.qualified_name: c for c in help_cog.every(world.bot)}
    assert help_cog.area(known[name]) is area
