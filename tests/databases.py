"""Databases for tests: SQLite files by default, databases of a real PostgreSQL server with `--postgres`.

Either is migrated once and copied for whoever wants a fresh one, so that a test costs no migration.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from bot.db import head, upgrade

SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_wal_senders": "0",
    "autovacuum": "off",
}
_numbers = itertools.count(1)


class Databases(Protocol):
    """Where a test's databases come from."""

    def fresh(self) -> AbstractContextManager[str]:
        """The URL of a database at the newest schema with nothing in it, for the length of the block."""
        ...

    def empty(self) -> AbstractContextManager[str]:
        """The URL of one that no migration has seen."""
        ...


def sqlite_url(file: Path) -> str:
    return f"sqlite+aiosqlite:///{file}"


class SqliteFiles:
    """Copies of a file that was migrated once."""

    def __init__(self, folder: Path) -> None:
        self._template = folder / "axieflip.db"
        asyncio.run(upgrade(sqlite_url(self._template)))

    @contextmanager
    def fresh(self) -> Iterator[str]:
        with self.empty() as url:
            shutil.copy(self._template, url.partition("///")[2])
            yield url

    @contextmanager
    def empty(self) -> Iterator[str]:
        with tempfile.TemporaryDirectory() as folder:
            yield sqlite_url(Path(folder) / "axieflip.db")


class PostgresServer:
    """A server of its own, with data that need not survive it. Made by `postgres_server`."""

    def __init__(self, programs: Path, folder: Path, port: int) -> None:
        self._programs, self._folder, self.port = programs, folder, port

    def url(self, name: str) -> str:
        return f"postgresql+asyncpg://axieflip@127.0.0.1:{self.port}/{name}"

    def query(self, statement: str, database: str = "postgres") -> str:
        """What psql prints of it: values alone, a row a line."""
        command = [
            self._programs / "psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align",
            "--set=ON_ERROR_STOP=1", f"--command={statement}",
            f"postgresql://axieflip@127.0.0.1:{self.port}/{database}",
        ]  # fmt: skip
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def stop(self) -> None:
        """End it at once, as a crash would."""
        self.control("stop", "--mode=immediate")

    def start(self) -> None:
        settings = SETTINGS | {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
        }
        options = " ".join(f"-c {name}={value or chr(39) * 2}" for name, value in settings.items())
        self.control("start", f"--log={self._folder / 'log'}", f"--options={options}")

    def control(self, *arguments: str) -> None:
        run_unprivileged(
            [self._programs / "pg_ctl", f"--pgdata={self._folder / 'data'}", "--wait", "--silent", *arguments]
        )


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server for the length of the block, from the programs that the system has."""
    programs = _programs()
    with tempfile.TemporaryDirectory(prefix="axieflip-postgres-") as name:
        folder = Path(name)
        if os.geteuid() == 0:  # which PostgreSQL refuses to run as
            shutil.chown(folder, "postgres", "postgres")
        run_unprivileged(
            [programs / "initdb", f"--pgdata={folder / 'data'}", "--username=axieflip", "--auth=trust",
             "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        )  # fmt: skip
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        server = PostgresServer(programs, folder, port)
        server.start()
        try:
            yield server
        finally:
            if (folder / "data" / "postmaster.pid").exists():
                server.stop()


def run_unprivileged(command: list[Path | str]) -> None:
    """Run a program of the server; as root, as Debian's user for it."""
    user = {"user": "postgres", "group": "postgres", "extra_groups": ()} if os.geteuid() == 0 else {}
    ended = subprocess.run(
        command,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,  # the server inherits it: a pipe would never end
        check=False,
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
        **user,
    )
    if ended.returncode:
        raise RuntimeError(f"{command[0]} ended with code {ended.returncode}")


def _programs() -> Path:
    """The folder of the newest server on this machine."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    folders = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(folders, key=lambda file: int(file.parts[-3]), default=None)
    if newest is None:
        raise RuntimeError("there is no PostgreSQL here: apt-get install postgresql")
    return newest.parent


# Takes out what a test wrote; fails where the schema is not the newest. TRUNCATE leaves no dead rows, which
# the planner would count, but makes new files, so that it is for the tables that were written to.
_CLEAR = """
SET lock_timeout = '5s';
DO $$ DECLARE names text; BEGIN
    IF (SELECT version_num FROM alembic_version) <> '{head}' THEN RAISE 'another schema'; END IF;
    SELECT string_agg(quote_ident(tablename), ', ') INTO names FROM pg_tables
        WHERE schemaname = 'public' AND tablename <> 'alembic_version'
        AND pg_relation_size(format('%I.%I', schemaname, tablename)::regclass) > 0;
    IF names IS NOT NULL THEN EXECUTE 'TRUNCATE ' || names || ' CASCADE'; END IF;
    PERFORM setval(quote_ident(sequencename)::regclass, 1, false) FROM pg_sequences;
END $$
"""


class PostgresDatabases:
    """Databases of one server, emptied after use and used again: a new one takes ten times as long."""

    def __init__(self, server: PostgresServer) -> None:
        self.server = server
        self._clean: list[str] = []

    @contextmanager
    def fresh(self) -> Iterator[str]:
        name = self._clean.pop() if self._clean else self._made()
        yield self.server.url(name)
        try:
            self.server.query(_CLEAR.format(head=head()), name)
        except subprocess.CalledProcessError:
            self._dropped(name)
        else:
            self._clean.append(name)

    @contextmanager
    def empty(self) -> Iterator[str]:
        name = f"test_{next(_numbers)}"
        self.server.query(f"CREATE DATABASE {name}")
        try:
            yield self.server.url(name)
        finally:
            self._dropped(name)

    def _made(self) -> str:
        name = f"test_{next(_numbers)}"
        self.server.query(f"CREATE DATABASE {name}")
        asyncio.run(upgrade(self.server.url(name)))
        return name

    def _dropped(self, name: str) -> None:
        self.server.query(f"DROP DATABASE {name} WITH (FORCE)")
