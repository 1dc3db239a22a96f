"""What a server settles: who may, what is refused, what it changes, and how all of it is deleted."""

from __future__ import annotations

from typing import Any

import discord
import pytest

from bot.client import create_bot
from bot.services.guild_settings import Area, Currency, GuildSettings
from cogs.audit_page import PAGE
from tests.cogs.world import World, text


@pytest.fixture
def admin(world: World) -> Any:
    role = world.guild.create_role("Admins", permissions=discord.Permissions(administrator=True))
    return world.guild.add_member(world.env.create_user("ada"), roles=[role])


async def by(person: Any, world: World, command: str, /, **options: Any) -> str:
    result = await person.slash(world.channel, f"settings {command}", **options)
    assert result.ephemeral
    return text(result)


async def current(world: World) -> GuildSettings:
    return await world.services.guilds.get(world.guild.id)


async def test_everyone_may_look_at_the_settings(world: World) -> None:
    shown = await by(world.member, world, "show")
    for words in ("UTC", "USD", "none", "**Watches**: who manages the channel", "**Reading**: everyone"):
        assert words in shown


async def test_an_admin_sets_time_zone_and_currency(world: World, admin: Any) -> None:
    shown = await by(admin, world, "set", time_zone="asia/manila", currency="ETH")
    assert "Asia/Manila" in shown
    assert "ETH\nof amounts in text; pictures are in dollars" in shown
    assert await current(world) == GuildSettings("Asia/Manila", Currency.ETH)


async def test_time_zones_are_suggested_by_city_with_the_time_there(world: World, admin: Any) -> None:
    found = await admin.autocomplete(world.channel, "settings set", "time_zone", "new y")
    assert [choice["value"] for choice in found] == ["America/New_York"]
    assert found[0]["name"].startswith("America/New_York – ")
    assert len(await admin.autocomplete(world.channel, "settings set", "time_zone", "")) == 25


@pytest.mark.parametrize(
    ("options", "said"), [({}, "Give a time zone"), ({"time_zone": "Gotham"}, "no time zone that I know")]
)
async def test_what_cannot_be_set_is_refused(
    world: World, admin: Any, options: dict[str, Any], said: str
) -> None:
    assert said in await by(admin, world, "set", **options)
    assert await current(world) == GuildSettings()


async def test_the_operators_channel_is_set_and_lifted(world: World, admin: Any) -> None:
    assert f"<#{world.channel.id}>" in await by(admin, world, "operators", channel=world.channel)
    assert (await current(world)).operators_channel == world.channel.id
    await by(admin, world, "operators")
    assert (await current(world)).operators_channel is None


async def test_an_operators_channel_where_the_bot_cannot_post_is_refused(world: World, admin: Any) -> None:
    denied = discord.PermissionOverwrite(send_messages=False)
    closed = world.guild.create_text_channel("closed", overwrites={world.guild.me: denied})
    assert "Send Messages" in await by(admin, world, "operators", channel=closed)
    assert await current(world) == GuildSettings()


CHANGES = [
    ("set", {"currency": "ETH"}),
    ("operators", {}),
    ("grant", {"area": "watches"}),
    ("audit", {}),
    ("delete-data", {}),
]


@pytest.mark.parametrize(("command", "options"), CHANGES)
async def test_changes_need_an_administrator(world: World, command: str, options: dict[str, Any]) -> None:
    for person in (world.member, world.manager):
        assert "Administrator" in await by(person, world, command, **options)
    assert await current(world) == GuildSettings()


@pytest.mark.parametrize(("command", "options"), CHANGES)
async def test_a_role_may_be_given_the_settings(world: World, command: str, options: dict[str, Any]) -> None:
    role = world.guild.create_role("Stewards")
    steward = world.guild.add_member(world.env.create_user("stew"), roles=[role])
    await world.services.guilds.grant(world.guild.id, 1, Area.SETTINGS, role.id)
    assert "You need" not in await by(steward, world, command, **options)


async def test_grants_are_given_shown_and_taken_back(world: World, admin: Any) -> None:
    role = world.guild.create_role("Traders")
    assert f"who manages the channel, <@&{role.id}>" in await by(
        admin, world, "grant", area="watches", role=role
    )
    assert (await current(world)).grants == {Area.WATCHES: role.id}
    await by(admin, world, "grant", area="watches")
    assert (await current(world)).grants == {}
    everyone = world.guild.default_role
    assert "Pick a role other than" in await by(admin, world, "grant", area="watches", role=everyone)


async def test_reading_given_to_a_role_is_kept_from_everyone_else(world: World, admin: Any) -> None:
    role = world.guild.create_role("Members")
    reader = world.guild.add_member(world.env.create_user("rea"), roles=[role])
    await world.watch(name="Plants")
    assert f"only <@&{role.id}>" in await by(admin, world, "grant", area="reading", role=role)
    refused = await world.member.slash(world.channel, "watch list")
    assert refused.ephemeral
    assert f"<@&{role.id}>" in text(refused)
    assert await world.member.autocomplete(world.channel, "watch show", "name", "") == []
    for person in (reader, world.manager, admin):
        assert "Plants" in text(await person.slash(world.channel, "watch list"))


