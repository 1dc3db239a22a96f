"""Who may act where several processes could: one at a time, by a lock that dies with its holder.

`sole` is for what one machine keeps in a folder: a lock file beside it, which the system gives back when the
process ends, however it ends. Two bots on one database would read every listing twice and quarrel about the
request budget and the outbox.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bot.errors import AlreadyRunning, SettingsError


@contextmanager
def sole(file: Path, sentence: str) -> Iterator[None]:
    """Hold the lock file for the length of the block; it is made with its folder, and stays.

    Raises `AlreadyRunning` with the sentence and the holder's process id where another holds it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 20).decode(errors="replace").strip()
            raise AlreadyRunning(f"{sentence} (process {holder or 'unknown'})") from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)  # which gives the lock back; the file stays, or two could hold two of them


@contextmanager
def sole_bot(database_url: str) -> Iterator[None]:
    """Be the one bot on this database for the length of the block; a SQLite file has a lock file beside it.

    Raises `AlreadyRunning` where another bot is, and `SettingsError` where no lock file can be made.
    """
    from sqlalchemy import make_url  # the command line loads this module at every start

    url = make_url(database_url)
    if url.get_backend_name() != "sqlite" or not url.database:
        yield
        return
    sentence = (
        f"Another bot is running on the database {url.database}: "
        "stop it first, or give this one a DATABASE_URL of its own"
    )
    with ExitStack() as stack:
        try:
            stack.enter_context(sole(Path(f"{url.database}.lock"), sentence))
        except OSError as error:
            raise SettingsError(
                f"DATABASE_URL {url.database} cannot be opened ({error.strerror}): correct it"
            ) from error
        yield
