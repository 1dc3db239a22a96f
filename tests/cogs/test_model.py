"""Retraining from Discord: who may, how it is followed, and what is said of the result."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import discord
import pytest
from sqlalchemy import update

from bot.client import create_bot
from bot.db.process import TrainingRunRow
from bot.services.trends import Sold
from bot.settings import Settings
from cogs import steering
from cogs.charts import plots
from cogs.embeds import reports
from pipeline.market.values import Sale
from tests.cogs.parts import make_axie
from tests.cogs.world import World, text, words

STEP_S = 61.0  # a little more than the pause between two looks at the training
METRICS = {"median_ape": 0.14, "within_20": 0.63, "r2_log": 0.921, "coverage_50": 0.52, "coverage_90": 0.903}
BETTER = {
    "promoted": True,
    "reason": "log error 0.2101 against the champion's 0.2202 on 900 newer sales",
    "metrics": METRICS,
    "before": {"version": "20260601-120000-a1b2c3", "metrics": {"median_ape": 0.153, "coverage_90": 0.901}},
}


@pytest.fixture
def admin(world: World, monkeypatch: pytest.MonkeyPatch) -> Any:
    # The simulated Discord waits for what is due within five seconds; this keeps time in the test's hands.
    monkeypatch.setattr(steering, "PROGRESS_EVERY_S", 60.0)
    role = world.guild.create_role("Admins", permissions=discord.Permissions(administrator=True))
    return world.guild.add_member(world.env.create_user("ada"), roles=[role])


async def ended(world: World) -> None:
    """Let the message show how the training ended; its picture is drawn in a process of its own."""
    await world.env.advance_time(STEP_S)
    cog: Any = world.bot.get_cog("Model")
    async with asyncio.timeout(30):
        while cog._following:
            await asyncio.wait(cog._following.values(), timeout=0.05)


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
    await ended(world)
    final = answer(world)
    (picture,) = world.posted()[-1].attachments
    assert picture.filename == "training.png"
    assert world.posted()[-1].components == []
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
    await ended(world)
    assert "too few" in answer(world)
    assert "unchanged" in answer(world)


async def test_where_the_bot_cannot_see_the_channel_the_interaction_is_edited(
    world: World, admin: Any
) -> None:
    await admin.slash(world.channel, "model retrain")
    world.env.inject_error("PATCH", "/channels/*/messages/*", status=403, code=50001, times=None)
    await world.retraining.end("done", version="v2", report={**BETTER, "promoted": False, "metrics": {}})
    await ended(world)
    assert "The model in use stays" in answer(world)


async def test_the_model_shows_the_training_that_is_under_way(world: World, admin: Any) -> None:
    await admin.slash(world.channel, "model retrain")
    world.retraining.step("validating", 0.1)
    assert "validating" in text(await admin.slash(world.channel, "model status"))


async def test_a_training_is_cancelled_by_whoever_may_and_the_message_says_who_it_was(
    world: World, admin: Any
) -> None:
    await admin.slash(world.channel, "model retrain")
    message = world.posted()[-1]
    refused = await world.manager.click(message, label="Cancel")
    assert refused.ephemeral
    assert "Administrator" in text(refused)
    assert world.retraining.current is not None
    done = await admin.click(message, label="Cancel")
    assert done.ephemeral
    assert "is cancelled" in text(done)
    await ended(world)
    assert "Training cancelled" in answer(world)
    assert "Ada cancelled it" in answer(world)
    assert world.posted()[-1].components == []
    changes = [entry.action for entry in await world.services.audit.recent(world.guild.id)]
    assert changes == ["training cancelled", "training started"]


async def test_a_training_that_has_just_ended_cannot_be_cancelled(world: World, admin: Any) -> None:
    await admin.slash(world.channel, "model retrain")
    world.retraining.current = None
    late = await admin.click(world.posted()[-1], label="Cancel")
    assert late.ephemeral
    assert "not under way any more" in text(late)


async def test_a_training_that_a_restart_interrupted_is_reported_in_its_message(
    world: World, admin: Any
) -> None:
    await admin.slash(world.channel, "model retrain")
    world.retraining.current = None
    await world.services.runs.interrupted()
    await world.env.restart_bot(create_bot(world.services, shard_count=1))
    await ended(world)
    assert "Training interrupted" in answer(world)
    assert "unchanged" in answer(world)
    assert world.posted()[-1].components == []
    await world.env.restart_bot(create_bot(world.services, shard_count=1))
    edits = [r for r in world.env.http_requests if r.method == "PATCH" and "/messages/" in r.path]
    assert len(edits) == 1


async def test_a_training_that_outlives_the_connection_is_followed_on(world: World, admin: Any) -> None:
    await admin.slash(world.channel, "model retrain")
    await world.env.restart_bot(create_bot(world.services, shard_count=1))
    world.retraining.step("validating", 0.1)
    await world.env.advance_time(STEP_S)
    await world.retraining.end("failed", error="it failed")
    await ended(world)
    assert "Training failed" in answer(world)


async def test_the_time_left_is_told_from_what_the_last_training_took(world: World, admin: Any) -> None:
    runs = world.services.runs
    await runs.finish(await runs.begin(None), "done", version="v0", report={})
    async with world.services.db.session() as session:
        began = datetime.now(UTC) - timedelta(minutes=40)
        await session.execute(update(TrainingRunRow).values(started_at=began))
    await admin.slash(world.channel, "model retrain")
    assert "about 40 min left" in answer(world)


@pytest.mark.parametrize("name", ["model status", "model info"])
async def test_the_status_by_either_name_is_for_who_steers_the_model(
    world: World, admin: Any, name: str
) -> None:
    refused = await world.manager.slash(world.channel, name)
    assert refused.ephemeral
    assert "Administrator" in text(refused)
    shown = text(await admin.slash(world.channel, name))
    for said in ("1 Jun 2026", "66,413", "55% boosted trees", "15.3%", "90.1%", "Too few to tell yet"):
        assert said in shown


async def test_the_status_tells_how_the_model_fares_now(world: World, admin: Any) -> None:
    now = world.services.clock.now()
    sold = []
    for number in range(300):
        axie = make_axie()
        forecast = world.predictor.forecast(axie)
        sale = Sale(f"0x{number}", axie, now - timedelta(hours=1), 1, "0xa", "0xb")
        sold.append(Sold(sale, forecast.resale_usd / (1.4 if number % 5 else 1.1), forecast))
    await world.services.trends.record_sales(sold)
    shown = text(await admin.slash(world.channel, "model status"))
    assert "⚠️ Median error **40.0%** of 300 sales (limit 22.9%)" in shown
    assert "90% interval held **20%**" in shown


async def test_without_a_model_the_status_says_how_to_get_one(world: World, admin: Any) -> None:
    world.predictor.version = world.predictor.card = None
    assert "/model retrain" in text(await admin.slash(world.channel, "model status"))
    assert "/model retrain" in text(await admin.slash(world.channel, "model list"))


class TestVersions:
    @pytest.fixture
    async def stored(self, world: World) -> list[str]:
        """Three versions, of which the last serves; the first was champion before it."""
        registry = world.services.versions._registry
        names = ["20260530-000000-aaaaaa", "20260531-000000-bbbbbb", "20260601-000000-cccccc"]
        for number, name in enumerate(names):
            registry.save(name, number, {"rows": 1000 * number, "metrics": METRICS})
        registry.promote(names[0])
        registry.promote(names[2])
        await world.predictor.refresh()
        return names

    async def test_are_listed_with_the_one_that_serves(
        self, world: World, admin: Any, stored: list[str]
    ) -> None:
        assert "Administrator" in text(await world.manager.slash(world.channel, "model list"))
        shown = text(await admin.slash(world.channel, "model list"))
        assert f"🏆 **{stored[2]}**" in shown
        assert f"🕓 **{stored[0]}**" in shown
        assert "error 14.0%" in shown
        assert shown.index(stored[2]) < shown.index(stored[1]) < shown.index(stored[0])

    async def test_one_that_was_changed_is_listed_with_its_flaw(
        self, world: World, admin: Any, stored: list[str], tmp_path: Any
    ) -> None:
        (tmp_path / "store" / "models" / stored[1] / "card.json").write_text("{}")
        assert "not signed" in text(await admin.slash(world.channel, "model list"))
        asked = text(await admin.slash(world.channel, "model rollback", version=stored[1]))
        assert "not signed" in asked

    async def test_a_rollback_is_confirmed_and_leads_to_the_one_before(
        self, world: World, admin: Any, stored: list[str]
    ) -> None:
        asked = await admin.slash(world.channel, "model rollback")
        assert f"To {stored[0]}" in text(asked)
        assert world.predictor.version == stored[2]
        message = asked.response
        await world.env.restart_bot(create_bot(world.services, shard_count=1))
        await admin.click(message, label="Roll back")
        assert world.predictor.version == stored[0]
        assert f"{stored[0]}** serves now" in words(message.embeds[0])
        assert message.components == []
        entry = (await world.services.audit.recent(world.guild.id))[0]
        assert (entry.action, entry.subject, entry.before) == ("model rolled back", stored[0], stored[2])
        none = await admin.slash(world.channel, "model rollback")
        assert "/model list" in text(none)

    async def test_any_version_can_be_named_and_is_completed(
        self, world: World, admin: Any, stored: list[str]
    ) -> None:
        found = await admin.autocomplete(world.channel, "model rollback", "version", "2026")
        assert [choice["value"] for choice in found] == [stored[1], stored[0]]
        asked = await admin.slash(world.channel, "model rollback", version=stored[1])
        twice = await admin.slash(world.channel, "model rollback", version=stored[1])
        await admin.click(asked.response, label="Roll back")
        assert world.predictor.version == stored[1]
        again = await admin.click(twice.response, label="Roll back")
        assert "serves already" in again.followups[0].content

    async def test_is_refused_to_others_and_where_the_version_is_unknown(
        self, world: World, admin: Any, stored: list[str]
    ) -> None:
        assert "Administrator" in text(await world.manager.slash(world.channel, "model rollback"))
        assert "no model v9" in text(await admin.slash(world.channel, "model rollback", version="v9"))
        asked = await admin.slash(world.channel, "model rollback")
        stored_message = world.env.backend.get_message(world.channel.id, asked.response.id)
        stored_message.flags = 0  # as if it had been shown to all
        refused = await world.manager.click(asked.response, label="Roll back")
        assert refused.ephemeral
        assert "Administrator" in text(refused)
        assert world.predictor.version == stored[2]


@pytest.mark.parametrize(
    "report", [BETTER, {"metrics": METRICS}, {"metrics": {"median_ape": 0.0}, "before": {"metrics": None}}]
)
def test_a_picture_is_drawn_of_any_report(report: dict[str, Any]) -> None:
    assert plots.training("20260602-120000-ffee00", report).startswith(b"\x89PNG")


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


def test_a_model_that_computes_slowly_says_so() -> None:
    card = {"created_at": "2026-03-01T00:00:00+00:00"}
    slow, quick = (reports.model("v1", card | {"compiled": compiled}, None) for compiled in (False, True))
    assert "many times as slowly" in (slow.description or "")
    assert not quick.description