async def test_a_role_with_another_grant_may_read_too(world: World) -> None:
    readers, traders = world.guild.create_role("Members"), world.guild.create_role("Traders")
    trader = world.guild.add_member(world.env.create_user("tess"), roles=[traders])
    await world.services.guilds.grant(world.guild.id, 1, Area.READING, readers.id)
    await world.services.guilds.grant(world.guild.id, 1, Area.WATCHES, traders.id)
    assert "/watch add" in text(await trader.slash(world.channel, "watch list"))


async def test_the_log_tells_who_changed_what_from_what_to_what(world: World, admin: Any) -> None:
    await world.manager.slash(world.channel, "watch add", name="Plants", max_price=40.0)
    await world.manager.slash(world.channel, "threshold set", watch="Plants", net=2.0, probability=80.0)
    await world.manager.slash(
        world.channel, "watch edit", name="Plants", quiet="22-7", classes="Beast", clear="max_price"
    )
    await world.manager.slash(world.channel, "watch pause", name="Plants")
    await by(admin, world, "set", time_zone="Asia/Manila")
    shown = await by(admin, world, "audit")
    for words in (
        f"<@{world.manager.id}>: watch added **Plants**",
        "least net: $0.30 → $2.00 · least chance: 70% → 80%",
        "quiet hours: none → 22:00-07:00",
        "highest ask: $40.00 → none",
        "classes: none → Beast",
        "paused: no → yes",
        f"<@{admin.id}>: settings changed",
        "time zone: UTC → Asia/Manila",
    ):
        assert words in shown, words


async def test_the_log_is_read_in_pages_after_a_restart_too(world: World, admin: Any) -> None:
    for number in range(PAGE + 3):
        await world.services.audit.write("tried", f"thing {number}", guild_id=world.guild.id, actor=1)
    await world.services.audit.write("tried", "elsewhere", guild_id=world.guild.id + 1, actor=1)
    await world.services.audit.write("model taken on", "v2", before="v1", after="v2")
    first = await admin.slash(world.channel, "settings audit")
    assert f"thing {PAGE + 2}" in text(first)
    assert "elsewhere" not in text(first)
    assert "the bot: model taken on **v2**" in text(first)
    await world.env.restart_bot(create_bot(world.services, shard_count=1))
    await admin.click(first.response, label="Older")
    assert "thing 3" in text(first)
    assert "thing 4" not in text(first)
    await admin.click(first.response, label="Newest")
    assert f"thing {PAGE + 2}" in text(first)


async def test_nothing_changed_yet_is_said(world: World, admin: Any) -> None:
    assert "Nothing has been changed yet" in await by(admin, world, "audit")


async def test_all_data_is_deleted_once_it_is_confirmed(world: World, admin: Any) -> None:
    await world.signal(await world.watch())
    await world.services.guilds.grant(world.guild.id, 1, Area.WATCHES, 5)
    asked = await admin.slash(world.channel, "settings delete-data")
    assert "1 watch" in text(asked)
    assert len(await world.services.watches.list(world.guild.id)) == 1
    await world.env.restart_bot(create_bot(world.services, shard_count=1))
    await admin.click(asked.response, label="Delete everything")
    assert await world.services.watches.list(world.guild.id) == []
    assert await current(world) == GuildSettings()
    assert (await world.services.outbox.counts(world.guild.id)).pending == 0
    (entry,) = await world.services.audit.recent(world.guild.id)
    assert (entry.action, entry.actor) == ("data deleted", admin.id)
    assert "is deleted" in text(asked)


async def test_who_asked_for_a_training_and_where_is_deleted_with_the_rest(world: World, admin: Any) -> None:
    await admin.slash(world.channel, "model retrain")
    (run,) = await world.services.runs.latest(1)
    assert (run.requested_by, run.channel_id) == (admin.id, world.channel.id)
    await world.services.guilds.forget(world.guild.id, admin.id)
    (run,) = await world.services.runs.latest(1)
    assert (run.requested_by, run.channel_id, run.message_id) == (None, None, None)
    assert run.state == "running"


async def test_who_may_no_longer_cannot_confirm(world: World) -> None:
    role = world.guild.create_role("Stewards")
    steward = world.guild.add_member(world.env.create_user("stew"), roles=[role])
    await world.services.guilds.grant(world.guild.id, 1, Area.SETTINGS, role.id)
    await world.watch()
    asked = await steward.slash(world.channel, "settings delete-data")
    await world.services.guilds.grant(world.guild.id, 1, Area.SETTINGS, None)
    await steward.click(asked.response, label="Delete everything")
    assert len(await world.services.watches.list(world.guild.id)) == 1


async def test_amounts_are_shown_in_ether_where_a_server_wants_it(world: World, admin: Any) -> None:
    await world.watch(name="Plants", max_price_usd=250.0)
    await by(admin, world, "set", currency="ETH")
    shown = text(await world.member.slash(world.channel, "watch list"))
    assert "ask at most 0.1 ETH" in shown
    assert "net at least **0.00012 ETH**" in shown
