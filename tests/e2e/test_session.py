"""One life of the bot with people in it: commands and HTTP answered, thresholds obeyed, a model retrained."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bot.tracing import trace_id
from pipeline.signal import Thresholds
from sandbox.discord import SpawnedWorld, spawn
from tests.e2e.first_training import Trained
from tests.e2e.parts import BARGAIN, Bot, Market, Records, bot, bot_settings, command, text_of
from tests.e2e.processes import until

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

CHANNEL = "buy-signals"


@dataclass(frozen=True, slots=True)
class Service:
    """A bot at work, the people around it and its records."""

    bot: Bot
    discord: SpawnedWorld
    market: Market
    records: Records

    async def listed(self, multiple: float = BARGAIN) -> str:
        """List an axie, and wait until the bot has recorded it with all that it made of it."""
        hash_: str = (await self.market.list_axie(multiple, buyable=False))["hash"]

        async def known() -> bool:
            return hash_ in self.records.listings()

        await until("the listing is recorded", known)
        return hash_

    async def bargain(self) -> str:
        """List axies until one clears the default thresholds by the model's own words."""
        for _ in range(20):
            hash_ = await self.listed()
            if hash_ in self.records.signals(Thresholds()):
                return hash_
        raise AssertionError("the model finds none of twenty bargains worth a signal")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def service(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    database = folder / "axieflip.db"
    async with spawn() as discord:
        settings = bot_settings(trained.market, discord, trained.store, database)
        async with bot(folder, settings | {"LOG_FORMAT": "json"}) as running:
            await until("the bot is ready", running.ready)
            await discord.wait(sessions=1, command="watch")
            yield Service(running, discord, trained.market, Records(database))
            running.process.send(signal.SIGTERM)
            ended = await running.process.ended(10)
            assert ended.code == 0, ended.err
            assert "Traceback" not in ended.err, ended.err
            lines = [json.loads(line) for line in ended.err.splitlines()]
            assert lines[-1]["event"] == "Stopped."


async def test_a_server_that_was_there_before_the_bot_is_greeted_at_its_first_start(service: Service) -> None:
    async def greetings() -> list[dict[str, Any]]:
        posts = await service.discord.get("messages", channel="general")
        return [post for post in posts if "Thanks for adding me" in text_of(post)]

    assert len(await until("the server is greeted", greetings)) == 1


async def test_thresholds_set_in_discord_hold_from_the_next_listing_on(service: Service) -> None:
    discord = service.discord
    added = await command(discord, "watch add", name="deals", channel=CHANNEL)
    assert "deals" in added
    first = await service.bargain()
    assert first in service.records.alerted()

    await command(discord, "threshold set", watch="deals", net=10_000)
    # A listing is stored in one transaction with its alerts: once it is there, so are they.
    assert await service.bargain() not in service.records.alerted()
    assert "10,000" in await command(discord, "threshold show", watch="deals")

    await command(discord, "threshold set", watch="deals", net=Thresholds().min_net_usd)
    assert await service.bargain() in service.records.alerted()

    nonces = {nonce for (nonce,) in service.records.rows("SELECT nonce FROM posts")}
    await discord.wait(channel=CHANNEL, messages=len(nonces))
    posts = await discord.get("messages", channel=CHANNEL)
    assert {post["nonce"] for post in posts} == nonces


async def test_one_id_leads_through_the_log_from_the_listing_to_its_message(service: Service) -> None:
    await command(service.discord, "watch add", name="traced", channel=CHANNEL)
    traced = trace_id(await service.bargain())

    def lines() -> list[dict[str, Any]]:
        whole = service.bot.process.err.rpartition("\n")[0]
        told = [json.loads(line) for line in whole.splitlines()]
        return [line for line in told if traced in line.get("trace_ids", ())]

    def delivered() -> list[dict[str, Any]]:
        return [line for line in lines() if line["event"] == "post delivered"]

    (last,) = await service.bot.process.shows("its message in the log", delivered)
    assert [line["event"] for line in lines()] == [
        "listings seen",
        "listings priced",
        "listings decided",
        "alerts queued",
        "post delivered",
    ]
    assert traced in next(line for line in lines() if line["event"] == "listings decided")["signals"]
    posts = await service.discord.get("messages", channel=CHANNEL)
    assert last["message"] in {post["id"] for post in posts}
    await command(service.discord, "watch remove", name="traced")


async def test_a_member_may_not_change_thresholds(service: Service) -> None:
    await command(service.discord, "watch add", name="guarded", channel="general")

    answer = await service.discord.post(
        "slash",
        user="member",
        channel="general",
        command="threshold set",
        options={"watch": "guarded", "net": 5},
    )

    assert answer["ephemeral"]
    assert "Manage Channels" in text_of(answer["response"])
    await command(service.discord, "watch remove", name="guarded")


async def test_the_other_commands_are_answered(service: Service) -> None:
    discord, listed = service.discord, await service.market.list_axie(BARGAIN, buyable=False)
    axie = int(listed["axie_id"])

    assert str(axie) in await command(discord, "predict", user="member", axie_id=str(axie))
    assert "knows no adult axie" in await command(discord, "predict", axie_id="1999999999")
    assert "Model 20" in await command(discord, "model status")
    await service.listed()
    assert "Predictions of the last 7 days" in await command(discord, "predictions recent", user="member")
    assert "listings" in (await command(discord, "status", user="member")).lower()


async def test_the_http_door_of_the_process_answers(service: Service) -> None:
    listed = await service.market.list_axie(BARGAIN, buyable=False)
    ask = service.bot.ask

    status, alive = await ask("/healthz")
    assert (status, json.loads(alive)) == (200, {"status": "alive"})
    status, ready = await ask("/readyz")
    assert (status, json.loads(ready)["ready"]) == (200, True)
    status, metrics = await ask("/metrics")
    assert status == 200
    assert "# TYPE axieflip_" in metrics
    status, priced = await ask("/v1/predict", json={"axie_id": int(listed["axie_id"])})
    prediction = json.loads(priced)
    assert status == 200
    assert prediction["listing_hash"] == listed["hash"]
    assert prediction["ask_usd"] == pytest.approx(listed["ask_usd"], rel=0.05)
    assert prediction["forecast"]["low_usd"] < prediction["forecast"]["resale_usd"]
    status, refused = await ask("/v1/predict", json={"axie_id": 1_999_999_999})
    assert (status, json.loads(refused)) == (404, {"error": "There is no axie 1999999999."})


async def test_a_first_model_is_trained_from_discord_and_taken_on(trained: Trained) -> None:
    first = trained.first
    assert first.door_before == 503
    assert "No model" in first.status_before
    assert "Administrator" in first.to_a_member
    assert "under way already" in first.to_another
    assert "Training finished" in first.report, first.report
    assert "The new model is in use now" in first.report
    assert "Median error" in first.report
    assert first.edits >= 2, "its progress was not shown"
    assert "Model 20" in first.status_after


async def test_sigterm_stops_the_bot_within_ten_seconds(trained: Trained, tmp_path: Path) -> None:
    async with spawn() as discord:
        settings = bot_settings(trained.market, discord, trained.store, tmp_path / "axieflip.db")
        async with bot(tmp_path, settings) as running:
            await running.address()
            await discord.wait(sessions=1)
            asked = asyncio.get_running_loop().time()
            running.process.send(signal.SIGTERM)
            ended = await running.process.ended(10)
            assert asyncio.get_running_loop().time() - asked < 10

    assert ended.code == 0
    assert ended.err.strip().splitlines()[-1] == "Stopped."
    assert "Traceback" not in ended.err, ended.err
