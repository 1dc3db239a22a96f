"""The arena of one scenario: a Discord, a market behind a door, a database, and the bot as a process.

What a scenario does here is what a person or the world would do: start, stop or kill the bot, list an axie,
run a command. The arena remembers what it promised (which listings there were) for the invariants.
"""

from __future__ import annotations

import asyncio
import random
import signal
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.discord import DiscordConfig, SpawnedWorld, spawn
from tests.e2e.parts import BARGAIN, OVERPRICED, Bot, Market, Records, bot_settings, command
from tests.e2e.processes import Running, axieflip, environment, until
from tests.range.door import Door, door
from tests.range.postgres import PostgresRecords
from tests.range.resources import Use, use_of

CHANNEL = "buy-signals"
READY_WITHIN = 60.0
SETTLED_WITHIN = 90.0


@dataclass
class Arena:
    """Everything that a scenario plays with. `market_door` and `discord_door` lead from the bot outwards."""

    market: Market
    market_door: Door
    discord: SpawnedWorld
    discord_door: Door
    folder: Path
    store: Path
    rng: random.Random
    postgres: str | None = None
    """The URL of the database, where it is PostgreSQL."""
    amount: float = 1.0
    """How much of what a scenario does many times: 1 in full."""
    settings: dict[str, object] = field(default_factory=dict)
    bot: Bot | None = None
    lives: list[Running] = field(default_factory=list)
    listed: list[dict[str, Any]] = field(default_factory=list)
    """What the market knows of the axies that the scenario listed after its first watch was there."""
    since: float = 0.0
    """Market time from when on nothing may be lost."""
    expected: set[str] = field(default_factory=set)
    """What a scenario does on purpose and the invariants therefore allow; see `invariants`."""
    settled: set[str] = field(default_factory=set)
    """What the market showed when the bot was last waited for."""
    rested: Use | None = None
    _life: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def database(self) -> Path:
        """The bot's SQLite file."""
        return self.folder / "axieflip.db"

    @property
    def records(self) -> Records:
        """What is stored in it."""
        return Records(self.database) if self.postgres is None else PostgresRecords(self.postgres)

    @property
    def database_url(self) -> str:
        """Where the bot keeps its records."""
        return self.postgres or f"sqlite+aiosqlite:///{self.database}"

    @property
    def life(self) -> Bot:
        """The bot that runs now."""
        assert self.bot is not None, "the bot does not run"
        return self.bot

    # ------------------------------------------------------------------ the bot's lives

    async def launch(self, **settings: object) -> Bot:
        """Start the bot's own command; it may not be ready yet."""
        given = bot_settings(self.market, self.discord, self.store, self.database)
        given |= {
            "HTTP_REQUESTS_PER_MINUTE": 100_000,  # it is asked all the time whether it is ready
            "MARKET_URL": self.market_door.url,
            "DISCORD_API_URL": self.discord_door.url,
            "OBJECT_STORE": f"file:{self.store}",
            "DATABASE_URL": self.database_url,
        }
        given |= self.settings | settings
        process = await self._life.enter_async_context(
            axieflip("run", cwd=self.folder, env=environment(given))
        )
        self.lives.append(process)
        self.bot = Bot(process)
        return self.bot

    async def start(self, **settings: object) -> Bot:
        """Start the bot and wait until it is ready and in its Discord."""
        before = (await self.discord.get("status"))["identified"]
        bot = await self.launch(**settings)
        await until("the bot is ready", bot.ready, READY_WITHIN)
        await self.discord.wait(identified=before + 1, sessions=1, command="watch", seconds=READY_WITHIN)
        return bot

    async def open(self, **settings: object) -> Bot:
        """What most scenarios begin with: a bot at work, a watch, and a first alert in its channel."""
        bot = await self.start(**settings)
        await self.watch()
        await self.bargain()
        await self.settle()
        self.rested = await use_of(bot)
        return bot

    async def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        self.life.process.send(signal.SIGKILL)
        await self.life.process.ended()
        self.bot = None

    async def stop(self, within: float = 10.0) -> None:
        """SIGTERM; it ends cleanly within these seconds."""
        life, self.bot = self.life, None
        life.process.send(signal.SIGTERM)
        ended = await life.process.ended(within)
        assert ended.code == 0, f"a clean stop ended with {ended.code}"
        last = ended.err.strip().rpartition("\n")[2]
        assert last == "Stopped.", f"the last line of a clean stop is {last!r}"

    def tally(self) -> str:
        """How much there was of it, as far as the database can be read."""
        lives = f"lives of the bot {len(self.lives)}, listings {len(self.listed)}"
        with suppress(sqlite3.DatabaseError, OSError):
            states = self.records.rows("SELECT state, count(*) FROM alerts GROUP BY 1")
            return f"{lives}, alerts {dict(states) or 0}"
        return lives

    # ------------------------------------------------------------------ people and sellers

    async def watch(self, name: str = "bargains", channel: str = CHANNEL, **options: Any) -> None:
        """Add a watch by the bot's own command."""
        await command(self.discord, "watch add", name=name, channel=channel, **options)
        if not self.since:
            self.since = (await self.market.get("clock"))["now"]

    async def list(self, multiple: float, **wish: Any) -> dict[str, Any]:
        """List an axie; those that nobody buys are the default."""
        listed = await self.market.list_axie(multiple, **({"buyable": False} | wish))
        self.listed.append(listed)
        return listed

    async def bargain(self, count: int = 1) -> None:
        """List axies far below their fair value."""
        for _ in range(count):
            await self.list(BARGAIN)

    async def flow(self, pause: tuple[float, float] = (0.2, 0.5)) -> None:
        """List bargains and overpriced axies until cancelled."""
        while True:
            await self.list(self.rng.choice((BARGAIN, OVERPRICED, OVERPRICED)))
            await asyncio.sleep(self.rng.uniform(*pause))

    @asynccontextmanager
    async def flowing(self, pause: tuple[float, float] = (0.2, 0.5)) -> AsyncIterator[None]:
        """Listings flow for the length of the block."""
        task = asyncio.create_task(self.flow(pause))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    # ------------------------------------------------------------------ looking

    async def shown(self) -> dict[str, dict[str, Any]]:
        """By hash, what the market lists since the beginning and still shows to the bot's query."""
        truths = await self.market.get("truth/listings", since=self.since)
        return {each["hash"]: each for each in truths if each["status"] == "Open" and not each["egg"]}

    async def messages(self, **where: str) -> list[dict[str, Any]]:
        """All messages of the bot's own, in all channels or in one, oldest first."""
        found = await self.discord.get("messages", **where)
        return [each for each in found if each["author_id"] == self.discord.info["bot_user_id"]]

    async def pause(self, seconds: float) -> None:
        """Let time pass: a scenario is a script in time."""
        await asyncio.sleep(seconds)

    async def settle(self, within: float = SETTLED_WITHIN) -> None:
        """Wait until all that is shown is recorded and nothing is left to deliver."""

        async def settled() -> bool:
            shown = set(await self.shown())
            self.settled = shown & self.records.listings()
            return shown == self.settled and not self.records.pending()

        began = time.monotonic()
        try:
            await until("every listing is stored and the outbox is empty", settled, within)
        except TimeoutError as error:
            missing = set(await self.shown()) - self.records.listings()
            waiting = self.records.rows(
                "SELECT reason, count(*) FROM alerts WHERE state = 'pending' GROUP BY 1"
            )
            self.settled |= missing
            raise TimeoutError(
                f"{error} ({len(missing)} not stored, pending: {waiting}, "
                f"after {time.monotonic() - began:.0f} s)"
            ) from None


@asynccontextmanager
async def arena(
    market: Market,
    store: Path,
    folder: Path,
    rng: random.Random,
    config: DiscordConfig | None = None,
    amount: float = 1.0,
    postgres: str | None = None,
) -> AsyncIterator[Arena]:
    """An arena with a Discord of its own; its bot is killed at the end if it still runs."""
    async with (
        spawn(config) as discord,
        door(market.url) as to_market,
        door(discord.info["api"]) as to_discord,
    ):
        made = Arena(market, to_market, discord, to_discord, folder, store, rng, postgres, amount)
        async with made._life:
            yield made
