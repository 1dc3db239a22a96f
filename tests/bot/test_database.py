from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, bindparam, insert, inspect, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import StatementError

from bot.db import Database, current, head, upgrade
from bot.db.base import Base
from bot.db.engine import connect
from bot.db.process import TrainingRunRow, WatcherStateRow
from bot.db.schema import config
from bot.db.servers import GuildRow
from bot.db.tables import AlertRow, ListingRow, OutcomeRow, PostRow, PredictionRow
from bot.db.types import TokenAmount, UtcDateTime
from bot.errors import SchemaError
from bot.services.state import State
from pipeline.market.values import AxieClass, Part, Slot
from tests.bot.factories import NOON, make_axie, make_listing
from tests.databases import Databases, sqlite_url

AT = bindparam("at", type_=UtcDateTime())


@pytest.fixture
def unmigrated(databases: Databases) -> Iterator[str]:
    with databases.empty() as url:
        yield url


async def test_a_missing_database_is_made_with_its_folder_at_the_newest_schema(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "some" / "folder" / "axieflip.db")
    async with Database.open(url) as db:
        await db.ping()
    assert await current(url) == head()


async def test_an_upgrade_of_a_current_database_changes_nothing(database_url: str) -> None:
    assert await upgrade(database_url) == head()
    assert await upgrade(database_url) == head()


def test_the_newest_revision_is_the_one_that_the_files_names_tell() -> None:
    assert ScriptDirectory.from_config(config()).get_heads() == [head()]


async def test_the_migrations_build_exactly_the_tables(db: Database) -> None:
    def differences(connection: Connection) -> object:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        return compare_metadata(context, Base.metadata)

    async with db.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_the_schema_can_be_taken_back_to_nothing(database_url: str) -> None:
    from alembic import command

    engine = connect(database_url, foreign_keys=False)
    async with engine.begin() as connection:
        await connection.run_sync(lambda sync: command.downgrade(config(sync), "base"))
        left = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
        assert set(left) <= {"alembic_version"}
    await engine.dispose()


async def test_a_database_of_a_newer_version_is_refused_and_left_alone(database_url: str) -> None:
    async with Database.open(database_url) as db, db.session() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaError, match=r"9999.*newer version"):
        async with Database.open(database_url):
            pytest.fail("it was opened")
    assert await current(database_url) == "9999"


@pytest.mark.sqlite
async def test_sqlite_is_opened_for_speed_and_safety(db: Database) -> None:
    async with db.reading() as session:
        for pragma, value in {"journal_mode": "wal", "foreign_keys": 1, "synchronous": 1}.items():
            assert await session.scalar(text(f"PRAGMA {pragma}")) == value


async def test_an_exception_undoes_the_whole_transaction(db: Database) -> None:
    async def write_and_fail() -> None:
        async with db.session() as session:
            await session.execute(insert(GuildRow).values(id=1, known_since=NOON))
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        await write_and_fail()
    async with db.reading() as session:
        assert await session.scalar(select(GuildRow.id)) is None


async def test_writers_that_read_first_do_not_lose_updates(database_url: str) -> None:
    async def increase(db: Database) -> None:
        async with db.session() as session:
            row = await session.get_one(WatcherStateRow, "count")
            await asyncio.sleep(0)
            row.value = str(int(row.value) + 1)

    async with Database.open(database_url) as one, Database.open(database_url) as other:
        await State(one).put("count", 0)
        await asyncio.gather(*(increase(db) for _ in range(10) for db in (one, other)))
        assert await State(one).get("count") == 20


async def test_two_processes_can_write_to_one_file(database_url: str) -> None:
    async with Database.open(database_url) as one, Database.open(database_url) as other:
        states = [State(one), State(other)]
        await asyncio.gather(*(states[i % 2].put(f"key {i}", i) for i in range(20)))
        assert [await states[0].get(f"key {i}") for i in range(20)] == list(range(20))


async def test_reading_sees_the_last_commit_while_a_write_is_under_way(db: Database) -> None:
    state = State(db)
    await state.put("key", "before")
    async with db.session() as session:
        await session.execute(text("UPDATE watcher_state SET value = '\"after\"'"))
        assert await asyncio.wait_for(state.get("key"), 5) == "before"
    assert await state.get("key") == "after"


async def test_state_is_remembered_as_json_by_key(db: Database) -> None:
    state = State(db)
    assert await state.get("discord.tree") is None
    await state.put("discord.tree", {"digest": "a"})
    await state.put("discord.tree", {"digest": "ü"})
    assert await state.get("discord.tree") == {"digest": "ü"}


@given(amount=st.integers(min_value=0, max_value=2**256 - 1))
def test_token_amounts_beyond_64_bits_survive_the_column(amount: int) -> None:
    stored = TokenAmount().process_bind_param(amount, sqlite.dialect())
    assert isinstance(stored, str)
    assert len(stored) <= 78
    assert TokenAmount().process_result_value(stored, sqlite.dialect()) == amount


@given(
    at=st.datetimes(
        min_value=NOON.replace(year=2000, tzinfo=None), max_value=NOON.replace(year=2100, tzinfo=None)
    ),
    offset=st.integers(min_value=-14 * 60, max_value=14 * 60),
)
def test_times_survive_the_column_as_the_same_moment_in_utc(at: datetime, offset: int) -> None:
    moment = at.replace(tzinfo=timezone(timedelta(minutes=offset)))
    stored = UtcDateTime().process_bind_param(moment, sqlite.dialect())
    assert stored is not None
    back = UtcDateTime().process_result_value(stored.replace(tzinfo=None), sqlite.dialect())
    assert back == moment
    assert back is not None
    assert back.tzinfo is UTC


