"""Each slash command as people use it: what it answers, what it refuses, and why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import discord
import pytest

from bot.client import create_bot
from pipeline.market.errors import KeyRejected, MarketUnavailable
from pipeline.market.pages import AxieDetail
from pipeline.market.values import AxieClass
from tests.cogs.parts import make_axie, make_listing
from tests.cogs.world import World, text


async def test_predicting_a_listed_axie_shows_the_whole_sum(world: World) -> None:
    axie = make_axie()
    listing = make_listing(world.services.clock.now(), axie=axie)
    world.market.details[axie.id] = AxieDetail(axie, listing)
    result = await world.member.slash(world.channel, "predict", axie_id=str(axie.id))
    callbacks = [r.json for r in world.env.http_requests if r.path.endswith("/callback")]
    deferred = discord.InteractionResponseType.deferred_channel_message.value
    assert callbacks == [{"type": deferred, "data": {"flags": 64}}]
    assert f"Axie #{axie.id}" in text(result)
    assert "$12.50" in text(result)
    assert "+$6.64" in text(result)


async def test_predicting_an_axie_that_is_not_for_sale_shows_its_resale(world: World) -> None:
    axie = make_axie(class_=AxieClass.BEAST)
    world.market.details[axie.id] = AxieDetail(axie, None)
    shown = text(await world.member.slash(world.channel, "predict", axie_id=str(axie.id)))
    assert "Not for sale" in shown
    assert "$10.00" in shown


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (None, "knows no adult axie"),
        (MarketUnavailable("503"), "Try again in a minute"),
        (KeyRejected("The API key is not accepted."), "API key"),
    ],
)
async def test_predicting_fails_with_a_sentence(world: World, failure: Exception | None, said: str) -> None:
    world.market.failure = failure
    result = await world.member.slash(world.channel, "predict", axie_id="77")
    assert result.ephemeral
    assert said in text(result)


async def test_predicting_without_a_model_says_what_to_do(world: World) -> None:
    axie = make_axie()
    world.market.details[axie.id] = AxieDetail(axie, None)
    world.predictor.version = None
    assert "/model retrain" in text(await world.member.slash(world.channel, "predict", axie_id=str(axie.id)))


async def test_without_a_model_the_first_thing_said_is_how_to_get_one(world: World) -> None:
    world.predictor.version = world.predictor.card = None
    assert "no model yet" in text(await world.member.slash(world.channel, "status"))


async def test_status_of_a_healthy_bot(world: World) -> None:
    now = datetime.now(UTC)
    world.services.stats.polled(now, 12, 11, 3)
    for lag in (80.0, 90.0, 2400.0):
        world.services.stats.lag(lag)
    shown = text(await world.member.slash(world.channel, "status"))
    assert "✅" in shown
    assert "**12** listings, **11** priced, **3** signals" in shown
    assert "median **90 ms**" in shown
    assert "99% within **2.4 s**" in shown
    assert "delivery" in shown
    assert "0 of 300 a minute" in shown


async def test_status_leads_with_what_is_wrong(world: World) -> None:
    stats = world.services.stats
    stats.last_poll_at = datetime.now(UTC) - timedelta(minutes=7)
    lost = world.guild.create_text_channel("lost")
    await world.signal(await world.watch(lost))
    world.env.inject_error("POST", f"/channels/{lost.id}/messages", status=404, code=10003)
    await world.deliver()
    shown = text(await world.member.slash(world.channel, "status"))
    assert "✅" not in shown
    assert "last read 7 min ago" in shown
    assert f"<#{lost.id}>" in shown
    assert "no longer exists" in shown


async def test_problems_of_one_server_are_not_told_to_another(world: World) -> None:
    await world.signal(await world.watch())
    world.env.inject_error("POST", "/channels/*/messages", status=404, code=10003)
    await world.deliver()
    elsewhere = world.env.create_guild("elsewhere")
    hall = elsewhere.create_text_channel("hall")
    visitor = elsewhere.add_member(world.env.create_user("vera"))
    assert "Not delivered" not in text(await visitor.slash(hall, "status"))


async def test_all_commands_are_for_servers_only(world: World) -> None:
    for command in world.bot.tree.get_commands():
        assert command.to_dict(world.bot.tree)["contexts"] == [0]


async def test_commands_are_published_only_when_they_changed(world: World) -> None:
    def published() -> int:
        return sum(r.method == "PUT" and r.path.endswith("/commands") for r in world.env.http_requests)

    assert published() == 1
    await world.env.restart_bot(create_bot(world.services, shard_count=1))
    assert published() == 1
    for commands in world.env.backend.commands.values():
        commands.clear()
    await world.env.restart_bot(create_bot(world.services, shard_count=1))
    assert published() == 2, "they are gone from Discord"
    fewer = create_bot(world.services, shard_count=1, cogs=("cogs.errors", "cogs.status"))
    await world.env.restart_bot(fewer)
    assert published() == 3
