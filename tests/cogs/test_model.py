"""Retraining from Discord: who may, how it is followed, and what is said of the result."""

from __future__ import annotations

import sys
from typing import Any

import discord
import pytest

from bot.settings import Settings
from cogs import reports
from tests.cogs.world import World, text, words

STEP_S = 61.0  # a little more than the pause between two looks at the training
BETTER = {
    "promoted": True,
    "reason": "log error 0.2101 against the champion's 0.2202 on 900 newer sales",
    "metrics": {"median_ape": 0.14, "within_20": 0.63, "r2_log": 0.921, "coverage_90": 0.903},
}


@pytest.fixture
def admin(world: World, monkeypatch: pytest.MonkeyPatch) -> Any:
    # The simulated Discord waits for what is due within five seconds; this keeps time in the test's hands.
    monkeypatch.setattr(sys.modules["cogs.model"], "PROGRESS_EVERY_S", 60.0)
    role = world.guild.create_role("Admins", permissions=discord.Permissions(administrator=True))
    return world.guild.add_member(world.env.create_user("ada"), roles=[role])


def answer(world: World) -> str:
    return words(world.posted()[-1].embeds[0])


async def test_only_administrators_may_retrain(world: World) -> None:
    result = await world.manager.slash(world.channel, "model retrain")
    assert result.ephemeral
    assert "Administrator" in text(result)
    assert world.retraining.current is None


async def test_the_answer_follows_the_training_to_its_end(world: World, admin: Any) -> None:
    await world.env.settle()
    await admin.slash(world.channel, "model retrain")
    assert "run 1" in answer(world)
    assert "0%" in answer(world)
    world.retraining.step("fitting boosted trees", 0.42)
    await world.env.advance_time(STEP_S)
    assert "42%" in answer(world)
    assert "fitting boosted trees" in answer(world)
    await world.retraining.end("done", version="20260602-120000-ffee00", report=BETTER)
    await world.env.advance_time(STEP_S)
    final = answer(world)
    assert "The new model is in use now" in final
    assert "Median error: **14.0%**" in final
    assert "Median error: **15.3%**" in final
    assert "ffee00" in final
    assert "a1b2c3" in final


async def test_the_message_is_edited_only_when_there_is_something_new(world: World, admin: Any) -> None:
    await admin.slash(world.channel, "model retrain")
    world.retraining.step("validating", 0.1)
    for _ in range(4):
        await world.env.advance_time(STEP_S)
    edits = [r for r in world.env.http_requests if r.method == "PATCH" and "/messages/" in r.path]
    assert len(edits) == 1


async def test_a_second_training_is_refused_while_one_runs(world: World, admin: Any) -> None:
    await admin.slash(world.channel, "model retrain")
    result = await admin.slash(world.channel, "model retrain")
    assert "already" in text(result)
    assert result.ephemeral


async def test_a_training_that_fails_says_why_and_that_nothing_changed(world: World, admin: Any) -> None:
    await admin.slash(world.channel, "model retrain")
    await world.retraining.end("failed", error="900 sales are too few to learn from: collect more first")
    await world.env.advance_time(STEP_S)
    assert "too few" in answer(world)
    assert "unchanged" in answer(world)


async def test_where_the_bot_cannot_see_the_channel_the_interaction_is_edited(
    world: World, admin: Any
) -> None:
    await admin.slash(world.channel, "model retrain")
    world.env.inject_error("PATCH", "/channels/*/messages/*", status=403, code=50001, times=None)
    await world.retraining.end("done", version="v2", report={**BETTER, "promoted": False})
    await world.env.advance_time(STEP_S)
    assert "The model in use stays" in answer(world)


async def test_the_model_shows_the_training_that_is_under_way(world: World, admin: Any) -> None:
    await admin.slash(world.channel, "model retrain")
    world.retraining.step("validating", 0.1)
    assert "validating" in text(await world.member.slash(world.channel, "model info"))


class TestOnABotWithAHome:
    @pytest.fixture
    def settings(self) -> Settings:
        given = dict.fromkeys(("discord_token", "market_api_key", "model_signing_key"), "not-a-real-secret")
        return Settings(_env_file=None, discord_guild_id=987654321, **given)

    async def test_its_commands_are_published_there_at_once(self, world: World) -> None:
        published = [r.path for r in world.env.http_requests if r.method == "PUT"]
        assert [path.split("/", 3)[3] for path in published] == ["guilds/987654321/commands"]

    async def test_another_server_cannot_retrain_the_model_of_all(self, world: World, admin: Any) -> None:
        world.env.strict_sync = False
        result = await admin.slash(world.channel, "model retrain")
        assert "only from the bot's own" in text(result)
        assert world.retraining.current is None


def test_a_card_with_gaps_is_shown_all_the_same() -> None:
    embed = reports.model(
        "v1", {"created_at": "yesterday", "members": None, "metrics": {"median_ape": "?"}}, None
    )
    assert "unknown" in words(embed)
    assert "Not measured" in words(embed)
