"""The scenes: each gives its commands as a person would, and leads to the message that is photographed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from bot.app import App

CHANNEL: Final = "buy-signals"
WATCH: Final = "bargains"
_WHY: Final = "alert:why:"


@dataclass(frozen=True, slots=True)
class Set:
    """What a scene works with: the bot's own services, and the control interface of the simulated Discord."""

    app: App
    discord: Mapping[str, Any]
    session: aiohttp.ClientSession

    @property
    def guild(self) -> int:
        """The server's number."""
        return int(self.discord["guild_id"])

    async def messages(self) -> list[Any]:
        """What the page shows of the channel, the newest last: it shows no more than these."""
        url = f"{self.discord['control']}/messages"
        async with self.session.get(url, params={"channel": CHANNEL}) as response:
            there: list[Any] = await response.json()
        return there[-40:]

    async def ready(self) -> None:
        """Wait until the commands are published."""
        wanted = {"command": "performance", "seconds": "60"}
        async with self.session.get(f"{self.discord['control']}/wait", params=wanted) as response:
            if not (await response.json())["met"]:
                raise RuntimeError("the bot does not reach the simulated Discord")

    async def pause(self, paused: bool) -> None:
        """Let nothing new push what is photographed out of the page, or let it come again."""
        await self.app.services.watches.set_paused(self.guild, WATCH, None, paused)

    async def post(self, name: str, **body: Any) -> Any:
        """Ask the control interface for something."""
        async with self.session.post(f"{self.discord['control']}/{name}", json=body) as response:
            answer = await response.json()
            if response.status != 200:
                raise RuntimeError(f"{name} {body}: {answer['error']}")
            return answer

    async def slash(self, command: str, **options: Any) -> int:
        """Give a command as the administrator; the message that it was answered with."""
        answer = await self.post(
            "slash", user="admin", channel=CHANNEL, command=command, options=options, seconds=60
        )
        return _shown(answer)

    async def pictured(self, command: str, **options: Any) -> int:
        """Give a command whose answer gets a picture once that is drawn. Raises TimeoutError without one."""
        answer = await self.post(
            "slash", user="admin", channel=CHANNEL, command=command, options=options, seconds=60
        )
        url, asked = f"{self.discord['control']}/interaction", {"id": str(answer["interaction_id"])}
        async with asyncio.timeout(60):
            while not answer["response"]["embeds"][-1].get("image"):
                await asyncio.sleep(0.2)
                async with self.session.get(url, params=asked) as response:
                    answer = await response.json()
        return _shown(answer)

    async def alone(self) -> bool:
        """Whether the newest message is of one signal without a warning, and others are above it."""
        return len(seen := await self.messages()) >= 3 and _plain(seen[-1])


def _shown(answer: Any) -> int:
    return int(answer["response"]["id"])


def _plain(message: Any) -> bool:
    return len(_buttons(message)) == 1 and not message["embeds"][0].get("description")


def _buttons(message: Any) -> list[int]:
    """The alerts of a message that have their own buttons; those of a long list have a menu alone."""
    ids = [item.get("custom_id") or "" for row in message["components"] for item in row["components"]]
    return [int(each.removeprefix(_WHY)) for each in ids if each.startswith(_WHY)]


async def alert(stage: Set) -> int:
    """The newest signal that has a message of its own."""
    return (await _single(stage))[0]


async def why(stage: Set) -> int:
    """What makes its price."""
    message, alert_id = await _single(stage)
    press = {"message": message, "custom_id": f"{_WHY}{alert_id}"}
    return _shown(await stage.post("click", user="admin", seconds=60, **press))


async def _single(stage: Set) -> tuple[int, int]:
    for message in reversed(await stage.messages()):
        if message["embeds"] and _plain(message):
            return int(message["id"]), _buttons(message)[0]
    raise RuntimeError("no signal on the page has a message of its own: run it again")


async def sold(stage: Set) -> int:
    """The newest message that tells of a sale, with few other signals beside it."""
    async with asyncio.timeout(90):
        while not (found := list(filter(_tells_of_sale, reversed(await stage.messages())))):  # noqa: ASYNC110
            await asyncio.sleep(1)
    return int(min(found, key=lambda message: len(_buttons(message)))["id"])


def _tells_of_sale(message: Any) -> bool:
    told = "".join(embed.get("description") or "" for embed in message["embeds"])
    return bool(_buttons(message)) and "**Sold**" in told


async def performance(stage: Set) -> int:
    """What the signals came to."""
    return await stage.pictured("performance", days=7)


async def predictions(stage: Set) -> int:
    """A page of predictions."""
    return await stage.slash("predictions recent", days=7)


async def market(stage: Set) -> int:
    """Floors, volume and level."""
    return await stage.pictured("market", days=3)


async def axie(stage: Set) -> int:
    """The page of an axie that was sold and sold again, if there is one."""
    rows = await stage.app.services.ledger.rows(stage.guild, limit=200)
    known = sorted((row for row in rows if row.axie_id), key=lambda row: row.resold_usd is None)
    return await stage.pictured("axie", id=str(known[0].axie_id))


async def watch(stage: Set) -> int:
    """A watch with the buttons that lead to its forms."""
    return await stage.slash("watch show", name=WATCH)


async def retraining(stage: Set) -> int:
    """A training that is under way."""
    message = await stage.slash("model retrain")
    service = stage.app.services.retraining
    while (run := service.current) is not None and run.fraction < 0.35:  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0.5)
    await asyncio.sleep(6)  # until its message shows that too
    return message


async def retrained(stage: Set) -> int:
    """The report of that training, or of another."""
    services = stage.app.services
    if (run := services.retraining.current) is None:
        message = await stage.slash("model retrain")
        run = services.retraining.current
        if run is None:
            raise RuntimeError("the training did not begin: the log tells why")
    else:
        message = (await services.runs.get(run.id)).message_id or 0
    await services.retraining.wait(run.id)
    await asyncio.sleep(12)  # its message is drawn, and its picture
    return message


Scene = Callable[[Set], Awaitable[int]]
AT_ONCE: Final[dict[str, Scene]] = {"alert": alert, "why": why}
"""What the demo shows at its own pace, once a signal stands alone at the end of its channel."""
LATER: Final[dict[str, Scene]] = {
    "sold": sold,
    "performance": performance,
    "predictions": predictions,
    "market": market,
    "axie": axie,
    "watch": watch,
    "retraining": retraining,
    "retrained": retrained,
}
"""What needs signals that have come to something; in this order, as later ones may build on earlier ones."""
FORMS: Final = {"watch": "Thresholds"}
"""Where a scene is of a form: the button of the message that opens it."""
