"""Secrets are in the bot's memory and in what the operator wrote, and nowhere else."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import SecretStr

from bot import confinement
from bot.confinement import SECRET_VARIABLES, advice, environment_of_children
from bot.outside import birth_order, open_market, open_objects, open_registry
from bot.services.births import give_birth
from bot.services.workers import Workers
from bot.settings import Settings
from pipeline.clock import SystemClock
from pipeline.market.proxy import Proxy

SECRETS = {
    "DISCORD_TOKEN": "discord-secret-0123456789",
    "MARKET_API_KEY": "market-secret-0123456789",
    "MODEL_SIGNING_KEY": "signing-secret-0123456789",
    "HTTP_TOKEN": "http-secret-0123456789",
    "MARKET_PROXY": "http://user:proxy-secret-0123456789@127.0.0.1:9",
}
PATTERN = "secret-0123456789"


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DATABASE_URL", f"postgresql://u:db-{PATTERN}@127.0.0.1:9/x")
    monkeypatch.setenv("OBJECT_STORE", f"file:{tmp_path / 'store'}")
    return Settings.load(env_file=None)


def holds_secret(annotation: Any) -> bool:
    return annotation is SecretStr or any(holds_secret(part) for part in get_args(annotation))


def test_the_variables_that_are_kept_from_children_are_those_that_hold_secrets() -> None:
    found = {name.upper() for name, each in Settings.model_fields.items() if holds_secret(each.annotation)}
    assert found | {"DATABASE_URL"} == SECRET_VARIABLES


def test_names_are_secret_however_they_are_written() -> None:
    given = {"discord_token": "x", "Http_Token": "x", "AWS_SECRET_ACCESS_KEY": "x", "PATH": "/bin"}
    assert environment_of_children(given) == {"AWS_SECRET_ACCESS_KEY": "x", "PATH": "/bin"}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_the_training_process_inherits_no_secret_and_is_not_told_one_in_its_arguments(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bytes] = []
    create = asyncio.create_subprocess_exec

    async def look(*args: str, **options: Any) -> asyncio.subprocess.Process:
        child = await create(*args, **options)
        while b"birth" not in (line := Path(f"/proc/{child.pid}/cmdline").read_bytes()):
            await asyncio.sleep(0)  # it is still this process's image
        seen.extend([line, Path(f"/proc/{child.pid}/environ").read_bytes()])
        child.kill()
        return child

    monkeypatch.setattr(asyncio, "create_subprocess_exec", look)
    result = await give_birth(birth_order(settings, SystemClock()), lambda _: None)
    assert result.error is not None
    assert "was killed" in result.error
    command, environment = seen
    assert b"PATH=" in environment
    assert PATTERN.encode() not in command + environment


async def test_the_drawing_process_inherits_no_secret(settings: Settings) -> None:
    confinement.confine()
    workers = Workers()
    try:
        assert await workers.run(os.getenv, "PATH")
        for name in SECRET_VARIABLES:
            assert await workers.run(os.getenv, name) is None
    finally:
        workers.close()


def test_nothing_shows_a_secret_when_it_is_printed(settings: Settings) -> None:
    store = open_objects(settings)
    shown: list[Any] = [
        settings,
        store,
        open_market(settings, SystemClock()),
        open_registry(settings, store),
        birth_order(settings, SystemClock()),
        Proxy.parse(SECRETS["MARKET_PROXY"]),
        settings.model_dump(),
        settings.model_dump_json(),
    ]
    for each in shown:
        for text in (repr(each), str(each), f"{each}"):
            assert PATTERN not in text


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
def test_a_file_of_settings_that_others_can_read_is_spoken_of(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    assert advice(file) is None
    file.touch()
    for mode, fine in ((0o600, True), (0o400, True), (0o644, False), (0o640, False), (0o606, False)):
        file.chmod(mode)
        assert (advice(file) is None) is fine
    assert "chmod 600" in (advice(file) or "")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_bot_that_ran_leaves_its_secrets_in_no_file_and_no_core(tmp_path: Path) -> None:
    env = environment_of_children() | SECRETS
    env |= {"HTTP_PORT": "0", "LOG_LEVEL": "DEBUG", "MARKET_URL": "http://127.0.0.1:9/"}
    env |= {"DISCORD_API_URL": "http://127.0.0.1:9/api", "DISCORD_GATEWAY_URL": "ws://127.0.0.1:9/"}
    (tmp_path / ".env").write_text("GAS_RON=0.01\n")
    (tmp_path / ".env").chmod(0o644)
    out = tmp_path / "said"
    with out.open("wb") as said:
        bot = subprocess.Popen(
            [str(Path(sys.executable).with_name("axieflip")), "run"],
            cwd=tmp_path, env=env, stdout=said, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while b"Running." not in out.read_bytes():
            assert bot.poll() is None, out.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        limits = Path(f"/proc/{bot.pid}/limits").read_text()
        assert "Max core file size        0 " in limits
        assert PATTERN.encode() not in Path(f"/proc/{bot.pid}/cmdline").read_bytes()
    finally:
        bot.send_signal(signal.SIGTERM)
        bot.wait(30)
    assert "chmod 600" in out.read_text()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"axieflip.db", "said"} <= {path.name for path in files}
    for path in files:
        assert PATTERN.encode() not in path.read_bytes(), path
