"""Who may act where several processes could: one at a time, by a lock that dies with its holder.

`sole` is for what one machine keeps in a folder: a lock file beside it, which the system gives back when the
process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.errors import AlreadyRunning


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
