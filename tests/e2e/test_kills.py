"""Twenty kills at random moments while listings flow: nothing is lost, and nothing is said twice."""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipeline.signal import Thresholds
from sandbox.discord import SpawnedWorld, spawn
from tests.e2e.parts import BARGAIN, OVERPRICED, Market, Records, Trained, bot, bot_settings, command
from tests.e2e.processes import until

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

KILLS = 20
CHANNEL = "buy-signals"
# What the kill waits for before its random delay; the longest that the delay may be, in seconds.
MOMENTS = {"spawned": 1.6, "running": 1.5, "posting": 0.03}


class Seller:
    """Lists bargains and overpriced axies, one after the other, until told to stop."""

    def __init__(self, market: Market, rng: random.Random) -> None:
        self._market, self._rng = market, rng
        self.bargains: set[str] = set()
        self.overpriced: set[str] = set()

    async def sell(self, multiple: float) -> None:
        listed = await self._market.list_axie(multiple, buyable=False)
        (self.bargains if multiple == BARGAIN else self.overpriced).add(listed["hash"])

    async def go_on(self) -> None:
        while True:
            await self.sell(self._rng.choice((BARGAIN, OVERPRICED, OVERPRICED, OVERPRICED)))
            await asyncio.sleep(self._rng.uniform(0.2, 0.5))


async def posted(discord: SpawnedWorld) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = await discord.get("messages", channel=CHANNEL)
    return messages


def axies(message: dict[str, Any]) -> list[int]:
    """The axies that a message tells of: one an embed or, where there are many, one a line of a list."""
    titles = [embed["title"] for embed in message["embeds"]]
    lines = "\n".join(embed.get("description") or "" for embed in message["embeds"])
    alone = [int(axie) for title in titles for axie in re.findall(r"^Axie #(\d+)", title)]
    return alone or [int(axie) for axie in re.findall(r"(?m)^`[ \d]+` ~*\[?#(\d+)", lines)]


async def test_killed_twenty_times_the_bot_loses_no_listing_and_posts_each_alert_once(
    trained: Trained, tmp_path: Path
) -> None:
    seed = int(os.environ.get("E2E_SEED") or random.SystemRandom().randrange(2**32))
    print(f"E2E_SEED={seed}")
    rng = random.Random(seed)
    market, database = trained.market, tmp_path / "axieflip.db"
    moments = [*MOMENTS] * (KILLS // len(MOMENTS)) + ["posting", "running"]
    rng.shuffle(moments)
    assert len(moments) == KILLS
    records, seller = Records(database), Seller(market, rng)
    async with spawn() as discord:
        settings = bot_settings(market, discord, trained.store, database)
        async with bot(tmp_path, settings) as first:
            await until("the bot is ready", first.ready)
            await discord.wait(sessions=1, command="watch")
            await command(discord, "watch add", name="bargains", channel=CHANNEL)
            await first.process.killed()
        since = (await market.get("clock"))["now"]
        selling = asyncio.create_task(seller.go_on())
        for moment in moments:
            async with bot(tmp_path, settings) as life:
                if moment != "spawned":
                    await life.address()
                if moment == "posting":
                    await seller.sell(BARGAIN)
                    await discord.wait(channel=CHANNEL, messages=len(await posted(discord)) + 1, seconds=20)
                await asyncio.sleep(rng.uniform(0, MOMENTS[moment]))
                os.kill(life.process.pid, signal.SIGKILL)
                assert (await life.process.ended()).code == -signal.SIGKILL
        selling.cancel()
        await asyncio.gather(selling, return_exceptions=True)

        async def listed() -> set[str]:
            """What the market has listed since the first kill and still shows."""
            truths = await market.get("truth/listings", since=since)
            return {truth["hash"] for truth in truths if truth["status"] == "Open" and not truth["egg"]}

        async def settled() -> bool:
            return await listed() <= records.listings() and not records.pending()

        async with bot(tmp_path, settings) as last:
            await until("every listing is stored and the outbox is empty", settled, 60)
            shown = await listed()
            last.process.send(signal.SIGTERM)
            assert (await last.process.ended(10)).code == 0
        messages = await posted(discord)

    due = records.signals(Thresholds()) & (seller.bargains | seller.overpriced | shown)
    alerts = records.rows(
        "SELECT posts.nonce, posts.message_id, listing_hash, state, axie_id FROM alerts "
        "JOIN posts ON posts.id = post_id JOIN listings ON listings.hash = listing_hash"
    )
    assert seller.bargains | seller.overpriced <= shown <= records.listings()
    assert {row[3] for row in alerts} == {"delivered"}
    assert {row[2] for row in alerts} == due
    # A message may carry several alerts; each is in one message, and in that once.
    assert Counter(message["nonce"] for message in messages) == Counter({row[0] for row in alerts})
    told = Counter((message["nonce"], axie) for message in messages for axie in axies(message))
    assert told == Counter((row[0], row[4]) for row in alerts)
    assert {message["id"] for message in messages} == {row[1] for row in alerts}
    # The flow was one worth killing: many alerts, all of them for what was cheap.
    assert len(due & seller.bargains) > KILLS / 2
    assert not due & seller.overpriced
    assert records.rows("PRAGMA integrity_check") == [("ok",)]
    assert records.rows("PRAGMA foreign_key_check") == []
