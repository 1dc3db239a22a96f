"""Every command of the tree, whichever there are: its own examples work, and what is wrong is a sentence.

What each does is for the tests of its subject; here none can be forgotten, for all of it follows from the
tree itself.
"""

from __future__ import annotations

import re
from typing import Any

import discord
import pytest
from discord import AppCommandOptionType as Kind
from discord.app_commands import Command

from bot.client import create_bot
from bot.services.guild_settings import Area
from cogs import help as help_cog
from cogs import steering
from pipeline.market.pages import AxieDetail
from tests.cogs.parts import make_axie, make_listing
from tests.cogs.world import World, text

AXIE = 11_823_451  # the one that examples speak of
FAULT = "Something went wrong"
NAUGHTY = "no such 🤷 @everyone `x`; DROP TABLE watches"
STEP_S = 61.0  # a little more than the pause between two looks at a training


@pytest.fixture
def named(world: World) -> dict[str, Any]:
    """Channels and roles that examples name."""
    channels = {name: world.guild.create_text_channel(name) for name in ("rare", "bot-ops")}
    return channels | {"Traders": world.guild.create_role("Traders", mentionable=True)}


@pytest.fixture
async def furnished(world: World, named: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> World:
    """A server with all that the examples name."""
    # The simulated Discord waits for what is due within five seconds; this keeps time in the test's hands.
    monkeypatch.setattr(steering, "PROGRESS_EVERY_S", 60.0)
    for name in ("Bargains", "Mystics"):
        await world.watch(name=name, max_price_usd=400.0)
    (first, *_) = await world.services.watches.list(world.guild.id)
    axie = make_axie(id=AXIE)
    listing = make_listing(world.services.clock.now(), axie=axie)
    world.market.details[AXIE] = AxieDetail(axie, listing)
    await world.signal(first, listing=listing)
    return world


def admin(world: World) -> Any:
    role = world.guild.create_role("Admins", permissions=discord.Permissions(administrator=True))
    return world.guild.add_member(world.env.create_user("ada"), roles=[role])


async def given(
    world: World, named: dict[str, Any], person: Any, command: Command[Any, ..., Any], example: str
) -> dict[str, Any]:
    """The options of an example, as a person would fill them in from what is offered."""
    options = {each.display_name: each for each in command.parameters}
    names = "|".join(map(re.escape, options)) or "$^"
    words = re.split(rf"\s({names}):", example.removeprefix(f"/{command.qualified_name}"))
    filled: dict[str, Any] = {}
    for name, value in zip(words[1::2], words[2::2], strict=True):
        option = options[name]
        match option.type:
            case Kind.channel | Kind.role:
                filled[name] = named[value[1:]]
            case Kind.boolean:
                filled[name] = value == "True"
            case _ if option.choices:
                offered = {each.name: each.value for each in option.choices}
                (filled[name],) = [each for name_, each in offered.items() if name_.startswith(value)]
            case Kind.number:
                filled[name] = float(value)
            case Kind.integer if not option.autocomplete:
                filled[name] = int(value)
            case _ if option.autocomplete and "," not in value:
                found = await person.autocomplete(
                    world.channel, command.qualified_name, name, value, **filled
                )
                assert found, f"nothing is offered for {name}:{value} of {example}"
                filled[name] = found[0]["value"]
            case _:
                filled[name] = value
    return filled


def said(result: Any) -> str:
    """What was answered, be it a form."""
    if result.modal is not None:
        return str(result.modal["title"])
    return text(result)


async def run(world: World, person: Any, command: str, /, **options: Any) -> str:
    result = await person.slash(world.channel, command, **options)
    if world.retraining.current is not None:
        await world.retraining.end("cancelled", error="the test is over")
        await world.env.advance_time(STEP_S)
    assert result.acknowledged, command
    return said(result)


@pytest.mark.parametrize("restarted", [False, True])
async def test_every_example_of_every_command_is_answered(
    furnished: World, named: dict[str, Any], restarted: bool
) -> None:
    person = admin(furnished)
    if restarted:
        await furnished.env.restart_bot(create_bot(furnished.services, shard_count=1))
    for command in help_cog.every(furnished.bot):
        if command.qualified_name == "watch remove":
            continue  # what others speak of is needed until the end
        for example in command.extras["examples"]:
            options = await given(furnished, named, person, command, example)
            told = await run(furnished, person, command.qualified_name, **options)
            assert told, example
            assert FAULT not in told, example
            assert "You need" not in told, example
    assert "No longer watching" in await run(furnished, person, "watch remove", name="Bargains")


async def test_whom_reading_is_kept_from_is_refused_every_command_and_offered_nothing(
    furnished: World,
) -> None:
    role = furnished.guild.create_role("Readers")
    await furnished.services.guilds.grant(furnished.guild.id, 1, Area.READING, role.id)
    person = furnished.member
    for command in help_cog.every(furnished.bot):
        result = await person.slash(furnished.channel, command.qualified_name, **required(command))
        assert result.ephemeral, command.qualified_name
        assert f"the role <@&{role.id}>" in said(result), command.qualified_name
        for option in command.parameters:
            if option.autocomplete:
                offered = await person.autocomplete(
                    furnished.channel, command.qualified_name, option.display_name, ""
                )
                assert offered == [], (command.qualified_name, option.name)


async def test_what_is_not_for_everyone_is_refused_to_a_member_with_who_may(
    furnished: World, named: dict[str, Any]
) -> None:
    person = admin(furnished)
    before = await furnished.services.watches.list(furnished.guild.id)
    noted = await furnished.services.audit.recent(furnished.guild.id)
    for command in help_cog.every(furnished.bot):
        if help_cog.area(command) is Area.READING:
            continue
        options = await given(furnished, named, person, command, command.extras["examples"][-1])
        result = await furnished.member.slash(furnished.channel, command.qualified_name, **options)
        assert result.ephemeral, command.qualified_name
        assert "You need" in said(result), command.qualified_name
    assert await furnished.services.watches.list(furnished.guild.id) == before
    assert await furnished.services.audit.recent(furnished.guild.id) == noted


async def test_whatever_is_typed_is_answered_with_a_sentence(furnished: World) -> None:
    person = admin(furnished)
    for command in help_cog.every(furnished.bot):
        for option in command.parameters:
            if option.type is not Kind.string or option.choices:
                continue
            options = required(command) | {option.display_name: NAUGHTY}
            told = await run(furnished, person, command.qualified_name, **options)
            assert FAULT not in told, (command.qualified_name, option.display_name)
            if not told.startswith("Thresholds of"):  # a form's title shows nothing but letters
                assert "@everyone" not in told, (command.qualified_name, option.name)


def required(command: Command[Any, ..., Any]) -> dict[str, Any]:
    """The least that Discord lets a person send."""
    values: dict[Kind, Any] = {Kind.string: "Bargains", Kind.integer: AXIE, Kind.number: 1.0}
    return {
        each.display_name: each.choices[0].value if each.choices else values[each.type]
        for each in command.parameters
        if each.required
    }
