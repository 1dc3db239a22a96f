"""Announcements reach their channel once, over whatever stands in between."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from bot.client import create_bot
from bot.db.lookback import AnnouncementRow
from tests.cogs.world import World, text, words

WRONG = {"model error of v1": "The median error was 50%, @everyone.", "collection": "The last one failed."}


async def announce(world: World, present: dict[str, str]) -> None:
    await world.services.conditions.observe(present, {world.guild.id: world.channel.id})
    await deliver(world)


async def deliver(world: World) -> None:
    cog: Any = world.bot.get_cog("Announcing")
    while await world.services.announcements.due():
        await cog.turn()


def shown(world: World) -> list[str]:
    return [words(message.embeds[0]) for message in world.posted()]


async def test_what_is_wrong_is_told_with_what_to_do_and_then_that_it_is_mended(world: World) -> None:
    await announce(world, WRONG)
    drifted, failed = shown(world)
    assert "The model has drifted" in drifted
    assert "/model retrain" in drifted
    assert "@everyone" not in drifted
    assert "A collection failed" in failed
    await announce(world, WRONG)
    assert len(world.posted()) == 2
    await announce(world, {})
    assert len(world.posted()) == 4
    assert "The model is accurate again" in shown(world)[2]


async def test_the_status_leads_with_what_is_wrong(world: World) -> None:
    await announce(world, WRONG)
    told = text(await world.member.slash(world.channel, "status"))
    assert "The model has drifted" in told
    assert "A collection failed" in told


async def test_a_restart_repeats_nothing_and_loses_nothing(world: World) -> None:
    world.env.inject_error("POST", "/channels/*/messages", status=500)
    await world.services.conditions.observe(
        {"collection": "The last one failed."}, {world.guild.id: world.channel.id}
    )
    cog: Any = world.bot.get_cog("Announcing")
    await cog.turn()
    assert world.posted() == []
    async with world.services.db.session() as session:
        await session.execute(update(AnnouncementRow).values(next_attempt_at=datetime.now(UTC)))
    await world.env.restart_bot(create_bot(world.services, shard_count=1))
    await deliver(world)
    assert len(world.posted()) == 1
    await deliver(world)
    assert len(world.posted()) == 1


async def test_what_discord_had_taken_before_a_crash_is_found_and_not_sent_again(world: World) -> None:
    await announce(world, {"collection": "The last one failed."})
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    async with world.services.db.session() as session:
        await session.execute(update(AnnouncementRow).values(state="pending", created_at=long_ago))
    await deliver(world)
    assert len(world.posted()) == 1
    assert await world.services.announcements.due() == []


@pytest.mark.parametrize(("status", "code"), [(404, 10003), (403, 50013)])
async def test_a_channel_that_cannot_be_written_to_ends_it(world: World, status: int, code: int) -> None:
    world.env.inject_error("POST", "/channels/*/messages", status=status, code=code)
    await announce(world, {"collection": "The last one failed."})
    (failure,) = await world.services.announcements.failed(world.guild.id)
    assert failure.channel_id == world.channel.id
    assert "channel" in failure.reason
    status = text(await world.member.slash(world.channel, "status"))
    assert "Could not be told" in status
    assert failure.reason in status
