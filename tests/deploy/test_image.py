"""The image's recipe says what the deployment relies on; `python -m deploy.image.rehearse` carries it out."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from bench.footprint import HEAVY
from deploy.image.recipe import Copy, RecipeError, Run, Stage, read

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def stages() -> list[Stage]:
    return read(REPOSITORY / "Dockerfile")


def test_the_linter_of_dockerfiles_finds_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    found = subprocess.run([hadolint, REPOSITORY / "Dockerfile"], capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (0, "")


def test_the_image_runs_as_nobody_in_particular_and_gets_its_signals_itself(stages: list[Stage]) -> None:
    image = stages[-1]
    uid, _, gid = image.user.partition(":")
    assert int(uid) > 0
    assert int(gid) > 0
    # In exec form, which `read` insists on: process 1 is the program, no shell.
    assert (image.entrypoint, image.command, image.stop_signal) == (("axieflip",), ("run",), "SIGTERM")
    assert image.healthcheck == ("python", "-m", "bot.alive")
    assert {"title", "description", "licenses", "version", "revision"} == {
        label.removeprefix("org.opencontainers.image.") for label in image.labels
    }


def test_what_commands_write_by_themselves_goes_to_a_volume(stages: list[Stage]) -> None:
    image = stages[-1]
    assert image.workdir in image.volumes
    for variable in ("HOME", "MPLCONFIGDIR"):
        assert any(Path(image.env[variable]).is_relative_to(volume) for volume in image.volumes)


def test_dependencies_are_a_layer_of_the_hashed_lock_alone(stages: list[Stage]) -> None:
    packages = stages[0]
    copied = {source for step in packages.steps if isinstance(step, Copy) for source in step.sources}
    assert copied == {"requirements/build.txt", "requirements/run.txt"}
    installs = [step.command[-1] for step in packages.steps if isinstance(step, Run)]
    assert all("--require-hashes" in command for command in installs)


def test_every_package_of_the_lock_has_hashes() -> None:
    for name in ("build", "run"):
        lock = (REPOSITORY / "requirements" / f"{name}.txt").read_text()
        pins = re.split(r"\n(?=\S)", lock[lock.index("\n\n") :] if "\n\n" in lock else lock)
        pins = [pin for pin in pins if "==" in pin.partition("\n")[0]]
        assert pins
        assert all("--hash=sha256:" in pin for pin in pins)


@pytest.mark.parametrize("architecture", ["x86_64", "aarch64"])
def test_the_lock_has_wheels_for_both_architectures(architecture: str, tmp_path: Path) -> None:
    uv = Path(sys.executable).with_name("uv")
    found = subprocess.run(
        [
            *(uv, "pip", "install", "--dry-run", "--require-hashes", "--only-binary", ":all:"),
            *("--python-platform", f"{architecture}-manylinux_2_28", "--python-version", "3.11"),
            *("--target", tmp_path, "-r", REPOSITORY / "requirements" / "run.txt"),
        ],
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stderr


def test_the_context_holds_what_is_copied_and_nothing_that_is_private(stages: list[Stage]) -> None:
    lines = (REPOSITORY / ".dockerignore").read_text().splitlines()
    let_in = {line[1:] for line in lines if line.startswith("!")}
    copied = {
        source.partition("/")[0]
        for stage in stages
        for step in stage.steps
        if isinstance(step, Copy) and step.stage is None
        for source in step.sources
    }
    assert "*" in lines
    assert let_in == copied


def test_an_instruction_that_the_rehearsal_does_not_know_is_refused(tmp_path: Path) -> None:
    recipe = tmp_path / "Dockerfile"
    for unknown in ("ADD a b", "RUN --network=none true", "COPY --chown=1:1 a b", "CMD axieflip run"):
        recipe.write_text(f"FROM scratch\n{unknown}\n")
        with pytest.raises(RecipeError):
            read(recipe)


@pytest.fixture
async def door() -> AsyncIterator[tuple[int, dict[str, int]]]:
    """A server that answers /healthz with a status that can be set."""
    told = {"status": 200}

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(status=told["status"])

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1], told
    await runner.cleanup()


async def test_the_health_check_tells_a_bot_that_answers_from_one_that_does_not(
    door: tuple[int, dict[str, int]],
) -> None:
    from bot.alive import alive

    port, told = door
    assert await asyncio.to_thread(alive, port)
    told["status"] = 500
    assert not await asyncio.to_thread(alive, port)
    assert not await asyncio.to_thread(alive, 9)


def test_the_health_check_loads_nothing_but_the_standard_library() -> None:
    code = "import sys; before = set(sys.modules); import bot.alive; print(sorted(set(sys.modules) - before))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert all(name.partition(".")[0] in {*sys.stdlib_module_names, "bot"} for name in eval(said))


def test_what_serves_imports_no_library_of_the_training() -> None:
    code = (
        "import sys, bot.app, bot.entry, bot.client, pipeline.loading, pkgutil, cogs\n"
        "for each in pkgutil.iter_modules(cogs.__path__): __import__(f'cogs.{each.name}')\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"
