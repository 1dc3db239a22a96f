"""What a process holds: memory, file handles, threads, children; read from outside."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.e2e.processes import descendants

MEMORY_MB = 64.0
"""Lazily loaded libraries and caches that fill are no leak; what a scenario leaks grows with its length."""
HANDLES, THREADS = 8, 4


@dataclass(frozen=True, slots=True)
class Use:
    """What one process held at a moment."""

    memory_mb: float
    handles: int
    threads: int
    children: int

    def beyond(self, before: Use) -> list[str]:
        """What is held now and was not before, where it is more than comes and goes."""
        found = []
        if self.memory_mb > before.memory_mb + MEMORY_MB:
            found.append(f"memory went from {before.memory_mb:.0f} to {self.memory_mb:.0f} MB")
        if self.handles > before.handles + HANDLES:
            found.append(f"file handles went from {before.handles} to {self.handles}")
        if self.threads > before.threads + THREADS:
            found.append(f"threads went from {before.threads} to {self.threads}")
        if self.children > before.children:
            found.append(f"child processes went from {before.children} to {self.children}")
        return found


def use_of(pid: int) -> Use:
    """What the process holds now (Linux)."""
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line
    )
    return Use(
        memory_mb=int(status["VmRSS"].split()[0]) / 1024,
        handles=sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()),
        threads=int(status["Threads"]),
        children=len(descendants(pid)),
    )
