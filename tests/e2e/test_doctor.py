"""`axieflip doctor` against both worlds: a line a check, and each thing that can be wrong found by name."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from bot.db import Database
from bot.services.watches import Watches
from pipeline.clock import SystemClock
from pipeline.signal import Filters, Thresholds
from sandbox.discord import SpawnedWorld, spawn
from tests.e2e.first_training import Trained
from tests.e2e.parts import bot_settings
from tests.e2e.processes import environment, finished

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

CHECKS = ["settings", "database", "object store", "marketplace", "discord", "model"]
Patient = dict[str, object]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def discord() -> AsyncIterator[SpawnedWorld]:
    async with spawn() as world:
        yield world


@pytest_asyncio.fixture(loop_scope="session")
async def healthy(trained: Trained, discord: SpawnedWorld, tmp_path: Path) -> Patient:
    """Settings under which everything is in order, with a watch on a channel."""
    settings = bot_settings(trained.market, discord, trained.store, tmp_path / "axieflip.db")
    async with Database.open(str(settings["DATABASE_URL"])) as db:
        guild, channel = int(discord.info["guild_id"]), discord.channels["buy-signals"]
        await Watches(db, SystemClock()).add(guild, channel, "bargains", Thresholds(), Filters(), 1)
    return settings


async def diagnosis(folder: Path, settings: Patient) -> tuple[int, dict[str, tuple[bool, str]]]:
    """The exit code, and by check whether it passed and what it said."""
    result = await finished("doctor", cwd=folder, env=environment(settings))
    assert "Traceback" not in result.err + result.out
    found = {}
    for line in result.out.strip().splitlines():
        mark, name, text = line[:4].strip(), line[5:18].strip(), line[19:]
        assert mark in {"ok", "fail"}, line
        found[name] = (mark == "ok", text)
    assert list(found) == CHECKS
    return result.code, found


async def failing(folder: Path, settings: Patient) -> dict[str, str]:
    """What failed and with which words; the exit code says so too."""
    code, found = await diagnosis(folder, settings)
    failed = {name: text for name, (passed, text) in found.items() if not passed}
    assert code == (1 if failed else 0)
    return failed


async def test_with_everything_in_order_every_line_says_so(healthy: Patient, tmp_path: Path) -> None:
    code, found = await diagnosis(tmp_path, healthy)

    assert code == 0, found
    assert all(passed for passed, _ in found.values())
    assert "every query is valid" in found["marketplace"][1]
    assert "1 channels of 1 watches" in found["discord"][1]


async def test_wrong_keys_and_a_missing_model_are_each_found(healthy: Patient, tmp_path: Path) -> None:
    wrong = {
        "MARKET_API_KEY": "another-key",
        "DISCORD_TOKEN": "wrong.discord.token",
        "OBJECT_STORE": f"file:{tmp_path / 'empty'}",
    }

    failed = await failing(tmp_path, healthy | wrong)

    assert set(failed) == {"marketplace", "discord", "model"}
    assert "forbids this key" in failed["marketplace"]
    assert "DISCORD_TOKEN" in failed["discord"]
    assert "axieflip train" in failed["model"]
    assert not [text for text in failed.values() if "another-key" in text or "wrong.discord" in text]


async def test_wrong_settings_are_all_that_is_told_and_exit_code_2(tmp_path: Path) -> None:
    result = await finished("doctor", cwd=tmp_path, env=environment({"HTTP_PORT": "x"}))
    assert result.code == 2
    lines = result.out.splitlines()
    assert {line[:4].strip() for line in lines} == {"fail"}
    assert [line.split()[2] for line in lines] == [
        "DISCORD_TOKEN",
        "MARKET_API_KEY",
        "MODEL_SIGNING_KEY",
        "HTTP_PORT",
    ]


async def test_vanished_fields_are_named_and_a_foreign_signature_is_refused(
    healthy: Patient, trained: Trained, tmp_path: Path
) -> None:
    await trained.market.post("faults", name="vanished-field", type="Order", field="basePrice")
    try:
        failed = await failing(tmp_path, healthy | {"MODEL_SIGNING_KEY": "of-somebody-else-entirely"})
    finally:
        await trained.market.clear_faults()

    assert set(failed) == {"marketplace", "model"}
    assert "basePrice" in failed["marketplace"]
    assert "sign" in failed["model"]


async def test_a_channel_in_which_the_bot_may_not_post_is_named(
    healthy: Patient, discord: SpawnedWorld, tmp_path: Path
) -> None:
    await discord.post("channel", id="buy-signals", deny=["send_messages"])
    try:
        failed = await failing(tmp_path, healthy)
    finally:
        await discord.post("channel", id="buy-signals", allow=["send_messages"])

    assert set(failed) == {"discord"}
    assert "#buy-signals" in failed["discord"]
    assert "lacks Send Messages" in failed["discord"]


async def test_a_thread_has_its_channel_s_permissions_and_one_that_is_gone_is_named(
    healthy: Patient, discord: SpawnedWorld, tmp_path: Path
) -> None:
    general = discord.channels["general"]
    await discord.post("channel", id="general", allow=["create_public_threads"])
    headers = {"Authorization": f"Bot {discord.info['token']}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(
            f"{discord.info['api']}/channels/{general}/threads", json={"name": "deals", "type": 11}
        ) as answer,
    ):
        thread = int((await answer.json())["id"])
    guild = int(discord.info["guild_id"])
    async with Database.open(str(healthy["DATABASE_URL"])) as db:
        watches = Watches(db, SystemClock())
        await watches.add(guild, thread, "in a thread", Thresholds(), Filters(), 1)
        code, found = await diagnosis(tmp_path, healthy)
        assert code == 0, found
        assert "2 channels of 2 watches" in found["discord"][1]

        await discord.post("channel", id="general", deny=["send_messages_in_threads"])
        await watches.add(guild, 4711, "nowhere", Thresholds(), Filters(), 1)
        failed = await failing(tmp_path, healthy)
    assert "lacks Send Messages in Threads in #general" in failed["discord"]
    assert "channel 4711" in failed["discord"]


async def test_an_object_store_that_takes_nothing_is_found(
    healthy: Patient, copied: Callable[[], Path], tmp_path: Path
) -> None:
    store = copied()
    shutil.rmtree(store / "probe", ignore_errors=True)
    # A file where the probe's folder would go: refuses everybody, even a user who may write anywhere.
    (store / "probe").write_text("in the way")

    failed = await failing(tmp_path, healthy | {"OBJECT_STORE": f"file:{store}"})

    assert set(failed) == {"object store"}