async def test_a_time_without_a_zone_is_refused(db: Database) -> None:
    with pytest.raises(StatementError, match="has no time zone"):
        async with db.session() as session:
            await session.execute(insert(GuildRow).values(id=1, known_since=NOON.replace(tzinfo=None)))


def test_every_table_can_be_created_on_postgresql() -> None:
    from sqlalchemy.schema import CreateIndex, CreateTable

    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    for table in Base.metadata.sorted_tables:
        ddl = str(CreateTable(table).compile(dialect=dialect))
        assert "DATETIME" not in ddl
        for index in table.indexes:
            CreateIndex(index).compile(dialect=dialect)
            assert len(str(index.name)) <= 63


async def test_predictions_of_before_there_were_classes_are_told_theirs(unmigrated: str) -> None:
    from alembic import command

    url = unmigrated
    parts = tuple(
        Part(f"{slot}-plain", slot, AxieClass.BUG, special="Mystic" if slot is Slot.TAIL else None)
        for slot in Slot
    )
    listings = [make_listing(), make_listing(axie=make_axie(class_=AxieClass.BUG, parts=parts))]
    engine = connect(url, foreign_keys=False)
    async with engine.begin() as connection:
        await connection.run_sync(lambda sync: command.upgrade(config(sync), "0001"))
        for listing in listings:
            row = {"hash": listing.hash, "body": msgspec.json.encode(listing).decode(), "at": NOON}
            for statement in (
                "INSERT INTO listings VALUES (:hash, 1, 'WETH', '1', '0', 'Open', :at, :at, :at, :body)",
                "INSERT INTO predictions VALUES (:hash, :at, 'v', 1, 1, 1, 1, 1, 1, 1, '{}')",
            ):
                await connection.execute(text(statement).bindparams(AT), row)
    await engine.dispose()
    async with Database.open(url) as db, db.reading() as session:
        found = await session.execute(select(PredictionRow.class_, PredictionRow.collection))
        assert set(found.all()) == {("Beast", None), ("Bug", "mystic")}


async def test_alerts_of_before_there_were_posts_keep_their_messages(unmigrated: str) -> None:
    from alembic import command

    url = unmigrated
    listing = make_listing()
    engine = connect(url, foreign_keys=False)
    async with engine.begin() as connection:
        await connection.run_sync(lambda sync: command.upgrade(config(sync), "0001"))
        row = {"hash": listing.hash, "body": msgspec.json.encode(listing).decode(), "at": NOON}
        for statement in (
            "INSERT INTO listings VALUES (:hash, 5, 'WETH', '1', '0', 'Matched', :at, :at, :at, :body)",
            "INSERT INTO predictions VALUES (:hash, :at, 'v', 1, 1, 1, 1, 1, 1, 1, '{}')",
            "INSERT INTO outcomes VALUES (:hash, 'Matched', :at)",
            "INSERT INTO alerts VALUES "
            "(9, NULL, :hash, 1, 2, 'w', 'n-9', 'delivered', 1, 77, NULL, :at, :at, :at, :at)",
        ):
            await connection.execute(text(statement).bindparams(AT), row)
    await engine.dispose()
    async with Database.open(url) as db, db.reading() as session:
        [(alert, post)] = await session.execute(
            select(AlertRow, PostRow).join(PostRow, PostRow.id == AlertRow.post_id)
        )
        assert (alert.id, alert.current_hash, alert.clears) == (9, listing.hash, True)
        assert (post.nonce, post.message_id, post.edit_at) == ("n-9", 77, None)
        assert (await session.scalars(select(OutcomeRow.axie_id))).all() == [5]
        assert (await session.scalars(select(ListingRow.alerted))).all() == [True]


async def test_trainings_and_servers_of_before_are_told_of_each_other_by_the_log(unmigrated: str) -> None:
    from alembic import command

    engine = connect(unmigrated, foreign_keys=False)
    async with engine.begin() as connection:
        await connection.run_sync(lambda sync: command.upgrade(config(sync), "0008"))
        for id_, asked in ((1, 5), (2, 6), (3, None)):
            run = (
                "(:id, :asked, 'cancelled', '', 0, NULL, NULL, 'Mona cancelled it', :at, :at, :asked, :asked)"
            )
            values = {"id": id_, "asked": asked, "at": NOON}
            await connection.execute(text(f"INSERT INTO training_runs VALUES {run}").bindparams(AT), values)
        for action, subject, guild in (("training started", "run 1", 8), ("data deleted", "9", 9)):
            row = "(at, guild_id, actor, action, subject) VALUES (:at, :guild, 5, :action, :subject)"
            said = {"at": NOON, "guild": guild, "action": action, "subject": subject}
            await connection.execute(text(f"INSERT INTO audit_log {row}").bindparams(AT), said)
    await engine.dispose()
    async with Database.open(unmigrated) as db, db.reading() as session:
        of = TrainingRunRow
        found = await session.execute(select(of.guild_id, of.requested_by, of.message_id).order_by(of.id))
        assert list(map(tuple, found)) == [(8, 5, 5), (None, None, None), (None, None, None)]
        assert (await session.scalars(select(of.error).order_by(of.id))).all() == [
            "Mona cancelled it",
            "it was cancelled",
            "it was cancelled",
        ]
        assert (await session.scalars(select(GuildRow.id))).all() == [8]
