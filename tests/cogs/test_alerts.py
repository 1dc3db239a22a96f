"""Alerts leave the outbox once each, in order, and one channel's trouble is nobody else's."""

from __future__ import annotations

import asyncio
from typing import Any

import discord
import msgspec
import pytest
from structlog.testing import capture_logs

from bot.client import create_bot
from bot.services.pacing import Delivery
from cogs import delivery, outgoing
from tests.cogs.parts import make_axie, make_listing
from tests.cogs.world import World


async def test_an_alert_is_posted_with_its_sum_and_a_link_button(world: World) -> None:
    listing, _ = await world.signal(await world.watch())
    await world.deliver()
    (message,) = world.posted()
    assert message.embeds[0].title == f"Axie #{listing.axie.id} · Plant · 2 breeds"
    row = message.components[0]
    assert isinstance(row, discord.ActionRow)
    button = row.children[0]
    assert isinstance(button, discord.Button)
    labels = [each.label for each in row.children if isinstance(each, discord.Button)]
    assert labels == ["Marketplace", "Why", "Mine", "Mute"]
    assert button.url == f"https://app.axieinfinity.com/marketplace/axies/{listing.axie.id}"
    counts = await world.services.outbox.counts()
    assert (counts.delivered, counts.pending) == (1, 0)


async def test_the_nonce_of_an_alert_is_stable_and_enforced(world: World, short_pauses: None) -> None:
    world.env.inject_error("POST", "/channels/*/messages", status=500)
    await world.signal(await world.watch())
    await world.deliver()
    first, second = world.sends()
    assert first["nonce"] == second["nonce"]
    assert 0 < len(first["nonce"]) <= 25
    assert first["enforce_nonce"] is True
    assert len(world.posted()) == 1


async def test_an_alert_pings_nobody(world: World) -> None:
    await world.signal(await world.watch(name="@everyone"))
    await world.deliver()
    (body,) = world.sends()
    assert body["allowed_mentions"] == {"parse": []}


@pytest.mark.parametrize(("status", "code"), [(500, 0), (502, 0), (503, 0), (429, 0)])
async def test_what_passes_by_itself_is_tried_again(
    world: World, short_pauses: None, monkeypatch: pytest.MonkeyPatch, status: int, code: int
) -> None:
    monkeypatch.setattr(outgoing, "LIMITED_PAUSE_S", 0.01)
    world.env.inject_error("POST", "/channels/*/messages", status=status, code=code, times=2)
    await world.signal(await world.watch())
    await world.deliver()
    assert len(world.posted()) == 1
    assert len(world.sends()) == 3


async def test_a_channel_that_is_gone_makes_its_alert_undeliverable_with_a_reason(world: World) -> None:
    lost = world.guild.create_text_channel("lost")
    await world.signal(await world.watch(lost))
    world.env.inject_error("POST", f"/channels/{lost.id}/messages", status=404, code=10003)
    await world.deliver()
    (problem,) = await world.services.outbox.problems(world.guild.id)
    assert "no longer exists" in problem.reason
    assert (await world.services.outbox.counts()).pending == 0


async def test_a_channel_without_permission_is_named_and_not_tried_again(world: World) -> None:
    quiet = world.guild.create_text_channel(
        "quiet", overwrites={world.guild.me: discord.PermissionOverwrite(send_messages=False)}
    )
    await world.signal(await world.watch(quiet))
    await world.deliver()
    assert len(world.sends(quiet)) == 1
    (problem,) = await world.services.outbox.problems(world.guild.id)
    assert "Send Messages" in problem.reason


async def test_one_channel_is_served_in_order_even_across_a_failure(world: World, short_pauses: None) -> None:
    watch = await world.watch()
    ids = [(await world.signal(watch))[0].axie.id for _ in range(7)]
    world.env.inject_error("POST", "/channels/*/messages", status=500)
    await world.deliver()
    titles = [message.embeds[0].title or "" for message in world.posted()]
    assert [f"Axie #{id_}" for id_ in ids] == [title.split(" · ")[0] for title in titles]


