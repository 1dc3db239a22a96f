"""`make security`: bandit over the code, detect-secrets over what git tracks, pip-audit over the locks.

Exit code 0 where all that could be run found nothing; 1 where something was found. A check whose data
cannot be reached says NOT RUN, with the command for where it can.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from deploy.security.advisories import OSV_URL, unusable

REPOSITORY = Path(__file__).parents[2]
LOCKS = tuple(f"requirements/{name}.txt" for name in ("dev", "run", "fuzz", "build", "uv"))
SERVING = ("bot", "cogs", "pipeline", "models", "migrations")
TOOLS = ("sandbox", "deploy")  # what they do with seeds and subprocesses is their job: medium and above
# Their samples are passwords on purpose: there only what is a secret by its form counts.
SAMPLES = ("tests/", "sandbox/", "bench/")
BY_WORDS = ("--disable-plugin", "KeywordDetector", "--disable-plugin", "BasicAuthDetector")
_BASELINE = ".secrets.baseline"
_HASHES = ("requirements/", _BASELINE)
_WHAT_TO_DO = (
    "If it is no secret, say why beside it with `# pragma: allowlist secret`; if it is one, revoke it: "
    "git remembers it."
)


def run(*command: str) -> tuple[int, str]:
    """A tool of this environment, run in the repository: its exit code, and all that it said."""
    tool = Path(sys.executable).parent / command[0]
    ended = subprocess.run(
        [str(tool), *command[1:]],
        cwd=REPOSITORY,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return ended.returncode, ended.stdout


def bandit() -> tuple[bool, str]:
    """Known-bad patterns in the code."""
    serving = run("bandit", "-q", "-c", "pyproject.toml", "-r", *SERVING)
    tools = run("bandit", "-q", "-ll", "-c", "pyproject.toml", "-r", *TOOLS)
    said = "".join(text for code, text in (serving, tools) if code)
    return not said, said or "nothing found"


def secrets(files: Sequence[str] | None = None) -> tuple[bool, str]:
    """Secrets in tracked files that the baseline does not know."""
    tracked = list(files) if files is not None else _tracked()
    text = [name for name in tracked if not name.startswith(_HASHES) and not name.endswith(".png")]
    samples = [name for name in text if name.startswith(SAMPLES)]
    others = [name for name in text if not name.startswith(SAMPLES)]
    said = _detect(*others) + _detect(*BY_WORDS, *samples)
    return not said, f"{said}\n{_WHAT_TO_DO}" if said else "nothing found"


def _detect(*arguments: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        # A copy, as the tool writes moved line numbers into it and then ends with 3.
        known = shutil.copy(REPOSITORY / _BASELINE, folder)
        code, said = run("detect-secrets-hook", "--no-verify", "--baseline", known, *arguments)
    return "" if code in (0, 3) else said or f"detect-secrets ended with {code}"


def packages(url: str | None = None, locks: Sequence[str] = LOCKS) -> tuple[bool, str]:
    """Published vulnerabilities of the locked packages."""
    url = url or os.environ.get("OSV_URL", OSV_URL)
    if reason := unusable(url):
        command = f".venv/bin/{' '.join(_audit(OSV_URL, locks))}"
        return True, f"NOT RUN: {reason}. Where its data can be had: {command}"
    code, said = run(*_audit(url, locks))
    return code == 0, said if code else "nothing found"


def _audit(url: str, locks: Sequence[str]) -> list[str]:
    named = [argument for lock in locks for argument in ("-r", lock)]
    service = ["-s", "osv", "--osv-url", url]
    return ["pip-audit", "--disable-pip", "--strict", "--progress-spinner", "off", *service, *named]


def _tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, check=True, capture_output=True)
    return [name for name in listed.stdout.decode().split("\0") if name]


def main() -> int:
    """Run the checks one after the other, a line each."""
    failed = 0
    for name, check in {"bandit": bandit, "detect-secrets": secrets, "pip-audit": packages}.items():
        began = time.monotonic()
        passed, said = check()
        failed |= not passed
        print(f"{name} ({time.monotonic() - began:.0f} s): {said}", flush=True)
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
