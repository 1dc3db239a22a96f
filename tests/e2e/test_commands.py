"""The command line as its user meets it: what it prints, and how it ends when something is wrong."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot import entry
from sandbox.discord import spawn
from tests.e2e.first_training import Trained
from tests.e2e.parts import SIGNING_KEY, Market, bot_settings
from tests.e2e.processes import AXIEFLIP, Finished, axieflip, environment, finished

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

COMMANDS = (
    "run",
    "collect",
    "train",
    "evaluate",
    "model",
    "model rollback",
    "doctor",
    "demo",
    "db",
    "db upgrade",
)
NOWHERE = "http://127.0.0.1:9"


def settings(**more: object) -> dict[str, object]:
    """Settings that are complete, and lead nowhere."""
    return {
        "DISCORD_TOKEN": "a.discord.token",
        "DISCORD_API_URL": NOWHERE,
        "MARKET_API_KEY": "a-market-key",
        "MARKET_URL": NOWHERE,
        "MODEL_SIGNING_KEY": SIGNING_KEY,
        "HTTP_PORT": 0,
    } | more


def sentence(result: Finished, *words: str) -> str:
    """The one line that a mistake is answered with; no traceback, no secret."""
    lines = result.err.strip().splitlines()
    assert "Traceback" not in result.err, result.err
    assert SIGNING_KEY not in result.err + result.out
    assert all(word in lines[-1] for word in words), result.err
    return lines[-1]


Explained = Callable[[str], str]


@pytest.fixture
def explained(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Explained:
    """What a command says with --help. One process prints them all, as each would by itself."""
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.setattr("__main__.__package__", None)  # else it would call itself `python -m pytest`

    def said(name: str) -> str:
        monkeypatch.setattr(sys, "argv", ["axieflip", *name.split(), "--help"])
        with pytest.raises(SystemExit) as ended:
            entry.main()
        told = capsys.readouterr()
        assert not ended.value.code, told.err
        return told.out

    return said


async def test_every_command_explains_itself(explained: Explained, tmp_path: Path) -> None:
    top = await finished("--help", cwd=tmp_path, env=environment())
    assert top.code == 0
    for name in COMMANDS:
        assert name.split()[0] in top.out
        assert f"Usage: axieflip {name}" in explained(name)


@pytest.mark.parametrize("command", ["train", "evaluate", "backtest"])
async def test_help_says_how_several_tables_are_given(explained: Explained, command: str) -> None:
    assert "--sales a.csv --sales b.csv" in " ".join(explained(command).split())


async def test_missing_settings_are_a_sentence_each_and_exit_code_2(tmp_path: Path) -> None:
    result = await finished("run", cwd=tmp_path, env=environment())

    assert result.code == 2
    lines = result.err.strip().splitlines()
    assert [line.split()[0] for line in lines] == ["DISCORD_TOKEN", "MARKET_API_KEY", "MODEL_SIGNING_KEY"]
    assert all(" is missing: " in line and line.endswith(".") for line in lines)
    assert result.out == ""


async def test_a_command_asks_only_for_the_settings_that_it_needs(tmp_path: Path) -> None:
    result = await finished("collect", cwd=tmp_path, env=environment())

    assert result.code == 2
    assert sentence(result, "MARKET_API_KEY is missing").count("is missing") == 1
    assert len(result.err.strip().splitlines()) == 1


async def test_a_setting_in_the_file_of_the_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DATABASE_URL=nonsense\n")

    result = await finished("db", "upgrade", cwd=tmp_path, env=environment())

    assert result.code == 2
    sentence(result, "DATABASE_URL must look like")


async def test_a_port_that_is_taken_is_a_sentence_and_exit_code_2(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        result = await finished("run", cwd=tmp_path, env=environment(settings(HTTP_PORT=port)))

    assert result.code == 2
    sentence(result, f"HTTP_PORT {port}", "choose another")


async def test_a_database_that_cannot_be_opened_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    url = f"sqlite+aiosqlite:///{tmp_path / 'file' / 'axieflip.db'}"

    for line in (("run",), ("db", "upgrade")):
        result = await finished(*line, cwd=tmp_path, env=environment(settings(DATABASE_URL=url)))

        assert result.code == 2, result.err
        sentence(result, "DATABASE_URL")


async def test_a_second_bot_on_the_same_database_is_refused(tmp_path: Path) -> None:
    given = environment(settings(DATABASE_URL=f"sqlite+aiosqlite:///{tmp_path / 'axieflip.db'}"))
    async with axieflip("run", cwd=tmp_path, env=given) as first:
        await first.said("/healthz", 30.0)
        second = await finished("run", cwd=tmp_path, env=given)
        assert second.code == 2, second.err
        sentence(second, str(tmp_path / "axieflip.db"), f"process {first.pid}", "DATABASE_URL of its own")
        assert "Traceback" not in first.err  # market and Discord lead nowhere


async def test_a_store_that_takes_nothing_is_a_sentence_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    given = environment(settings(OBJECT_STORE=f"file:{tmp_path / 'file' / 'store'}"))
    for line in ("collect", "train"):
        result = await finished(line, cwd=tmp_path, env=given)
        assert result.code == 2, result.err
        sentence(result, "OBJECT_STORE", "cannot be used")
        assert len(result.err.splitlines()) == 1


async def test_a_picture_without_a_place_is_refused_before_any_work(tmp_path: Path) -> None:
    options = ("--sales", "nothing.csv", "--png")
    result = await finished("backtest", *options, "no/folder/it.png", cwd=tmp_path, env=environment())
    assert result.code == 2, result.err
    assert "cannot write no/folder/it.png" in result.err
    result = await finished("backtest", *options, "it.png", cwd=tmp_path, env=environment())
    assert "nothing.csv" in sentence(result)
    assert not (tmp_path / "it.png").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full disk to write to")
async def test_an_output_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    for words in ("--help", "doctor"):
        shell = await asyncio.create_subprocess_shell(
            f"{AXIEFLIP} {words} >/dev/full",
            cwd=tmp_path,
            env=environment(),
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await shell.communicate()
        assert said.decode().startswith("The output could not be written"), said.decode()
        assert shell.returncode == 1


async def test_the_stored_versions_are_listed_and_shown(trained: Trained, tmp_path: Path) -> None:
    given = {"MODEL_SIGNING_KEY": SIGNING_KEY, "OBJECT_STORE": f"file:{trained.store}"}
    listed = await finished("model", "list", "--json", cwd=tmp_path, env=environment(given))
    assert listed.code == 0, listed.err
    (row,) = json.loads(listed.out)
    assert (row["state"], row["flaw"]) == ("champion", None)
    back = await finished("model", "rollback", cwd=tmp_path, env=environment(given))
    assert back.code == 1
    assert sentence(back, "No champion before", row["version"])


async def test_a_cluster_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    given = environment({"MODEL_SIGNING_KEY": SIGNING_KEY})
    result = await finished("train", "--dask", "localhost", cwd=tmp_path, env=given)
    assert result.code == 1
    assert "tcp://" in sentence(result, "No model was trained", "Dask scheduler")


async def test_the_database_is_upgraded_by_hand_and_again_without_harm(tmp_path: Path) -> None:
    for _ in range(2):
        result = await finished("db", "upgrade", cwd=tmp_path, env=environment())

        assert result.code == 0, result.err
        assert sentence(result) == "The database is up to date."
    assert (tmp_path / "data" / "axieflip.db").exists()


async def test_a_token_that_discord_refuses_ends_the_bot_with_a_sentence(
    bazaar: Market, tmp_path: Path
) -> None:
    async with spawn() as discord:
        given = bot_settings(bazaar, discord, tmp_path / "store", tmp_path / "axieflip.db")
        result = await finished(
            "run", cwd=tmp_path, env=environment(given | {"DISCORD_TOKEN": "wrong.discord.token"})
        )

    assert result.code == 2, result.err
    assert "wrong.discord.token" not in result.err
    assert result.err.strip().splitlines()[-1].startswith("DISCORD_TOKEN is not accepted")


async def test_collect_refuses_a_wrong_key_with_a_sentence(bazaar: Market, tmp_path: Path) -> None:
    given: dict[str, Any] = {"MARKET_URL": bazaar.url, "MARKET_API_KEY": "another-key"}

    result = await finished("collect", cwd=tmp_path, env=environment(given))

    assert result.code == 1
    assert "another-key" not in result.err
    sentence(result, "key")


async def test_training_on_nothing_is_a_sentence_and_exit_code_1(tmp_path: Path) -> None:
    result = await finished("train", cwd=tmp_path, env=environment({"MODEL_SIGNING_KEY": SIGNING_KEY}))

    assert result.code == 1
    assert "Traceback" not in result.err
    assert "`axieflip collect`" in sentence(result, "No model was trained: there are no sales")


async def test_collecting_says_what_it_made(trained: Trained) -> None:
    assert "sales" in trained.collecting.err
    assert list(trained.store.glob("raw/sales/dt=*/*.jsonl.zst"))
    assert "Traceback" not in trained.collecting.err
    assert trained.collecting.out == ""


async def test_a_training_leaves_a_champion_and_its_report(trained: Trained) -> None:
    assert (trained.store / "models" / "champion.json").exists()
    (overview,) = trained.store.glob("reports/*/overview.png")
    assert overview.read_bytes().startswith(b"\x89PNG")
