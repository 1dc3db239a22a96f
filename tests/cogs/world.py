"""Discord, the bot on it, and what the bot works with, as one thing that a test can act on."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import discord
from simcord.env import Env

from bot.client import AxieflipBot
from bot.services import Services
from bot.services.journal import Entry
from bot.services.watches import Watch
from pipeline.market.values import Listing, OrderStatus, Resolution
from pipeline.signal import Filters, Prediction, Thresholds
from tests.cogs.parts import RulePredictor, Shelf, StepwiseRetraining, make_axie, make_listing, price


@dataclass
class World:
    """Discord, the bot on it, and what the bot works with."""

    env: Env
    services: Services
    market: Shelf
    predictor: RulePredictor
    retraining: StepwiseRetraining
    guild: Any
    channel: Any
    manager: Any
    member: Any

    @property
    def bot(self) -> AxieflipBot:
        bot = self.env.bot
        assert isinstance(bot, AxieflipBot)
        return bot

    async def watch(self, channel: Any = None, name: str = "Plants", **filters: Any) -> Watch:
        return await self.services.watches.add(
            self.guild.id,
            (channel or self.channel).id,
            name,
            Thresholds(),
            Filters(**filters),
            self.manager.id,
        )

    async def signal(self, *watches: Watch, **over: Any) -> tuple[Listing, Prediction]:
        """Write a listing that is a signal for these watches, as the intake does."""
        now = self.services.clock.now()
        listing = over.pop("listing", None) or make_listing(now, axie=over.pop("axie", None) or make_axie())
        prediction = price(listing, self.predictor.forecast(listing.axie), **over)
        await self.services.journal.record([Entry(listing, prediction, watches)])
        self.services.outbox.wake()
        return listing, prediction

    async def page(self, *watches: Watch, count: int = 2) -> list[Listing]:
        """Write several listings of one page, each a signal for these watches."""
        now = self.services.clock.now()
        listings = [make_listing(now) for _ in range(count)]
        await self.services.journal.record(
            [Entry(each, price(each, self.predictor.forecast(each.axie)), watches) for each in listings]
        )
        self.services.outbox.wake()
        return listings

    async def ends(self, listing: Listing, status: OrderStatus, after_s: float = 840.0) -> None:
        """The marketplace is found to say so of an order."""
        at = listing.seen_at + timedelta(seconds=after_s)
        await self.services.journal.resolve([Resolution(listing.hash, status, at)])

    async def edit(self) -> None:
        """Make the edits that are due now, if any."""
        following: Any = self.bot.get_cog("Following")
        async with asyncio.timeout(30):
            while await self.services.posts.to_edit():
                await following.turn()

    async def deliver(self) -> None:
        """Take turns of the delivery until nothing is due and no lane is sending."""
        alerts: Any = self.bot.get_cog("Alerts")
        async with asyncio.timeout(30):
            while await self.services.outbox.due():
                await alerts.turn()
                await alerts.settled()

    def posted(self, channel: Any = None) -> list[discord.Message]:
        return list((channel or self.channel).history())

    def sends(self, channel: Any = None) -> list[dict[str, Any]]:
        """Bodies of the bot's attempts to post in a channel, in order."""
        path = f"/channels/{(channel or self.channel).id}/messages"
        return [r.json for r in self.env.http_requests if (r.method, r.path) == ("POST", path)]


def text(result: Any) -> str:
    """All that a person reads in an answer."""
    message = result.response or result.followups[0]
    return "\n".join([message.content, *(words(embed) for embed in message.embeds)])


def words(embed: discord.Embed) -> str:
    parts = [embed.title, embed.description, embed.footer.text]
    return "\n".join([*(part for part in parts if part), *(f"{f.name}\n{f.value}" for f in embed.fields)])
