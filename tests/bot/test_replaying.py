"""MARKET_RECORD and `axieflip replay`: what the bot was told, kept and looked at again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.errors import AxieflipError, SettingsError
from bot.outside import recorded
from bot.replaying import replay_command
from bot.settings import Settings
from pipeline.market.watcher import Watcher
from tests.bot.market import opened


def settings(file: Path | None) -> Settings:
    given: dict[str, Any] = dict.fromkeys(("discord_token", "market_api_key", "model_signing_key"), "x" * 20)
    return Settings(_env_file=None, market_record=file, **given)


async def test_what_the_setting_records_the_command_tells(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "sessions" / "one.jsonl"
    async with opened() as stall:
        with recorded(settings(file), stall.client) as client:
            watcher, listings = Watcher(client, stall.clock), 0
            for _ in range(3):
                batch = await watcher.poll()
                watcher.acknowledge(batch)
                listings += len(batch.listings)
                stall.advance(120)
        with recorded(settings(None), stall.client) as client:
            assert client is stall.client
    capsys.readouterr()
    await replay_command(file)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert lines[-1] == f"{listings:,} listings"


async def test_a_file_that_is_none_and_a_place_that_is_none_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(AxieflipError, match="cannot be replayed"):
        await replay_command(tmp_path / "none")
    async with opened() as stall:
        with (
            pytest.raises(SettingsError, match=r"MARKET_RECORD .* cannot be written"),
            recorded(settings(tmp_path), stall.client),
        ):
            pytest.fail("it is a folder")
