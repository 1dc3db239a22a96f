"""The range itself: its invariants can be violated, and its document names the scenarios that there are."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bot.db import schema
from tests.e2e.parts import SIGNING_KEY
from tests.range import invariants
from tests.range.__main__ import table
from tests.range.arena import Arena
from tests.range.resources import Use

DOCUMENT = Path(__file__).parents[2] / "docs/reliability.md"


@pytest.fixture
async def arena(tmp_path: Path) -> Arena:
    """An arena with an empty database and nobody in it."""
    await schema.upgrade(f"sqlite+aiosqlite:///{tmp_path / 'axieflip.db'}")
    nobody = cast(Any, SimpleNamespace(info={"token": "a.discord.token"}))
    return Arena(nobody, nobody, nobody, nobody, tmp_path, tmp_path / "store", random.Random(1))


def message(nonce: str, mark: str = "") -> dict[str, Any]:
    return {"nonce": nonce, "channel_id": 1, "embeds": [{"url": f"https://axie/1#{mark}"}] if mark else []}


def write(arena: Arena, *lines: str) -> None:
    with closing(sqlite3.connect(arena.database)) as connection:
        for line in lines:
            connection.execute(line)
        connection.commit()


def alert(state: str, reason: str = "NULL", nonce: str = "n1") -> tuple[str, ...]:
    now = "'2026-06-01 12:00:00'"
    return (
        f"INSERT INTO posts (id, guild_id, channel_id, nonce, revision) VALUES (1, 1, 1, '{nonce}', 0)",
        "INSERT INTO alerts (post_id, listing_hash, current_hash, clears, guild_id, channel_id, watch_name, "
        "state, attempts, reason, created_at, queued_at, next_attempt_at) VALUES "
        f"(1, 'h', 'h', 1, 1, 1, 'w', '{state}', 0, {reason}, {now}, {now}, {now})",
    )


def test_an_empty_arena_violates_nothing(arena: Arena) -> None:
    assert not [*invariants._sound(arena), *invariants._recorded(arena), *invariants._alerts(arena, [])]
    assert not [*invariants._told_once(arena, []), *invariants._secrets(arena, [])]


def test_a_listing_that_is_shown_and_not_recorded_is_a_violation(arena: Arena) -> None:
    arena.settled = {"0xabc"}
    assert "not recorded" in " ".join(invariants._recorded(arena))


def test_a_listing_of_the_scenario_that_vanished_unrecorded_is_a_violation(arena: Arena) -> None:
    arena.listed = [{"hash": "0xabc", "buyable": False}]
    assert "neither shown nor recorded" in " ".join(invariants._recorded(arena))


def test_a_message_posted_twice_is_a_violation_even_under_another_nonce(arena: Arena) -> None:
    assert "twice" in " ".join(invariants._told_once(arena, [message("a"), message("a")]))
    assert "twice" in " ".join(invariants._told_once(arena, [message("a", "m"), message("b", "m")]))
    assert not list(invariants._told_once(arena, [message("a", "m"), message("b", "n")]))


@pytest.mark.parametrize(
    ("state", "reason", "said"),
    [
        ("pending", "'down'", "still waiting, the first because: down"),
        ("expired", "NULL", "without a reason"),
        ("undeliverable", "'no'", "alerts were given up: {'no': 1}"),
        ("delivered", "NULL", "noted as delivered and are not in Discord"),
    ],
)
def test_an_alert_that_waits_is_lost_or_was_given_up_is_a_violation(
    arena: Arena, state: str, reason: str, said: str
) -> None:
    write(arena, *alert(state, reason))
    assert said in " ".join(invariants._alerts(arena, []))


def test_a_reference_without_its_row_is_a_violation(arena: Arena) -> None:
    write(arena, *alert("delivered"))
    assert "without their row" in " ".join(invariants._sound(arena))


def test_a_secret_in_a_message_or_the_database_is_a_violation(arena: Arena) -> None:
    assert "a message" in " ".join(invariants._secrets(arena, [{"content": f"key {SIGNING_KEY}"}]))
    write(arena, *alert("expired", "'a.discord.token'"))
    assert "the database" in " ".join(invariants._secrets(arena, []))


def test_what_a_process_holds_beyond_before_is_named() -> None:
    before = Use(200, 20, 5, 0, 40)
    assert Use(210, 22, 6, 0, 42).beyond(before) == []
    assert len(Use(400, 90, 50, 2, 90).beyond(before)) == 5


def test_the_document_names_the_scenarios_that_there_are() -> None:
    assert table() in DOCUMENT.read_text(encoding="utf-8"), (
        "put there what `python -m tests.range --table` says"
    )
