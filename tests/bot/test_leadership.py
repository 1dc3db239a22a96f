from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bot.errors import AlreadyRunning
from bot.leadership import sole

HOLDER = """
import sys, pathlib
from bot.leadership import sole
with sole(pathlib.Path(sys.argv[1]), "taken"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_lock_file_is_held_by_one_and_names_its_holder(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "it.lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    with holder:
        assert holder.stdout.readline() == b"held\n"
        named = pytest.raises(AlreadyRunning, match=rf"^It is in use \(process {holder.pid}\)$")
        with named, sole(file, "It is in use"):
            pytest.fail("two held it")
        holder.kill()
        holder.wait()
        with sole(file, "It is in use"):
            assert file.exists()


def test_a_lock_file_can_be_held_again_after_it_was_given_back(tmp_path: Path) -> None:
    for _ in range(2):
        with sole(tmp_path / "it.lock", "It is in use"), pytest.raises(AlreadyRunning):  # noqa: SIM117
            with sole(tmp_path / "it.lock", "It is in use"):
                pytest.fail("two held it")
