"""`python -m deploy.image.rehearse`: the Dockerfile carried out without a container engine, and run.

Each stage is an overlay above this machine's own root, whose Python 3.11 stands in for the base image; its
steps run in a chroot. The outcome is then started as a container would be: read-only root, writable
volumes, the image's user and variables, the command as process 1 of its own process namespace, against
the simulated marketplace and Discord. Needs Linux and root, for mounts.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from deploy.image.container import Root, build_step, in_memory
from deploy.image.proof import prove
from deploy.image.recipe import Copy, RecipeError, Run, Stage, read

REPOSITORY = Path(__file__).resolve().parents[2]
# What the machine says of its package index is the machine's, as `--build-arg`s and mounts would be.
HANDED_ON = ("PIP_", "UV_", "SSL_", "REQUESTS_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
PATH = "/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin"
CACHE = Path.home() / ".cache" / "uv"


def say(text: str) -> None:
    """A line of progress."""
    print(text, flush=True)


def context(target: Path) -> None:
    """The build context: what git tracks of what `.dockerignore` lets in."""
    lines = (REPOSITORY / ".dockerignore").read_text().splitlines()
    let_in = [line[1:] for line in lines if line.startswith("!")]
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *let_in],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, tracked.split("\0")):
        if (REPOSITORY / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, target / name)


class Builder:
    """Carries the stages out, each into a layer of its own."""

    def __init__(self, work: Path) -> None:
        self._work = work
        self._context = work / "context"
        self._context.mkdir()
        context(self._context)
        self._roots: dict[str, Root] = {}

    def build(self, stage: Stage) -> Root:
        """One stage from its base on; its root is kept for those that build on it or copy from it."""
        below = self._roots.get(stage.base, Root(()))
        layer = self._work / stage.name / "layer"
        layer.mkdir(parents=True)
        root = self._roots[stage.name] = Root((layer, *below.layers))
        for step in stage.steps:
            began = time.monotonic()
            with root.writable(layer.parent) as place:
                self._carry_out(step, stage, place)
            say(f"{time.monotonic() - began:6.1f} s  {stage.name}: {_told(step)}")
        return root

    def _carry_out(self, step: Copy | Run | str, stage: Stage, place: Path) -> None:
        if isinstance(step, str):
            (place / step.lstrip("/")).mkdir(parents=True, exist_ok=True)
        elif isinstance(step, Copy):
            target = place / (Path(step.workdir) / step.target).as_posix().lstrip("/")
            root = self._context if step.stage is None else self._roots[step.stage].layers[0]
            for source in step.sources:
                _put(root / source.lstrip("/"), target, into=step.target.endswith("/"))
        else:
            handed = {k: v for k, v in os.environ.items() if k.upper().startswith(HANDED_ON)}
            env = {"PATH": PATH, "HOME": "/root"} | handed | stage.env
            caches = {target: CACHE for target in step.caches if CACHE.is_dir()}
            build_step(place, step.command, env, step.workdir, caches)


def _put(source: Path, target: Path, *, into: bool) -> None:
    if not source.exists():
        raise RecipeError(f"COPY: there is no {source.name} in the context; see .dockerignore")
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
    else:
        if into:
            target = target / source.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)


def _told(step: Copy | Run | str) -> str:
    if isinstance(step, Copy):
        return f"COPY {' '.join(step.sources)} {step.target}"
    return f"WORKDIR {step}" if isinstance(step, str) else f"RUN {step.command[-1][:90]}"


def rehearse(work: Path) -> None:
    """Build every stage, then start the last one's three commands. Raises where something does not hold."""
    stages = read(REPOSITORY / "Dockerfile")
    builder = Builder(work)
    for stage in stages:
        root = builder.build(stage)
    asyncio.run(prove(stages[-1], root, work))


def main() -> int:
    """In a mount namespace of its own, so that nothing stays mounted whatever happens."""
    argparse.ArgumentParser(prog="python -m deploy.image.rehearse", description=__doc__).parse_args()
    if sys.platform != "linux" or os.geteuid() != 0:
        say("This needs Linux and root, for mounts: run it in a virtual machine, or build with an engine.")
        return 2
    if Path("/opt/axieflip").exists() or Path("/opt/project").exists():
        say("/opt/axieflip or /opt/project exists on this machine and would pass for the image's own.")
        return 2
    if os.environ.get("REHEARSAL") != "1":
        inside = ("unshare", "--mount", "--propagation", "private", sys.executable, "-m", __spec__.name)
        env = {**os.environ, "REHEARSAL": "1"}
        return subprocess.run(inside, env=env, cwd=REPOSITORY, check=False).returncode
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="axieflip-image-") as folder, in_memory(Path(folder)) as work:
        rehearse(work)
    say(f"The image's recipe holds ({time.monotonic() - began:.0f} s).")
    return 0


if __name__ == "__main__":
    sys.exit(main())
