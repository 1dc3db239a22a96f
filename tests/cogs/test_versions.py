"""The stored versions of the model in Discord: the list of them, and the way back to one."""

from __future__ import annotations

from typing import Any

import pytest

from bot.client import create_bot
from tests.cogs.test_model import METRICS
from tests.cogs.world import World, text, words


@pytest.fixture
async def stored(world: World) -> list[str]:
    """Three versions, of which the last serves; the first was champion before it."""
    registry = world.services.versions._registry
    names = ["20260530-000000-aaaaaa", "20260531-000000-bbbbbb", "20260601-000000-cccccc"]
    for number, name in enumerate(names):
        registry.save(name, number, {"rows": 1000 * number, "metrics": METRICS})
    registry.promote(names[0])
    registry.promote(names[2])
    await world.predictor.refresh()
    return names


async def test_versions_are_listed_with_the_one_that_serves(
    world: World, admin: Any, stored: list[str]
) -> None:
    assert "Administrator" in text(await world.manager.slash(world.channel, "model list"))
    shown = text(await admin.slash(world.channel, "model list"))
    assert f"🏆 **{stored[2]}**" in shown
    assert f"🕓 **{stored[0]}**" in shown
    assert "error 14.0%" in shown
    assert shown.index(stored[2]) < shown.index(stored[1]) < shown.index(stored[0])


async def test_a_version_that_was_changed_is_listed_with_its_flaw(
    world: World, admin: Any, stored: list[str], tmp_path: Any
) -> None:
    (tmp_path / "store" / "models" / stored[1] / "card.json").write_text("{}")
    assert "not signed" in text(await admin.slash(world.channel, "model list"))
    asked = text(await admin.slash(world.channel, "model rollback", version=stored[1]))
    assert "not signed" in asked


async def test_a_rollback_is_confirmed_and_leads_to_the_one_before(
    world: World, admin: Any, stored: list[str]
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


async def test_any_version_can_be_named_and_is_completed(world: World, admin: Any, stored: list[str]) -> None:
    found = await admin.autocomplete(world.channel, "model rollback", "version", "2026")
    assert [choice["value"] for choice in found] == [stored[1], stored[0]]
    asked = await admin.slash(world.channel, "model rollback", version=stored[1])
    twice = await admin.slash(world.channel, "model rollback", version=stored[1])
    await admin.click(asked.response, label="Roll back")
    assert world.predictor.version == stored[1]
    again = await admin.click(twice.response, label="Roll back")
    assert "serves already" in again.followups[0].content


async def test_a_rollback_is_refused_to_others_and_where_the_version_is_unknown(
    world: World, admin: Any, stored: list[str]
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
