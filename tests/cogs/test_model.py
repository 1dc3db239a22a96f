"""Retraining from Discord: who may, how it is followed, and what is said of the result."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from bot.client import create_bot
from bot.db.process import TrainingRunRow
from bot.services.trends import Sold
from bot.settings import Settings
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


async def ended(world: World) -> None:
    """Let the message show how the training ended; its picture is drawn in a process of its own."""
    await world.env.advance_time(STEP_S)
    cog: Any = world.bot.get_cog("Model")
    async with asyncio.timeout(30):
        while cog._following:
            await asyncio.wait(cog._following.values(), timeout=0.05)


def answer(world: World) -> str:
    return words(world.posted()[-1].embeds[0])


def pictures(world: World) -> list[str]:
    """The names of the pictures in the last message, each shown by an embed of it."""
    message = world.posted()[-1]
    names = [attachment.filename for attachment in message.attachments]
    assert len([embed for embed in message.embeds if embed.image.url]) == len(names)
    return names


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
    assert (await world.services.runs.get(1)).guild_id == world.guild.id
    world.retraining.step("fitting boosted trees", 0.42)
    await world.env.advance_time(STEP_S)
    assert "42%" in answer(world)
    assert "fitting boosted trees" in answer(world)
    await world.retraining.end("done", version="20260602-120000-ffee00", report=BETTER)
    await ended(world)
    final = answer(world)
    assert pictures(world) == ["training.png"]
    assert world.posted()[-1].components == []
    assert "The new model is in use now" in final
    assert "Median error: **14.0%**" in final
    assert "Median error: **15.3%**" in final
    assert "ffee00" in final
    assert "a1b2c3" in final


REPORTED = {**BETTER, "report": {"keys": {"overview": "reports/20260602T120000/overview.png"}}}


async def test_the_page_of_the_report_comes_with_the_end(world: World, admin: Any, tmp_path: Path) -> None:
    await admin.slash(world.channel, "model retrain")
    page = tmp_path / "store" / "reports" / "20260602T120000" / "overview.png"
    page.parent.mkdir(parents=True)
    page.write_bytes(plots.training("20260602-120000-ffee00", BETTER))
    await world.retraining.end("done", version="20260602-120000-ffee00", report=REPORTED)
    await ended(world)
    assert pictures(world) == ["training.png", "overview.png"]
    assert "The whole report" in words(world.posted()[-1].embeds[1])


@pytest.mark.parametrize("key", ["reports/gone/overview.png", "models/champion.json", "reports/../x", 7])
async def test_a_page_that_cannot_be_had_is_left_out_of_the_end(
    world: World, admin: Any, tmp_path: Path, key: Any
) -> None:
    (tmp_path / "store" / "models").mkdir(parents=True)
    (tmp_path / "store" / "models" / "champion.json").write_text("{}")
    await admin.slash(world.channel, "model retrain")
    report = {**BETTER, "report": {"keys": {"overview": key}}}
    await world.retraining.end("done", version="v2", report=report)
    await ended(world)
    assert pictures(world) == ["training.png"]


async def test_a_channel_that_takes_no_files_is_told_the_end_in_words(world: World, admin: Any) -> None:
    await admin.slash(world.channel, "model retrain")
    # Files are refused there, and the interaction's quarter of an hour is over.
    world.env.inject_error("PATCH", "/channels/*/messages/*", status=403, code=50013, times=1)
    world.env.inject_error("PATCH", "/webhooks/*/*/messages/*", status=401, code=50027, times=1)
    await world.retraining.end("done", version="v2", report=BETTER)
    await ended(world)
    assert "The new model is in use now" in answer(world)
    assert pictures(world) == []
    assert await world.services.runs.followed() == []


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