async def test_a_slow_channel_delays_nobody_else(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    slow, quick = world.channel, world.guild.create_text_channel("quick")
    released = asyncio.Event()
    send = outgoing.send

    async def held(channel: Any, **message: Any) -> outgoing.Outcome:
        if channel.id == slow.id:
            await released.wait()
        return await send(channel, **message)

    monkeypatch.setattr(outgoing, "send", held)
    stuck, prompt = await world.watch(slow, "Slow"), await world.watch(quick, "Quick")
    alerts: Any = world.bot.get_cog("Alerts")
    for _ in range(8):
        await world.signal(stuck)
    await alerts.turn()
    await world.signal(prompt)
    async with asyncio.timeout(5):
        while not world.posted(quick):
            await alerts.turn()
    assert not world.posted(slow)
    released.set()
    await world.deliver()
    assert len(world.posted(slow)) == 8


async def test_hostile_market_text_is_shown_as_text(world: World) -> None:
    axie = make_axie(title="@everyone [free](https://evil.example) <@123456789012345678>")
    await world.signal(await world.watch(), axie=axie)
    await world.deliver()
    traits = world.posted()[0].embeds[0].fields[-1].value or ""
    assert "@everyone" not in traits
    assert "https://evil" not in traits
    assert "](" not in traits.replace("\\]", "").replace("\\(", "")


async def test_lag_counts_from_the_arrival_of_the_listing(world: World) -> None:
    watch = await world.watch()
    listing = make_listing(world.services.clock.now())
    world.services.stats.arrived(asyncio.get_running_loop().time() - 0.2, [listing.hash])
    await world.signal(watch, listing=listing)
    await world.deliver()
    lag = world.services.stats.p50()
    assert lag is not None
    assert 200 <= lag < 5000


async def test_after_a_restart_what_was_pending_is_posted_once(world: World, short_pauses: None) -> None:
    watch = await world.watch()
    await world.signal(watch)
    await world.deliver()
    await world.signal(watch)
    await world.env.restart_bot(create_bot(world.services, shard_count=1))
    await world.deliver()
    await world.deliver()
    assert len(world.posted()) == 2
    assert len({body["nonce"] for body in world.sends()}) == 2


async def test_under_supervision_alerts_flow_by_themselves(world: World) -> None:
    world.services.supervisor.start()
    await world.signal(await world.watch())
    async with asyncio.timeout(5):
        while not world.posted():
            await asyncio.sleep(0.01)
    names = [task.name for task in world.services.supervisor.statuses()]
    assert "delivery" in names


async def test_between_two_lives_of_the_bot_nothing_is_tried_and_nothing_lost(world: World) -> None:
    former: Any = world.bot.get_cog("Alerts")
    for name in tuple(world.bot.cogs):
        await world.bot.remove_cog(name)
    await world.signal(await world.watch())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await former.turn()
    assert world.sends() == []
    await world.env.restart_bot(create_bot(world.services, shard_count=1))
    world.services.supervisor.start()
    async with asyncio.timeout(5):
        while not world.posted():
            await asyncio.sleep(0.01)
    assert len(world.sends()) == 1


async def test_an_alert_that_cannot_be_rendered_does_not_block_its_channel(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cogs import embeds

    watch = await world.watch()
    broken, _ = await world.signal(watch)
    await world.signal(watch)
    render = embeds.alert

    def fragile(listing: Any, *rest: Any, **more: Any) -> discord.Embed:
        if listing.hash == broken.hash:
            raise KeyError("no such field")
        return render(listing, *rest, **more)

    monkeypatch.setattr(embeds, "alert", fragile)
    monkeypatch.setattr(delivery, "FAULT_PAUSE_S", 0.01)
    with capture_logs() as logs:
        await world.deliver()
    assert "delivery failed" in [log["event"] for log in logs]
    counts = await world.services.outbox.counts()
    assert (counts.delivered, counts.undeliverable) == (1, 1)


async def test_a_message_that_is_out_is_not_repeated_while_the_database_takes_no_notes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "FAULT_PAUSE_S", 0.01)
    outbox = world.services.outbox
    delivered, failures = outbox.delivered, iter([OSError("disk full")] * 3)

    async def failing(*what: Any) -> None:
        for failure in failures:
            raise failure
        await delivered(*what)

    async def full(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(outbox, "delivered", failing)
    monkeypatch.setattr(outbox, "retry", full)
    monkeypatch.setattr(outbox, "undeliverable", full)
    await world.signal(await world.watch())
    await world.deliver()
    assert len(world.sends()) == len(world.posted()) == 1
    assert (await outbox.counts()).delivered == 1


async def test_a_role_is_pinged_once_for_a_post_that_promises_enough(world: World) -> None:
    role = world.guild.create_role("Flippers", mentionable=True)
    watch = await world.watch(name="Plants")
    wanted = Delivery(role_id=role.id, ping_above_usd=6.0)
    watch = await world.services.watches.change(
        world.guild.id, "Plants", 1, lambda w: msgspec.structs.replace(w, delivery=wanted)
    )
    await world.signal(watch, net_usd=5.99)
    await world.deliver()
    await world.signal(watch, net_usd=6.0)
    await world.deliver()
    quiet, loud = world.sends()
    assert not quiet.get("content")
    assert loud["content"] == f"<@&{role.id}>"
    assert loud["allowed_mentions"] == {"parse": [], "roles": [str(role.id)]}
