"""`make observability-check`: Prometheus's own tool over alarms, their tests, queries and a real scrape.

promtool comes from the path or, on Debian as root, from the system's package, unpacked and not installed.
Exit code 1 where something is wrong; where there is no promtool, a line says what was NOT RUN.
"""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import aiohttp
from pydantic import SecretStr

from bot import log
from bot.app import running
from bot.settings import Settings
from deploy.observability.queries import REPOSITORY, RULES, as_rules, unknown

TESTS: Final = RULES.with_name("alerts_test.yml")
CONFIG: Final = RULES.with_name("prometheus.yml")
_KEPT: Final = REPOSITORY / ".venv/promtool"
_NOT_RUN: Final = (
    "NOT RUN: promtool is neither on the path nor to be had ({why}). Where it is: "
    "promtool test rules deploy/prometheus/alerts_test.yml"
)
NOWHERE: Final = "http://127.0.0.1:9"  # the discard port: nothing answers


def promtool() -> Path:
    """Prometheus's tool. Raises OSError with the reason where it cannot be had."""
    if (found := shutil.which("promtool")) is not None:
        return Path(found)
    tool = _KEPT / "usr/bin/promtool"
    if not tool.exists():
        if shutil.which("apt-get") is None or os.geteuid() != 0:
            raise OSError("this needs Debian's apt-get, and root")
        _unpack()
    return tool


def _unpack() -> None:
    with tempfile.TemporaryDirectory() as folder:
        download = ["apt-get", "-qq", "download", "prometheus"]
        if _quietly(download, folder):
            _quietly(["apt-get", "-qq", "update"], folder)
            if said := _quietly(download, folder):
                raise OSError(f"apt-get download prometheus: {said.splitlines()[-1]}")
        (package,) = Path(folder).glob("prometheus_*.deb")
        _KEPT.mkdir(parents=True, exist_ok=True)
        if said := _quietly(["dpkg", "-x", str(package), str(_KEPT)], folder):
            raise OSError(f"dpkg: {said.splitlines()[-1]}")


def _quietly(command: list[str], folder: str) -> str:
    """What a command said where it failed; empty where it did not."""
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return (ended.stderr.strip() or f"exit code {ended.returncode}") if ended.returncode else ""


async def scrape() -> str:
    """What a bot of this code exposes: the whole process, its marketplace and its Discord not there."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            _env_file=None,  # type: ignore[call-arg]
            discord_token=SecretStr("no-token-of-anything"),
            market_api_key=SecretStr("no-key-of-anything"),
            model_signing_key=SecretStr("no-signing-key-of-anything"),
            discord_api_url=NOWHERE,
            market_url=NOWHERE,
            database_url=f"sqlite+aiosqlite:///{folder}/axieflip.db",
            object_store=f"file:{folder}/store",
            http_port=0,
        )
        log.configure(settings, io.StringIO())  # it tells of nothing but what is not there
        address = "http://127.0.0.1:{}/metrics"
        async with (
            running(settings) as app,
            aiohttp.ClientSession() as session,
            session.get(address.format(app.http_port)) as response,
        ):
            return await response.text()


def checked(tool: Path, *arguments: str, stdin: str | None = None) -> str:
    """What promtool says against something; empty where it is content."""
    ended = subprocess.run(
        [str(tool), *arguments], input=stdin, cwd=RULES.parent, capture_output=True, text=True, check=False
    )
    said = f"{ended.stdout}{ended.stderr}".strip()
    # Of names that could be better it says so and ends with 3.
    return said if ended.returncode else ""


def main() -> int:
    """Run the checks one after the other, a line each."""
    text = asyncio.run(scrape())
    checks: dict[str, Callable[[], str]] = {"names in dashboard and alarms": lambda: "\n".join(unknown(text))}
    try:
        tool = promtool()
    except OSError as error:
        print(_NOT_RUN.format(why=error))
    else:
        ours = "\n".join(line for line in text.splitlines() if "process_" not in line) + "\n"
        checks |= {
            "configuration and alarms": lambda: checked(tool, "check", "config", CONFIG.name),
            "tests of the alarms": lambda: checked(tool, "test", "rules", TESTS.name),
            "syntax of the dashboard's queries": lambda: _rules(tool, as_rules()),
            "names of the metrics": lambda: checked(tool, "check", "metrics", stdin=ours),
        }
    failed = 0
    for name, check in checks.items():
        began = time.monotonic()
        said = check()
        failed |= bool(said)
        print(f"{name} ({time.monotonic() - began:.1f} s): {said or 'nothing found'}", flush=True)
    return failed


def _rules(tool: Path, rules: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rules.yml"
        file.write_text(rules)
        return checked(tool, "check", "rules", "--lint=none", str(file))


if __name__ == "__main__":
    raise SystemExit(main())
