"""How a collection or a training ended is an event of a log for machines: alarms look for it by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bot.commands import collect_command, train_command
from bot.errors import AxieflipError, SettingsError
from bot.log import configure
from bot.settings import Settings
from pipeline.birth import Result


def settings(folder: Path, form: str = "json") -> Settings:
    found = Settings(
        _env_file=None,
        discord_token="t" * 20,
        market_api_key="k" * 20,
        market_url="http://127.0.0.1:9/graphql",
        model_signing_key="s" * 20,
        object_store=f"file:{folder}",
        log_format=form,
    )
    configure(found)
    return found


def events(told: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in told.splitlines()]


async def test_a_training_without_sales_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def without_sales(*_: object) -> Result:
        return Result(error="there are no sales yet")

    monkeypatch.setattr("bot.commands.give_birth", without_sales)
    with pytest.raises(AxieflipError, match="no sales yet"):
        await train_command(settings(tmp_path))
    last = events(capsys.readouterr().err)[-1]
    assert (last["event"], last["level"]) == ("training failed", "error")
    assert "no sales yet" in last["reason"]


async def test_whatever_ends_a_collection_is_a_failed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("bot.commands.collect_all", broken)
    with pytest.raises(ZeroDivisionError):
        await collect_command(settings(tmp_path), 1.0, 1.0)
    assert events(capsys.readouterr().err)[-1]["event"] == "collection failed"


async def test_a_person_is_told_by_the_command_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def without_sales(*_: object) -> Result:
        return Result(error="there are no sales yet")

    monkeypatch.setattr("bot.commands.give_birth", without_sales)
    with pytest.raises(AxieflipError):
        await train_command(settings(tmp_path, "console"))
    assert "training failed" not in capsys.readouterr().err


async def test_settings_that_a_person_must_correct_are_no_failure_of_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "store").write_text("a file where the folder should be")
    with pytest.raises(SettingsError):
        await collect_command(settings(tmp_path / "store"), 1.0, 1.0)
    assert "failed" not in capsys.readouterr().err
