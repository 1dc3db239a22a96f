"""What a container is, by the kernel's own means: an overlay for its root, a chroot, a process namespace."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path


def _mount(*arguments: str | Path) -> None:
    subprocess.run(["mount", *map(str, arguments)], check=True)


@contextmanager
def _mounted(target: Path, *arguments: str | Path) -> Iterator[Path]:
    _mount(*arguments, target)
    try:
        yield target
    finally:
        subprocess.run(["umount", "--lazy", str(target)], check=True)


@contextmanager
def in_memory(folder: Path) -> Iterator[Path]:
    """A file system for layers: one layer of an overlay may not lie within another, such as our own root."""
    with _mounted(folder, "-t", "tmpfs", "-o", "size=4g", "tmpfs"):
        yield folder


@dataclass(frozen=True, slots=True)
class Root:
    """Layers above this machine's root, the topmost first."""

    layers: tuple[Path, ...]

    @contextmanager
    def writable(self, work: Path) -> Iterator[Path]:
        """The root mounted so that what is written goes to its topmost layer."""
        place, scratch = work / "root", work / "scratch"
        for folder in (place, scratch):
            folder.mkdir(exist_ok=True)
        upper, *lower = self.layers
        below = ":".join([*map(str, lower), "/"])
        options = f"lowerdir={below},upperdir={upper},workdir={scratch}"
        with ExitStack() as stack:
            stack.enter_context(_mounted(place, "-t", "overlay", "-o", options, "overlay"))
            stack.enter_context(_mounted(place / "proc", "--rbind", "/proc"))
            stack.enter_context(_mounted(place / "dev", "--rbind", "/dev"))
            yield place

    @contextmanager
    def read_only(self, work: Path, volumes: Mapping[str, Path | None]) -> Iterator[Path]:
        """The root mounted so that nothing can be written but to its volumes; None is one in memory."""
        place = work / "container"
        place.mkdir(exist_ok=True)
        lower = ":".join([*map(str, self.layers), "/"])
        with ExitStack() as stack:
            stack.enter_context(_mounted(place, "-t", "overlay", "-o", f"ro,lowerdir={lower}", "overlay"))
            stack.enter_context(_mounted(place / "dev", "--rbind", "/dev"))
            for name, folder in volumes.items():
                target = place / name.lstrip("/")
                kind = ("-t", "tmpfs", "-o", "mode=1777", "tmpfs") if folder is None else ("--bind", folder)
                stack.enter_context(_mounted(target, *kind))
            yield place


def build_step(
    place: Path, command: Sequence[str], env: Mapping[str, str], workdir: str, caches: Mapping[str, Path]
) -> None:
    """A RUN in a writable root. Raises CalledProcessError."""
    with ExitStack() as stack:
        for target, source in caches.items():
            folder = place / target.lstrip("/")
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(_mounted(folder, "--bind", source))
        vector = ["chroot", str(place), "env", "--chdir", workdir, *command]
        subprocess.run(vector, env=dict(env), check=True, stdin=subprocess.DEVNULL)


@dataclass(slots=True)
class Process:
    """A container that runs: its output goes to a file, and its first process is `pid` as seen from here."""

    outer: asyncio.subprocess.Process
    output: Path
    pid: int = field(default=0)

    @property
    def said(self) -> str:
        """All that it has written so far."""
        return self.output.read_text(errors="replace")


@dataclass(frozen=True, slots=True)
class Container:
    """An image's read-only root with what its commands run as."""

    place: Path
    env: Mapping[str, str]
    user: str
    workdir: str

    async def start(self, command: Sequence[str], output: Path, env: Mapping[str, str]) -> Process:
        """The command as process 1 of a new process namespace, with a /proc of its own."""
        inside = ["chroot", f"--userspec={self.user}", "--groups=", str(self.place)]
        vector = [
            "unshare",
            "--pid",
            "--fork",
            "--kill-child",
            f"--mount-proc={self.place / 'proc'}",
            *inside,
        ]
        with output.open("wb") as sink:
            outer = await asyncio.create_subprocess_exec(
                *vector,
                *("env", "--chdir", self.workdir, *command),
                env={**self.env, **env},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
            )
        process = Process(outer, output)
        while not (process.pid or outer.returncode is not None):
            process.pid = _child(outer.pid)
            await asyncio.sleep(0.01)
        return process


def _child(pid: int) -> int:
    """The only child of a process; 0 where there is none."""
    try:
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text() or 0)
    except OSError:
        return 0
