"""The buttons of an alert: what each does, whom it refuses, and that a restarted bot knows them all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import discord
import pytest
from sqlalchemy import delete, select

from bot.client import create_bot
from bot.db.servers import MuteRow
from bot.db.tables import AlertRow, ClaimRow
from bot.services.mutes import Kind, Silence
from cogs import charts, why
from cogs.embeds import settings_words
from pipeline.market.values import Listing, OrderStatus
from pipeline.signal import Contribution
from tests.cogs.parts import make_axie, make_listing
from tests.cogs.world import World, text, words

STEPS = (Contribution("market level", 1.5), Contribution("battle parts", 19.5), Contribution("level", -1.0))


async def an_alert(world: World, **over: Any) -> tuple[Any, Listing]:
    """A posted alert: its message and its listing."""
    listing, _ = await world.signal(await world.watch(), **over)
    await world.deliver()
    return world.posted()[-1], listing


async def restart(world: World) -> Any:
    await world.env.restart_bot(create_bot(world.services, shard_count=1))
    return world.posted()[-1]


def labels(message: Any) -> list[str]:
    return [
        item.label
        for row in message.components
        if isinstance(row, discord.ActionRow)
        for item in row.children
        if isinstance(item, discord.Button) and item.label
    ]


def shown(world: World) -> str:
    return words(world.posted()[-1].embeds[0])


async def forget(world: World) -> None:
    async with world.services.db.session() as session:
        await session.execute(delete(AlertRow))


# Why


async def test_why_answers_the_asker_alone_with_the_sum_the_sales_and_a_plot(world: World) -> None:
    message, _ = await an_alert(world)
    result = await world.member.click(message, label="Why")
    answer = result.response
    assert answer.flags.ephemeral
    told = text(result)
    assert "Resale **$20.00** − $0.85 fee − $12.50 ask − 1¢ gas = **+$6.64**" in told
    assert "(90%: $15–$25): **+$6.64** expected, **97%** likely" in told
    assert "same battle parts" in told
    assert "did not tell what its forecast is made of" in told
    assert [each.filename for each in answer.attachments] == ["history.png"]
    assert answer.embeds[-1].image.url == "attachment://history.png" or "history.png" in str(
        answer.embeds[-1].image.url
    )


async def test_why_draws_what_makes_the_price_where_the_model_tells(world: World) -> None:
    axie = make_axie()
    listing = make_listing(world.services.clock.now(), axie=axie)
    world.predictor.contributions = STEPS
    message, _ = await an_alert(world, listing=listing)
    answer = (await world.member.click(message, label="Why")).response
    assert [each.filename for each in answer.attachments] == ["waterfall.png", "history.png"]
    assert len(answer.embeds) == 2


async def test_why_is_answered_after_a_restart(world: World) -> None:
    await an_alert(world)
    message = await restart(world)
    assert "Resale **$20.00**" in text(await world.member.click(message, label="Why"))


async def test_why_is_answered_without_pictures_where_none_can_be_drawn(
    world: World, nothing_is_drawn: None
) -> None:
    message, _ = await an_alert(world)
    answer = (await world.member.click(message, label="Why")).response
    assert not answer.attachments
    assert "could not be drawn" in words(answer.embeds[0])


async def test_why_is_answered_while_no_model_serves(world: World) -> None:
    message, _ = await an_alert(world)
    world.predictor.version = None
    answer = (await world.member.click(message, label="Why")).response
    assert [each.filename for each in answer.attachments] == ["history.png"]


@pytest.mark.parametrize("label", ["Why", "Mine", "Mute"])
async def test_a_button_whose_alert_is_no_longer_on_record_says_so(world: World, label: str) -> None:
    message, _ = await an_alert(world)
    await forget(world)
    result = await world.manager.click(message, label=label)
    assert "no longer on record" in text(result)
    assert result.response.flags.ephemeral


def test_many_small_parts_of_a_price_are_drawn_as_one_and_nothing_is_lost() -> None:
    parts = tuple(Contribution(f"part {n}", (-1) ** n * n / 4) for n in range(1, 20))
    forecast: Any = type("F", (), {"contributions": parts})
    steps = why.steps_of(forecast)
    assert len(steps) == why.STEPS
    assert sum(usd for _, usd in steps) == pytest.approx(sum(part.usd for part in parts))
    assert steps[0] == ("part 1", -0.25)
    assert steps[-1][0] == "the rest"
    assert charts.waterfall(steps, ("Resale", 1.0), 2.0).startswith(b"\x89PNG")


# Mine


async def test_the_first_to_claim_an_alert_is_named_on_it_and_pinged_nobody(world: World) -> None:
    message, _ = await an_alert(world)
    await world.member.click(message, label="Mine")
    assert "✋ **@\u200bann** is on it" in shown(world)
    assert labels(world.posted()[-1]) == ["Marketplace", "Why", "Claimed", "Mute"]
    answers = [r.json for r in world.env.http_requests if "/interactions/" in r.path]
    (edit,) = [body for body in answers if body["type"] == 7]
    assert edit["data"].get("allowed_mentions", {"parse": []})["parse"] == []


async def test_a_name_that_looks_like_markup_is_shown_as_a_name(world: World) -> None:
    await an_alert(world)
    evil = world.guild.add_member(world.env.create_user("evil"), nick="**@everyone** <@1>")
    await evil.click(world.posted()[-1], label="Mine")
    assert "@everyone" not in shown(world)
    assert "<@1>" not in shown(world)


async def test_a_second_one_is_told_who_has_it_and_changes_nothing(world: World) -> None:
    message, _ = await an_alert(world)
    await world.member.click(message, label="Mine")
    late = world.guild.add_member(world.env.create_user("late"))
    answer = await late.click(world.posted()[-1], label="Claimed")
    assert f"<@{world.member.id}> claimed it" in text(answer)
    assert "Only they can give it back" in text(answer)
    assert answer.response.flags.ephemeral
    assert "✋ **@\u200bann** is on it" in shown(world)


async def test_a_claim_is_given_back_by_pressing_again_after_a_restart_too(world: World) -> None:
    message, _ = await an_alert(world)
    await world.member.click(message, label="Mine")
    await world.member.click(await restart(world), label="Claimed")
    assert "is on it" not in shown(world)
    assert "Mine" in labels(world.posted()[-1])
    other = world.guild.add_member(world.env.create_user("other"))
    await other.click(world.posted()[-1], label="Mine")
    assert "**@\u200bother** is on it" in shown(world)


async def test_who_manages_messages_can_release_a_claim(world: World, prompt_edits: None) -> None:
    message, listing = await an_alert(world)
    await world.member.click(message, label="Mine")
    sweepers = world.guild.create_role(
        "Sweepers", permissions=discord.Permissions(manage_messages=True, view_channel=True)
    )
    sweeper = world.guild.add_member(world.env.create_user("sweeper"), roles=[sweepers])
    answer = await sweeper.click(world.posted()[-1], label="Claimed")
    await sweeper.click(answer.response, label="Release it for others")
    await world.edit()
    assert "is on it" not in shown(world)
    async with world.services.db.reading() as session:
        assert list(await session.scalars(select(ClaimRow))) == []
    (entry,) = [e for e in await world.services.audit.recent(world.guild.id) if e.actor == sweeper.id]
    told = settings_words.change(entry)
    assert f"<@{sweeper.id}>: claim released **axie {listing.axie.id}**" in told
    assert f"claimed by: <@{world.member.id}> → none" in told


async def test_what_is_over_cannot_be_claimed(world: World, prompt_edits: None) -> None:
    message, listing = await an_alert(world)
    await world.ends(listing, OrderStatus.MATCHED)
    result = await world.member.click(message, label="Mine")  # the message is not edited yet
    assert "nothing left to claim" in text(result)
    await world.edit()
    row = world.posted()[-1].components[0]
    assert isinstance(row, discord.ActionRow)
    assert [item.label for item in row.children if getattr(item, "disabled", False)] == ["Mine"]


# Mute


async def menu(world: World, message: Any) -> Any:
    result = await world.manager.click(message, label="Mute")
    assert result.response.flags.ephemeral
    return result.response


@pytest.mark.parametrize("kind", list(Kind))
async def test_what_is_muted_is_not_posted_and_comes_back_when_it_is_undone(world: World, kind: Kind) -> None:
    message, listing = await an_alert(world)
    chosen = await world.manager.select(await menu(world, message), [f"{kind}:4h"])
    (mute,) = await world.services.mutes.list(world.guild.id)
    assert timedelta(hours=3.9) < mute.until - datetime.now(UTC) <= timedelta(hours=4)
    assert f"<t:{int(mute.until.timestamp())}:f>" in text(chosen)
    (watch,) = await world.services.watches.list(world.guild.id)
    silence = Silence(await world.services.mutes.active())
    assert silence.covers(world.guild.id, watch.id, listing)
    # What was on its way when it was muted is held back too.
    again = make_listing(world.services.clock.now())
    await world.signal(watch, listing=again)
    await world.deliver()
    assert len(world.posted()) == 1
    assert (await world.services.outbox.counts()).expired == 1
    await world.manager.click(chosen.response, label="Undo")
    assert await world.services.mutes.list(world.guild.id) == []
    await world.signal(watch)
    await world.deliver()
    assert len(world.posted()) == 2


async def test_until_tomorrow_ends_in_the_morning_where_the_server_is(world: World) -> None:
    import msgspec

    await world.services.guilds.change(
        world.guild.id, None, lambda s: msgspec.structs.replace(s, time_zone="Asia/Manila")
    )
    message, _ = await an_alert(world)
    await world.manager.select(await menu(world, message), ["seller:tomorrow"])
    (mute,) = await world.services.mutes.list(world.guild.id)
    assert (mute.until.hour, mute.until.minute) == (22, 0)  # six in the morning, eight hours ahead of UTC
    assert timedelta(0) < mute.until - datetime.now(UTC) <= timedelta(hours=30)


async def test_a_member_may_not_mute_and_is_told_who_may(world: World) -> None:
    message, _ = await an_alert(world)
    answer = text(await world.member.click(message, label="Mute"))
    assert "Manage Channels" in answer
    assert await world.services.mutes.list(world.guild.id) == []


async def test_a_menu_works_after_a_restart_and_so_does_taking_it_back(world: World) -> None:
    message, _ = await an_alert(world)
    offered = await menu(world, message)
    await restart(world)
    chosen = await world.manager.select(offered, ["build:1h"])
    assert "Plant with Serious, Cactus, Pumpkin, Carrot" in text(chosen)
    await restart(world)
    await world.manager.click(chosen.response, label="Undo")
    assert await world.services.mutes.list(world.guild.id) == []


async def test_a_menu_whose_alert_or_watch_is_gone_says_what_to_do(world: World) -> None:
    message, _ = await an_alert(world)
    offered = await menu(world, message)
    await world.services.watches.remove(world.guild.id, "Plants", world.manager.id)
    assert "was removed" in text(await world.manager.select(offered, ["watch:1h"]))
    await forget(world)
    assert "no longer on record" in text(await world.manager.select(offered, ["seller:1h"]))
    assert await world.services.mutes.list(world.guild.id) == []


async def test_a_mute_that_has_ended_is_undone_without_complaint(world: World) -> None:
    message, _ = await an_alert(world)
    chosen = await world.manager.select(await menu(world, message), ["seller:1h"])
    async with world.services.db.session() as session:
        await session.execute(delete(MuteRow))
    result = await world.manager.click(chosen.response, label="Undo")
    assert "muted no longer" in text(result)


async def test_a_mute_of_one_server_says_nothing_to_another(world: World) -> None:
    message, listing = await an_alert(world)
    await world.manager.select(await menu(world, message), ["seller:1h"])
    silence = Silence(await world.services.mutes.active())
    assert not silence.covers(world.guild.id + 1, 1, listing)


async def test_a_mute_is_in_the_audit_log(world: World) -> None:
    message, _ = await an_alert(world)
    chosen = await world.manager.select(await menu(world, message), ["seller:1h"])
    await world.manager.click(chosen.response, label="Undo")
    actions = [(entry.action, entry.actor) for entry in await world.services.audit.recent(world.guild.id)]
    assert actions[:2] == [("unmuted", world.manager.id), ("muted", world.manager.id)]
