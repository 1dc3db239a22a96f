from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bot.errors import AlreadyRunning, SettingsError
from bot.leadership import sole, sole_bot

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


def test_one_bot_runs_on_a_sqlite_file(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'data' / 'axieflip.db'}"
    refused = pytest.raises(AlreadyRunning, match=r"data/axieflip\.db: stop it first, .*DATABASE_URL")
    with sole_bot(url), refused, sole_bot(url):
        pytest.fail("two ran")
    with sole_bot(url), sole_bot(f"sqlite+aiosqlite:///{tmp_path / 'another.db'}"):
        assert (tmp_path / "data").is_dir()


def test_a_place_where_no_lock_can_be_is_a_sentence_and_errors_within_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(SettingsError, match=r"DATABASE_URL .* cannot be opened"),
        sole_bot(f"sqlite+aiosqlite:///{tmp_path}/file/x.db"),
    ):
        pytest.fail("it was opened")
    with pytest.raises(OSError, match="of the bot"), sole_bot(f"sqlite+aiosqlite:///{tmp_path}/x.db"):
        raise OSError("of the bot")
