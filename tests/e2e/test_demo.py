"""`axieflip demo`: from nothing to judged signals, again in seconds, and stopped at any time."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests.e2e.processes import (
    Finished,
    Running,
    axieflip,
    descendants,
    environment,
    finished,
    living,
    until,
)

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

# Enough signals that a share of 0.9 is told from one of 0.8, in a market that is the same at every run.
SIGNALS = 60
OPTIONS = ("--speed", "600", "--days", "5", "--start", "2026-06-01")
LIVE_WITHIN_S = 30.0  # generous: a busy machine; seconds on an idle one


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def performed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Finished]:
    """A folder in which the demo has run to its end, and how it ended."""
    folder = tmp_path_factory.mktemp("demo")
    options = ("--headless", "--signals", str(SIGNALS), "--data", "kept", *OPTIONS)
    return folder, await finished("demo", *options, cwd=folder, env=environment(), within=600)


async def test_the_headless_demo_finds_true_bargains_and_misses_few(performed: tuple[Path, Finished]) -> None:
    _, result = performed

    assert result.code == 0, result.err
    summary = json.loads(result.out.strip().splitlines()[-1])
    print(summary)
    assert set(summary) == {
        "listings",
        "signals",
        "true_bargains",
        "oracle_bargains",
        "found_of_oracle",
        "lag_ms_p50",
        "lag_ms_p99",
    }
    assert summary["signals"] >= SIGNALS
    assert summary["listings"] > summary["signals"]
    assert 0 < summary["lag_ms_p50"] <= summary["lag_ms_p99"]
    assert summary["true_bargains"] >= 0.8 * summary["signals"]
    assert summary["found_of_oracle"] >= 0.5 * summary["oracle_bargains"] > 0


async def test_a_second_start_finds_data_and_model_and_is_live_in_seconds(
    performed: tuple[Path, Finished],
) -> None:
    folder, _ = performed
    async with axieflip("demo", "--data", "kept", *OPTIONS, cwd=folder, env=environment()) as demo:
        said = await demo.said("Ctrl-C stops the demo.", LIVE_WITHIN_S)
        page = said.partition("Open ")[2].split()[0]
        async with aiohttp.ClientSession() as session, session.get(page.partition("#")[0]) as answer:
            assert answer.status == 200
            assert "<html" in (await answer.text()).lower()

        ended = await interrupted(demo)

    assert "Collecting" not in ended.err
    assert "Training" not in ended.err


async def interrupted(demo: Running) -> Finished:
    """Ctrl-C in the terminal: the whole group gets it, the end is clean and leaves nothing behind."""
    family = descendants(demo.pid)
    assert len(family) >= 2, "both worlds have processes of their own"
    demo.send_group(signal.SIGINT)
    ended = await demo.ended(20)
    assert ended.code == 0, ended.err
    assert "Traceback" not in ended.err, ended.err
    assert ended.err.strip().splitlines()[-1] == "Stopped."
    assert ended.out == ""

    async def alone() -> bool:
        return not living(family)

    await until("its children are gone", alone, 10)
    return ended


def while_collecting(demo: Running, data: Path) -> bool:
    return (data / "signing.key").exists()


def while_training(demo: Running, data: Path) -> bool:
    return any("pipeline.birth" in line for line in descendants(demo.pid).values())


@pytest.mark.parametrize("at", [while_collecting, while_training])
async def test_ctrl_c_before_the_bot_is_live_ends_it_cleanly(
    at: Callable[[Running, Path], bool], tmp_path: Path
) -> None:
    options = ("--headless", "--data", "kept", "--speed", "600", "--days", "2")
    async with axieflip("demo", *options, cwd=tmp_path, env=environment()) as demo:
        await demo.shows(at.__name__, lambda: at(demo, tmp_path / "kept"), 60)
        await interrupted(demo)

    assert not list(tmp_path.glob("kept/store/models/champion.json"))
