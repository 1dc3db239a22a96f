"""The bot comes to a server, leaves it and comes back: what is kept of it, and for how long."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from bot.client import create_bot
from bot.services.guild_settings import Area
from bot.services.guilds import KEPT
from bot.waiting import machine_time
from tests.cogs.world import World


async def leaves(world: World, **over: Any) -> None:
    world.env.backend.emit("GUILD_DELETE", {"id": str(world.guild.id), **over})
    await world.env.settle()


async def test_a_server_that_takes_the_bot_off_keeps_its_watches_at_rest(world: World) -> None:
    watch = await world.watch()
    await leaves(world, unavailable=True)
    assert await world.services.watches.active() == (watch,), "an outage of Discord is no farewell"
    await leaves(world)
    assert await world.services.watches.active() == ()
    assert await world.services.watches.list(world.guild.id) == [watch]


async def test_a_server_that_comes_back_goes_on_where_it_left_off(world: World) -> None:
    watch = await world.watch()
    await leaves(world)
    assert await world.services.guilds.joined(world.guild.id)
    assert await world.services.watches.active() == (watch,)


async def test_thirty_days_after_the_bot_left_nothing_is_kept(world: World) -> None:
    await world.watch()
    await world.services.guilds.grant(world.guild.id, 1, Area.WATCHES, 5)
    await leaves(world)
    guilds, now = world.services.guilds, machine_time()
    assert await guilds.forget_overdue(now + KEPT - timedelta(minutes=1)) == []
    assert await guilds.forget_overdue(now + KEPT + timedelta(minutes=1)) == [world.guild.id]
    assert await world.services.watches.list(world.guild.id) == []
    assert (await guilds.get(world.guild.id)).grants == {}
    (only,) = await world.services.audit.recent(world.guild.id)
    assert (only.action, only.before, only.after) == ("data deleted", None, None)


async def test_a_farewell_while_the_bot_was_away_is_noticed_at_its_return(world: World) -> None:
    await world.watch()
    elsewhere = await world.services.watches.add(
        7, 8, "elsewhere", *(lambda w: (w.thresholds, w.filters))(await world.watch(name="b")), 1
    )
    assert elsewhere in await world.services.watches.active()
    await world.env.restart_bot(create_bot(world.services, shard_count=1))
    await world.env.settle()
    assert elsewhere not in await world.services.watches.active()
    assert len(await world.services.watches.active()) == 2
