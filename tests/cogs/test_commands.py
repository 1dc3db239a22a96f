"""Each slash command as people use it: what it answers, what it refuses, and why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import discord
import pytest
from simcord.backend.errors import SetupError

from bot.client import create_bot
from bot.services.watches import MAX_WATCHES
from pipeline.market.errors import KeyRejected, MarketUnavailable
from pipeline.market.pages import AxieDetail
from pipeline.market.traits import Collection
from pipeline.market.values import AxieClass
from pipeline.signal import Thresholds
from tests.cogs.parts import make_axie, make_listing
from tests.cogs.world import World, text


async def test_adding_a_watch_stores_what_was_asked_for(world: World) -> None:
    result = await world.manager.slash(
        world.channel,
        "watch add",
        name="Cheap  plants",
        channel=world.channel,
        classes="plant, Beast",
        collection="mystic",
        parts="Tail-Carrot, mouth-tiny-turtle",
        min_breeds=0,
        max_breeds=2,
        min_purity=80,
        min_level=5,
        max_price=40.0,
        max_age=30,
        min_net=2.5,
        min_return=25.0,
        min_probability=90.0,
    )
    (watch,) = await world.services.watches.list(world.guild.id)
    assert (watch.name, watch.channel_id, watch.created_by) == (
        "Cheap plants",
        world.channel.id,
        world.manager.id,
    )
    thresholds, filters = watch.thresholds, watch.filters
    assert (thresholds.min_net_usd, thresholds.min_return, thresholds.min_probability) == (2.5, 0.25, 0.9)
    assert filters.classes == (AxieClass.PLANT, AxieClass.BEAST)
    assert filters.collections == (Collection.MYSTIC,)
    assert filters.parts == ("tail-carrot", "mouth-tiny-turtle")
    assert (filters.min_breed_count, filters.max_breed_count) == (0, 2)
    assert (filters.min_purity, filters.min_level, filters.max_price_usd) == (80, 5, 40.0)
    assert filters.max_age_s == 1800
    assert "$2.50" in text(result)
    assert "90%" in text(result)


async def test_a_watch_needs_only_a_name_and_a_channel(world: World) -> None:
    await world.manager.slash(world.channel, "watch add", name="All", channel=world.channel)
    (watch,) = await world.services.watches.list(world.guild.id)
    assert watch.thresholds == Thresholds()
    await world.signal(watch)
    await world.deliver()
    assert any("Axie #" in (m.embeds[0].title or "") for m in world.posted() if m.embeds)


@pytest.mark.parametrize(
    ("denied", "named"),
    [
        (["view_channel"], ["View Channel"]),
        (["send_messages", "embed_links"], ["Send Messages", "Embed Links"]),
    ],
)
async def test_a_watch_is_refused_where_the_bot_may_not_post(
    world: World, denied: list[str], named: list[str]
) -> None:
    overwrite = discord.PermissionOverwrite(**dict.fromkeys(denied, False))
    closed = world.guild.create_text_channel("closed", overwrites={world.guild.me: overwrite})
    result = await world.manager.slash(world.channel, "watch add", name="All", channel=closed)
    assert result.ephemeral
    for name in named:
        assert name in text(result)
    assert await world.services.watches.list(world.guild.id) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"classes": "plant, dragon"}, "“dragon” is no axie class"),
        ({"parts": "carrot"}, "is no part id"),
        ({"parts": ",".join(f"tail-{n}" for n in range(7))}, "six parts"),
        ({"min_breeds": 3, "max_breeds": 1}, "above the most"),
        ({"name": "   "}, "1 to 50 characters"),
    ],
)
async def test_impossible_filters_are_refused_with_the_reason(
    world: World, options: dict[str, Any], said: str
) -> None:
    given = {"name": "All", "channel": world.channel, **options}
    result = await world.manager.slash(world.channel, "watch add", **given)
    assert result.ephemeral
    assert said in text(result)
    assert await world.services.watches.list(world.guild.id) == []


async def test_numbers_out_of_range_never_reach_the_bot(world: World) -> None:
    with pytest.raises(SetupError):
        await world.manager.slash(world.channel, "watch add", name="x", channel=world.channel, max_breeds=8)


async def test_a_second_watch_of_the_same_name_is_refused(world: World) -> None:
    await world.watch(name="Plants")
    result = await world.manager.slash(world.channel, "watch add", name="plants", channel=world.channel)
    assert result.ephemeral
    assert "already" in text(result)


async def test_there_is_a_limit_to_the_watches_of_a_server(world: World) -> None:
    for number in range(MAX_WATCHES):
        await world.watch(name=f"w{number}")
    result = await world.manager.slash(world.channel, "watch add", name="more", channel=world.channel)
    assert str(MAX_WATCHES) in text(result)


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("watch add", {"name": "x"}),
        ("watch remove", {"name": "Plants"}),
        ("watch pause", {"name": "Plants"}),
        ("watch resume", {"name": "Plants"}),
        ("threshold set", {"watch": "Plants"}),
    ],
)
async def test_changes_need_the_manage_server_permission(
    world: World, command: str, options: dict[str, Any]
) -> None:
    await world.watch(name="Plants")
    given = {**options, "channel": world.channel} if command == "watch add" else options
    result = await world.member.slash(world.channel, command, **given)
    assert result.ephemeral
    assert "Manage Server" in text(result)
    (watch,) = await world.services.watches.list(world.guild.id)
    assert watch.thresholds == Thresholds()
    assert not watch.paused


async def test_everyone_may_list_the_watches(world: World) -> None:
    await world.watch(name="Plants", classes=(AxieClass.PLANT,), max_breed_count=2)
    result = await world.member.slash(world.channel, "watch list")
    assert result.ephemeral
    assert "**Plants**" in text(result)
    assert f"<#{world.channel.id}>" in text(result)
    assert "breeds at most 2" in text(result)


async def test_an_empty_list_says_how_to_begin(world: World) -> None:
    assert "/watch add" in text(await world.member.slash(world.channel, "watch list"))
    assert "/watch add" in text(await world.member.slash(world.channel, "threshold show"))


async def test_removing_a_watch_shows_what_it_was(world: World) -> None:
    await world.watch(name="Plants", max_price_usd=40.0)
    result = await world.manager.slash(world.channel, "watch remove", name="plants")
    assert "$40.00" in text(result)
    assert await world.services.watches.list(world.guild.id) == []


async def test_a_paused_watch_posts_nothing_until_it_is_resumed(world: World) -> None:
    await world.watch(name="Plants")
    result = await world.manager.slash(world.channel, "watch pause", name="Plants")
    assert "(paused)" in text(result)
    assert await world.services.watches.active() == ()
    result = await world.manager.slash(world.channel, "watch resume", name="Plants")
    assert "(paused)" not in text(result)
    assert len(await world.services.watches.active()) == 1


async def test_a_misspelt_name_is_answered_with_the_nearest(world: World) -> None:
    await world.watch(name="Plants")
    result = await world.manager.slash(world.channel, "watch remove", name="Plnts")
    assert result.ephemeral
    assert "Plants" in text(result)


async def test_watch_names_are_suggested(world: World) -> None:
    for name in ("Plants", "Cheap plants", "Beasts"):
        await world.watch(name=name)
    result = await world.manager.autocomplete(world.channel, "watch remove", "name", "plant")
    assert [choice["value"] for choice in result] == ["Cheap plants", "Plants"]


async def test_classes_are_suggested_one_after_another(world: World) -> None:
    result = await world.manager.autocomplete(world.channel, "watch add", "classes", "plant, b")
    assert [choice["value"] for choice in result] == ["Plant, Beast", "Plant, Bug", "Plant, Bird"]


async def test_setting_one_threshold_leaves_the_others(world: World) -> None:
    await world.watch(name="Plants")
    fields = {"net": 5.0}
    result = await world.manager.slash(world.channel, "threshold set", watch="Plants", **fields)
    (watch,) = await world.services.watches.list(world.guild.id)
    assert (watch.thresholds.min_net_usd, watch.thresholds.min_return) == (5.0, 0.15)
    assert "$5.00" in text(result)
    await world.manager.slash(
        world.channel, "threshold set", watch="Plants", probability=95.0, **{"return": 40.0}
    )
    (watch,) = await world.services.watches.list(world.guild.id)
    assert (watch.thresholds.min_return, watch.thresholds.min_probability) == (0.4, 0.95)


async def test_setting_no_threshold_is_refused(world: World) -> None:
    await world.watch(name="Plants")
    result = await world.manager.slash(world.channel, "threshold set", watch="Plants")
    assert result.ephemeral
    assert "at least one" in text(result)


async def test_thresholds_of_one_watch_can_be_shown(world: World) -> None:
    await world.watch(name="Plants")
    await world.watch(name="Beasts")
    shown = text(await world.member.slash(world.channel, "threshold show", watch="plants"))
    assert "Plants" in shown
    assert "Beasts" not in shown


async def test_predicting_a_listed_axie_shows_the_whole_sum(world: World) -> None:
    axie = make_axie()
    listing = make_listing(world.services.clock.now(), axie=axie)
    world.market.details[axie.id] = AxieDetail(axie, listing)
    result = await world.member.slash(world.channel, "predict", axie_id=axie.id)
    callbacks = [r.json for r in world.env.http_requests if r.path.endswith("/callback")]
    deferred = discord.InteractionResponseType.deferred_channel_message.value
    assert callbacks == [{"type": deferred, "data": {"flags": 64}}]
    assert f"Axie #{axie.id}" in text(result)
    assert "$12.50" in text(result)
    assert "+$6.64" in text(result)


async def test_predicting_an_axie_that_is_not_for_sale_shows_its_resale(world: World) -> None:
    axie = make_axie(class_=AxieClass.BEAST)
    world.market.details[axie.id] = AxieDetail(axie, None)
    shown = text(await world.member.slash(world.channel, "predict", axie_id=axie.id))
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
    result = await world.member.slash(world.channel, "predict", axie_id=77)
    assert result.ephemeral
    assert said in text(result)


async def test_predicting_without_a_model_says_what_to_do(world: World) -> None:
    axie = make_axie()
    world.market.details[axie.id] = AxieDetail(axie, None)
    world.predictor.version = None
    assert "/model retrain" in text(await world.member.slash(world.channel, "predict", axie_id=axie.id))


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
    fewer = create_bot(world.services, shard_count=1, cogs=("cogs.errors", "cogs.status"))
    await world.env.restart_bot(fewer)
    assert published() == 2
