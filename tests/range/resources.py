"""What a bot holds: memory, file handles, threads, children, all read from outside, and its own tasks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.parts import Bot
from tests.e2e.processes import descendants

MEMORY_MB = 64.0
"""Lazily loaded libraries and caches that fill are no leak; what a scenario leaks grows with its length."""
HANDLES, THREADS = 8, 4
TASKS = 6
"""A lane for each channel that was posted to lives for a while; requests and queries come and go."""


@dataclass(frozen=True, slots=True)
class Use:
    """What one bot held at a moment. `tasks` are those of its event loop."""

    memory_mb: float
    handles: int
    threads: int
    children: int
    tasks: int

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
        if self.tasks > before.tasks + TASKS:
            found.append(f"tasks of the event loop went from {before.tasks} to {self.tasks}")
        return found


async def use_of(bot: Bot) -> Use:
    """What the bot holds now (Linux)."""
    pid, tasks = bot.process.pid, await tasks_of(bot)
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line
    )
    return Use(
        memory_mb=int(status["VmRSS"].split()[0]) / 1024,
        handles=sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()),
        threads=int(status["Threads"]),
        children=len(descendants(pid)),
        tasks=tasks,
    )


async def tasks_of(bot: Bot) -> int:
    """The tasks of its event loop, by its own metrics."""
    status, text = await bot.ask("/metrics")
    told = re.search(r"^axieflip_event_loop_tasks (\S+)$", text, re.MULTILINE)
    assert told, f"the bot does not tell its tasks, but {status}: {text[:300]}"
    return int(float(told[1]))
