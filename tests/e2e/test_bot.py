"""A running bot as people meet it: by slash command, by HTTP, and by its ending."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Demo, axieflip
from tests.e2e.process import Stage, staged

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]


@asynccontextmanager
async def at_work(demo: Demo, folder: Path) -> AsyncIterator[Stage]:
    async with staged(folder, demo.folder) as stage, stage.bot():
        yield stage


def said(answer: dict[str, Any]) -> str:
    return str([answer.get("response"), answer.get("followups")])


async def announced(stage: Stage, truths: list[dict[str, Any]]) -> int:
    """How many of these listings have an alert in the channel."""
    texts = [str(message["embeds"]) for message in await stage.messages()]
    return sum(any(f"#{truth['axie_id']} " in text for text in texts) for truth in truths)


def recorded(stage: Stage, truths: list[dict[str, Any]]) -> bool:
    return {truth["hash"] for truth in truths} <= {row[0] for row in stage.rows("select hash from listings")}


def nothing_pending(stage: Stage) -> bool:
    return stage.rows("select count(*) from alerts where state = 'pending'") == [(0,)]


async def offer(stage: Stage, count: int) -> list[dict[str, Any]]:
    """List axies at a fifth of their value, and wait until the bot has made up its mind about each."""
    truths = [await stage.market_post("list", askMultiple=0.2) for _ in range(count)]
    await stage.until(lambda: recorded(stage, truths), "the listings to be recorded")
    await stage.until(lambda: nothing_pending(stage), "the outbox to be empty")
    return truths


async def test_thresholds_count_from_the_next_listing_on(demo: Demo, tmp_path: Path) -> None:
    async with at_work(demo, tmp_path) as stage:
        await stage.slash("watch add", channel="buy-signals", name="bargains")
        assert await announced(stage, await offer(stage, 8)) >= 3
        raised = await stage.slash("threshold set", watch="bargains", net=5000)
        assert "5,000" in said(raised)
        assert await announced(stage, await offer(stage, 8)) == 0
        await stage.slash("threshold set", watch="bargains", net=0.5)
        assert await announced(stage, await offer(stage, 8)) >= 3


async def test_every_command_answers_over_the_wire(demo: Demo, tmp_path: Path) -> None:
    async with at_work(demo, tmp_path) as stage:
        await stage.slash("watch add", channel="buy-signals", name="bargains")
        (truth,) = await offer(stage, 1)
        assert "bargains" in said(await stage.slash("watch list"))
        assert truth["axie_id"] in said(await stage.slash("predict", axie_id=int(truth["axie_id"])))
        assert truth["axie_id"] in said(await stage.slash("predictions recent"))
        champion = json.loads((tmp_path / "store" / "models" / "champion.json").read_text())["version"]
        info = said(await stage.slash("model info"))
        assert champion in info
        assert "listings" in said(await stage.slash("status")).lower()
        refused = await stage.slash("model retrain", user="member")
        assert refused["ephemeral"]
        assert "dministrator" in said(refused)


async def test_http_tells_its_health_and_prices_an_axie(demo: Demo, tmp_path: Path) -> None:
    async with at_work(demo, tmp_path) as stage:
        truth = await stage.market_post("list", askMultiple=0.5)
        for path, word in (("healthz", ""), ("readyz", "model"), ("metrics", "axieflip_")):
            async with stage.session.get(f"{stage.door}/{path}") as answer:
                assert answer.status == 200
                assert word in await answer.text()
        async with stage.session.post(
            f"{stage.door}/v1/predict", json={"axie_id": int(truth["axie_id"])}
        ) as answer:
            assert answer.status == 200
            assert str(truth["axie_id"]) in await answer.text()


async def test_sigterm_ends_it_cleanly(demo: Demo, tmp_path: Path) -> None:
    async with staged(tmp_path, demo.folder) as stage:
        async with stage.bot() as process:
            process.terminate()
            assert await asyncio.wait_for(process.wait(), 10) == 0
        assert (tmp_path / "run.log").read_text().rstrip().splitlines()[-1] == "Stopped."


async def test_what_only_a_person_can_mend_ends_it_with_a_sentence_and_code_2(
    demo: Demo, tmp_path: Path
) -> None:
    assert axieflip("run").returncode == 2
    async with staged(tmp_path, demo.folder) as stage:
        wrong = stage.env | {"DISCORD_TOKEN": "not.the.token", "HTTP_PORT": "0"}
        done = await asyncio.to_thread(axieflip, "run", **wrong)
        assert done.returncode == 2
        assert "DISCORD_TOKEN" in done.stderr
        assert done.stderr.rstrip().splitlines()[-1].startswith("DISCORD_TOKEN")


async def test_the_doctor_finds_everything_in_order_and_names_what_is_not(demo: Demo, tmp_path: Path) -> None:
    async with staged(tmp_path, demo.folder) as stage:
        await asyncio.to_thread(axieflip, "db", "upgrade", **stage.env)
        well = await asyncio.to_thread(axieflip, "doctor", **stage.env)
        assert well.returncode == 0, well.stdout + well.stderr
        assert well.stdout.count("ok ") == len(well.stdout.strip().splitlines()) == 6
        for change, name in (
            ({"MARKET_API_KEY": "wrong"}, "marketplace"),
            ({"DISCORD_TOKEN": "wrong"}, "discord"),
            ({"MODEL_SIGNING_KEY": "another key of 16+"}, "model"),
            ({"OBJECT_STORE": "file:/proc/nowhere"}, "object store"),
        ):
            ill = await asyncio.to_thread(axieflip, "doctor", **(stage.env | change))
            assert ill.returncode == 1
            assert f"fail {name}" in ill.stdout
            assert "Traceback" not in ill.stdout + ill.stderr
