"""No alert is in a channel twice, though Discord forgets a nonce within minutes."""

from __future__ import annotations

from typing import Any

import pytest

from cogs import delivery, outgoing
from tests.cogs import test_losses
from tests.cogs.test_losses import deny
from tests.cogs.world import World

NEEDED = ("view_channel", "send_messages", "embed_links", "read_message_history")


@pytest.fixture(autouse=True)
def late_at_once(monkeypatch: pytest.MonkeyPatch, short_pauses: None) -> None:
    monkeypatch.setattr(delivery, "LATE_S", 0.0)


def looks(world: World) -> int:
    """How often the bot read a channel's past."""
    return sum(r.method == "GET" and r.path.endswith("/messages") for r in world.env.http_requests)


def once(world: World, monkeypatch: pytest.MonkeyPatch, end: Any) -> None:
    """The next message reaches Discord, and `end` is what the bot hears of it."""
    send = outgoing.send

    async def unheard(*args: Any, **more: Any) -> Any:
        await send(*args, **more)
        monkeypatch.setattr(outgoing, "send", send)
        return end()

    monkeypatch.setattr(outgoing, "send", unheard)


async def test_who_is_late_in_the_queue_of_this_life_costs_one_request(world: World) -> None:
    await world.signal(await world.watch())
    await world.deliver()
    assert "it was still open" in (world.posted()[0].embeds[0].description or "")
    assert (len(world.sends()), looks(world)) == (1, 0)


async def test_what_broke_off_while_the_database_took_no_notes_is_looked_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = world.services.outbox
    retry = outbox.retry

    async def no_note(*args: Any) -> None:
        monkeypatch.setattr(outbox, "retry", retry)
        raise OSError("the disk is full")

    def fault() -> Any:
        raise RuntimeError("the answer was lost on the way")

    monkeypatch.setattr(outbox, "retry", no_note)
    await world.signal(await world.watch())
    once(world, monkeypatch, fault)
    await world.deliver()
    assert len(world.posted()) == len(world.sends()) == 1
    assert looks(world) == 1


async def test_what_was_given_up_after_a_lost_answer_is_looked_for_when_it_is_owed_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unanswered() -> outgoing.Outcome:
        deny(world, world.channel, **dict.fromkeys(NEEDED, False))
        return outgoing.Retry(0.01, "Discord did not answer.")

    await world.signal(await world.watch())
    once(world, monkeypatch, unanswered)
    await world.deliver()
    assert (await world.services.outbox.counts()).undeliverable == 1
    await test_losses.looked(world)
    deny(world, world.channel, **dict.fromkeys(NEEDED, True))
    await test_losses.looked(world)
    before = looks(world)
    await world.deliver()
    assert (await world.services.outbox.counts()).delivered == 1
    assert looks(world) == before + 1
    titles = [message.embeds[0].title or "" for message in world.posted()]
    assert sum(title.startswith("Axie #") for title in titles) == 1
