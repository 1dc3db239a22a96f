"""What a process and all that it started weigh together at their most, as the kernel counts it (Linux).

What several of them share counts once (PSS). Memory is looked at some times a second: a peak between two
looks is missed.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

PROC = Path("/proc")
EVERY_S = 0.2


class Peak:
    """Looks at a session's processes while it is entered; `mb` is the most that they held together."""

    def __init__(self, session: int) -> None:
        """`session` is the number of the process that began it (`start_new_session`)."""
        self.mb = 0.0
        self._session, self._over = session, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(EVERY_S):
            self.mb = max(self.mb, held_mb(self._session))


def held_mb(session: int) -> float:
    """What the processes of a session hold now; 0 where the kernel does not tell."""
    return sum(map(_megabytes, _processes(session)))


def _processes(session: int) -> list[Path]:
    return [folder for folder in PROC.glob("[0-9]*") if _session(folder) == session]


def _session(folder: Path) -> int | None:
    with suppress(OSError):  # it has ended meanwhile
        # The name, in brackets, may hold anything; state, parent, group and session follow it.
        return int((folder / "stat").read_text().rpartition(")")[2].split()[3])
    return None


def _megabytes(folder: Path) -> float:
    with suppress(OSError):
        for line in (folder / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0
