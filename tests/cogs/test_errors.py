"""Whatever goes wrong in a command, the person reads one sentence that nobody else sees."""

from __future__ import annotations

from typing import Any

import discord
import pytest
from discord import app_commands
from structlog.testing import capture_logs

from bot.client import create_bot
from bot.errors import Conflict, NoChampion
from cogs.choices import Parts
from cogs.sentences import Refused, sentence
from tests.cogs.world import World, text


async def test_a_fault_is_logged_under_the_reference_that_is_shown(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_guild: int) -> Any:
        raise RuntimeError("disk on fire")

    monkeypatch.setattr(world.services.watches, "list", broken)
    with capture_logs() as logs:
        result = await world.member.slash(world.channel, "watch list")
    (entry,) = [log for log in logs if log["event"] == "command failed"]
    assert result.ephemeral
    assert entry["reference"] in text(result)
    assert "fire" not in text(result)
    assert entry["command"] == "watch list"
    assert entry["user"] == world.member.id
    assert isinstance(entry["exc_info"], RuntimeError)


async def test_an_error_after_a_deferred_answer_is_still_told(world: World) -> None:
    world.market.failure = RuntimeError("unforeseen")
    result = await world.member.slash(world.channel, "predict", axie_id="1")
    assert "reference" in text(result)


@pytest.mark.parametrize(("status", "code"), [(404, 10062), (400, 40060)])
async def test_an_interaction_that_is_over_is_passed_over_quietly(
    world: World, status: int, code: int
) -> None:
    world.env.inject_error("POST", "/interactions/*/*/callback", status=status, code=code)
    with capture_logs() as logs:
        result = await world.member.slash(world.channel, "watch list")
    assert result.response is None
    assert [log["event"] for log in logs if log["log_level"] == "error"] == []


async def test_an_error_that_cannot_be_shown_ends_there(world: World) -> None:
    world.env.inject_error("POST", "/interactions/*/*/callback", status=500, times=None)
    with capture_logs() as logs:
        await world.member.slash(world.channel, "threshold set", watch="none")
    assert "could not show an error" in [log["event"] for log in logs]


async def test_a_bot_built_anew_still_knows_its_own_refusals(world: World) -> None:
    former = {name: type(cog) for name, cog in world.bot.cogs.items()}
    for name in former:
        await world.bot.remove_cog(name)
    anew = create_bot(world.services, shard_count=1)
    await world.env.restart_bot(anew)
    assert {name: type(cog) for name, cog in anew.cogs.items()} == former  # no classes beside those of before
    result = await world.manager.slash(
        world.channel, "watch add", name="x", channel=world.channel, classes="dragon"
    )
    assert "no axie class" in text(result)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Conflict("there is one already"), "There is one already."),
        (NoChampion("no model: run `axieflip train`, or /model retrain"), "No model"),
        (Refused("Not so."), "Not so."),
        (app_commands.MissingPermissions(["manage_guild"]), "Manage Server"),
        (app_commands.BotMissingPermissions(["embed_links"]), "Embed Links"),
        (app_commands.CommandOnCooldown(app_commands.Cooldown(1, 60), 30.0), "31 s"),
        (app_commands.NoPrivateMessage(), "only on a server"),
        (app_commands.CheckFailure(), "may not"),
        (app_commands.CommandNotFound("old", []), "Reload Discord"),
    ],
)
def test_expected_errors_have_their_sentence(error: Exception, said: str) -> None:
    assert said in (sentence(error) or "")


def test_a_value_that_cannot_be_used_is_named_harmlessly() -> None:
    error = app_commands.TransformerError("#secret", discord.AppCommandOptionType.channel, Parts())
    assert "\\#secret" in (sentence(error) or "")


def test_what_nobody_foresaw_has_no_sentence() -> None:
    assert sentence(RuntimeError("x")) is None
