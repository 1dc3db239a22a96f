"""Deleting a server's data leaves nothing of it in any table, whichever tables there are, and harms no other.

A row is made for two servers in every table that belongs to one, by itself or through what it refers to; a
table that is added later is filled and looked at without a word here. A training stays, for it is the bot's;
what it tells of a server goes.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import BigInteger, Boolean, Column, Float, Table, insert, select

from bot.db import Database
from bot.db.base import Base
from bot.db.types import UtcDateTime
from bot.services.audit import Audit
from bot.services.guilds import Guilds
from bot.services.mutes import Kind, Mutes
from bot.services.runs import Runs
from bot.services.watches import Watches
from bot.waiting import machine_time
from pipeline.clock import ManualClock
from tests.bot.factories import NOON

GONE, KEPT = 1, 2
TABLES: list[Table] = Base.metadata.sorted_tables
STRIPPED = {"training_runs"}
_numbers = count(1000)


def belongs(table: Table) -> bool:
    """Whether its rows are a server's, by themselves or through what they refer to."""
    if table.name == "guilds" or ("guild_id" in table.columns and table.name not in STRIPPED):
        return True
    return any(belongs(key.column.table) for key in table.foreign_keys)


def is_discords(column: Column[Any]) -> bool:
    """Whether it holds a number of Discord's: of a server, a channel, a message or a person."""
    own = column.primary_key or column.foreign_keys or column.name == "axie_id"
    return isinstance(column.type, BigInteger) and not own


def stripped(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    """A row that stays where it is no server's, without what it tells of one."""
    return row | {column.name: None for column in table.columns if is_discords(column)}


def made(table: Table, guild: int, others: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A row of a server that refers to the server's own rows of other tables."""
    row: dict[str, Any] = {}
    for column in table.columns:
        (*key,) = column.foreign_keys
        if column.name == "guild_id" or (table.name == "guilds" and column.primary_key):
            row[column.name] = guild
        elif key:
            row[column.name] = others[key[0].column.table.name][key[0].column.name]
        elif isinstance(column.type, UtcDateTime):
            row[column.name] = NOON
        elif isinstance(column.type, Boolean):
            row[column.name] = False
        elif isinstance(column.type, Float):
            row[column.name] = 1.0
        elif column.type.python_type is str:
            row[column.name] = f"{next(_numbers)}"
        else:
            row[column.name] = next(_numbers)
    return row


async def filled(db: Database, guild: int) -> dict[str, dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    async with db.session() as session:
        for table in TABLES:
            rows[table.name] = made(table, guild, rows)
            await session.execute(insert(table).values(rows[table.name]))
    return rows


async def everything(db: Database) -> dict[str, list[dict[str, Any]]]:
    async with db.reading() as session:
        return {
            table.name: [
                dict(row)
                for row in (await session.execute(select(table).order_by(*table.primary_key))).mappings()
            ]
            for table in TABLES
        }


@pytest.fixture
def mutes(db: Database) -> Mutes:
    return Mutes(db)


@pytest.fixture
def guilds(db: Database, clock: ManualClock, mutes: Mutes) -> Guilds:
    return Guilds(db, clock, Watches(db, clock), mutes)


async def test_nothing_of_a_server_is_left_and_nothing_else_is_touched(db: Database, guilds: Guilds) -> None:
    gone, kept = await filled(db, GONE), await filled(db, KEPT)
    assert len([table for table in TABLES if belongs(table)]) > 8, "most of what there is"
    await guilds.forget(GONE, 5)
    left = await everything(db)
    (entry,) = [row for row in left["audit_log"] if row["guild_id"] == GONE]
    assert (entry["action"], entry["before"], entry["after"]) == ("data deleted", None, None)
    left["audit_log"].remove(entry)
    (there,) = [row for row in left["guilds"] if row["id"] == GONE]
    assert (there["settings"], there["left_at"]) == ("{}", None), "the bot is still on it"
    left["guilds"].remove(there)
    for table in TABLES:
        stays = [] if belongs(table) else [stripped(table, gone[table.name])]
        rows = [*stays, kept[table.name]]
        assert left[table.name] == rows, table.name


async def test_a_server_that_left_is_forgotten_as_wholly(db: Database, guilds: Guilds) -> None:
    await filled(db, GONE)
    await filled(db, KEPT)
    await guilds.present([KEPT])
    later = datetime.now(tz=NOON.tzinfo).replace(year=2100)
    assert await guilds.forget_overdue(later) == [GONE]
    left = await everything(db)
    for table in TABLES:
        if "guild_id" in table.columns and table.name != "audit_log":
            there = {row["guild_id"] for row in left[table.name]}
            assert there - {None} == {KEPT}, table.name


@pytest.mark.parametrize("table", TABLES, ids=lambda table: str(table.name))
def test_what_tells_of_a_server_or_a_person_tells_of_which_server(table: Table) -> None:
    if any(is_discords(column) for column in table.columns):
        assert belongs(table) or "guild_id" in table.columns


async def test_who_cancelled_a_training_is_forgotten_too(db: Database, guilds: Guilds) -> None:
    runs = Runs(db)
    for guild in (GONE, KEPT):
        await runs.finish(await runs.begin(5, guild), "cancelled", error="Mona cancelled it")
    await guilds.forget(GONE, 5)
    assert [run.error for run in await runs.latest(2)] == ["Mona cancelled it", "it was cancelled"]


async def test_a_server_of_which_only_a_change_is_on_record_is_forgotten_after_it_left(
    db: Database, guilds: Guilds
) -> None:
    await Audit(db).write("training started", "run 1", guild_id=GONE, actor=5)
    await guilds.left(GONE)
    later = machine_time() + timedelta(days=31)
    assert await guilds.forget_overdue(later) == [GONE]
    assert [entry.action for entry in await Audit(db).recent(GONE)] == ["data deleted"]


async def test_what_a_server_had_muted_is_heard_again_at_once(guilds: Guilds, mutes: Mutes) -> None:
    until = machine_time() + timedelta(hours=1)
    for guild in (GONE, KEPT):
        await mutes.add(guild, Kind.SELLER, "0xab", "seller", until, 5)
    assert len(await mutes.active()) == 2
    await guilds.forget(GONE, 5)
    assert {mute.guild_id for mute in await mutes.active()} == {KEPT}
