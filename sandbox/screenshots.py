"""`make screenshots`: pictures of the demo's own page for the docs, at desktop and phone width.

The whole bot runs against both simulated worlds: at the demo's own pace until a signal stands alone at the
end of its channel, for the picture of the page; then faster, until its signals have come to something. Each
scene's commands are given as a person would, and the page is photographed in a headless browser. Kept data
makes a second run short.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp
from playwright.async_api import Browser, async_playwright
from playwright.async_api import TimeoutError as TooLate
from rich.console import Console

from bot.app import App, running
from bot.commands import collect_into_store
from bot.log import configure
from bot.services.ledger import LedgerRow
from sandbox.stage import (
    COLLECT_MINUTES,
    Economy,
    ensure_watch,
    has_champion,
    market_clock,
    prepare,
    settings_for,
    worlds,
)

IMAGES: Final = Path(__file__).parents[1] / "docs" / "images"
SIZES: Final = {"desktop": 760, "phone": 390}  # the width of the channel
CHANNEL: Final = "buy-signals"
WATCH: Final = "bargains"
FAST: Final = 400.0  # market seconds a second, where hours are to pass
console = Console(stderr=True, highlight=False)


@dataclass(frozen=True, slots=True)
class Set:
    """What a scene works with: the bot's own services, and the control interface of the simulated Discord."""

    app: App
    discord: Mapping[str, Any]
    session: aiohttp.ClientSession

    async def messages(self) -> list[Any]:
        """What the page shows of the channel, the newest last: it shows no more than these."""
        url = f"{self.discord['control']}/messages"
        async with self.session.get(url, params={"channel": CHANNEL}) as response:
            shown: list[Any] = await response.json()
        return shown[-40:]

    async def pause(self, paused: bool) -> None:
        """Let nothing new push what is photographed out of the page, or let it come again."""
        watches, guild = self.app.services.watches, int(self.discord["guild_id"])
        await watches.set_paused(guild, WATCH, None, paused)

    async def post(self, name: str, **body: Any) -> Any:
        """Ask the control interface for something."""
        async with self.session.post(f"{self.discord['control']}/{name}", json=body) as response:
            answer = await response.json()
            if response.status != 200:
                raise RuntimeError(f"{name} {body}: {answer['error']}")
            return answer

    async def slash(self, command: str, **options: Any) -> Any:
        """Give a command as the administrator; what was answered."""
        return await self.post(
            "slash", user="admin", channel=CHANNEL, command=command, options=options, seconds=60
        )

    async def click(self, answer: Any, label: str, values: list[str] | None = None) -> Any:
        """Press the button of that label below an answer, or choose in its menu by its placeholder."""
        message = answer["response"]
        items = [item for row in message["components"] for item in row["components"]]
        item = next(item for item in items if label in (item.get("label"), item.get("placeholder")))
        chosen = {} if values is None else {"values": values}
        return await self.post(
            "click", user="admin", message=message["id"], custom_id=item["custom_id"], seconds=60, **chosen
        )


async def watch(stage: Set) -> int:
    """A watch with the buttons that lead to its forms."""
    return shown(await stage.slash("watch show", name=WATCH))


async def alert(stage: Set) -> int:
    """A signal of this run whose axie was sold, the newest."""
    return (await _newest_sold(stage))[0]


async def why(stage: Set) -> int:
    """What makes its price."""
    message, row = await _newest_sold(stage)
    press = {"message": message, "custom_id": f"{_WHY}{row.alert_id}"}
    return shown(await stage.post("click", user="admin", seconds=60, **press))


async def _newest_sold(stage: Set) -> tuple[int, LedgerRow]:
    """Of the signals that the page shows with their own buttons; those of a long list have a menu alone."""
    held = {message["id"]: _buttons(message) for message in await stage.messages()}
    there = {alert: message for message, alerts in held.items() for alert in alerts}
    rows = await stage.app.services.ledger.rows(int(stage.discord["guild_id"]), limit=200)
    found = [(there[row.alert_id], row) for row in rows if row.alert_id in there]
    if not found:
        raise RuntimeError("no signal of this run has its own buttons: give it more --hours")
    # A message with few others beside it, and of these the newest that was sold.
    return min(found, key=lambda each: (len(held[each[0]]), not each[1].sold))


def _buttons(message: Any) -> list[int]:
    """The alerts of a message that have their own buttons."""
    ids = [item.get("custom_id") or "" for row in message["components"] for item in row["components"]]
    return [int(each.removeprefix(_WHY)) for each in ids if each.startswith(_WHY)]


_WHY: Final = "alert:why:"


async def performance(stage: Set) -> int:
    """What the signals came to."""
    return shown(await stage.slash("performance", days=7))


async def predictions(stage: Set) -> int:
    """A page of predictions."""
    return shown(await stage.slash("predictions recent", days=7))


async def market(stage: Set) -> int:
    """Floors, volume and level."""
    return shown(await stage.slash("market", days=3))


async def axie(stage: Set) -> int:
    """The page of an axie that was sold and sold again, if there is one."""
    rows = await stage.app.services.ledger.rows(int(stage.discord["guild_id"]), limit=200)
    sold = sorted((row for row in rows if row.axie_id), key=lambda row: row.resold_usd is None)
    return shown(await stage.slash("axie", id=str(sold[0].axie_id)))


async def retraining(stage: Set) -> int:
    """A training that is under way."""
    answer = await stage.slash("model retrain")
    retraining = stage.app.services.retraining
    while (run := retraining.current) is not None and run.fraction < 0.35:  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0.5)
    await asyncio.sleep(6)  # until its message shows that too
    return shown(answer)


async def retrained(stage: Set) -> int:
    """The report of that training, or of another."""
    services = stage.app.services
    if (run := services.retraining.current) is None:
        answer = await stage.slash("model retrain")
        run = services.retraining.current
        assert run is not None
        message = shown(answer)
    else:
        message = (await services.runs.get(run.id)).message_id or 0
    await services.retraining.wait(run.id)
    await asyncio.sleep(12)  # its message is drawn, and its picture
    return message


def shown(answer: Any) -> int:
    """The message that an answer became."""
    return int(answer["response"]["id"])


SCENES: Final[dict[str, Callable[[Set], Awaitable[int]]]] = {
    "alert": alert,
    "why": why,
    "performance": performance,
    "predictions": predictions,
    "market": market,
    "axie": axie,
    "watch": watch,
    "retraining": retraining,
    "retrained": retrained,
}
"""Each leads to a message, which is photographed; in this order, as later ones may build on earlier ones."""
FORMS: Final = {"watch": "Thresholds"}
"""Where a scene is of a form: the button of the message that opens it."""
FRONT: Final = "demo"
"""The scene that is of the whole page, as the browser shows it."""


async def photograph_page(browser: Browser, address: str, images: Path) -> None:
    """The page on its newest message, with all that is around it."""
    page = await browser.new_page(
        viewport={"width": 1280, "height": 860}, color_scheme="dark", bypass_csp=True
    )
    await page.goto(address)
    await page.locator(".channel-message").last.wait_for(timeout=30_000)
    with suppress(TooLate):
        await page.wait_for_function(_LOADED, timeout=60_000)
    await asyncio.sleep(1)
    await page.screenshot(path=images / f"{FRONT}.png")
    await page.close()


async def photograph(browser: Browser, address: str, message: int, name: str, images: Path) -> None:
    """One message of the page at each width, without what the page has around its channel."""
    for size, width in SIZES.items():
        context = await browser.new_context(
            viewport={"width": width, "height": 3000},
            device_scale_factor=2,
            color_scheme="dark",
            bypass_csp=True,
        )
        page = await context.new_page()
        await page.goto(address)
        found = page.locator(f'.channel-message[data-message-id="{message}"]')
        await found.wait_for(state="attached", timeout=30_000)
        await page.add_style_tag(content=_ALONE)
        await found.scroll_into_view_if_needed()
        with suppress(TooLate):  # a picture that does not come is seen to be missing
            await page.wait_for_function(_PICTURES, arg=str(message), timeout=60_000)
        if name in FORMS:
            await found.get_by_role("button", name=FORMS[name]).click()
            found = page.locator(".modal-dialog")
            await found.wait_for(timeout=30_000)
        await asyncio.sleep(1)
        await found.screenshot(path=images / f"{name}-{size}.png")
        await context.close()


_ALONE: Final = """
[data-workbench], .channel-header, .channel-composer, .history-button, .message-context-actions {
  display: none !important;
}
.preview-workspace, .preview-stage { display: block !important; padding: 0 !important; }
.preview-app {
  width: 100vw !important; height: 100vh !important; min-width: 0 !important; transform: none !important;
}
.channel-message { background: transparent !important; padding-bottom: 8px !important; }
.channel-message * { max-width: 100% !important; }
.modal-dialog { max-height: none !important; }
"""
_LOADED: Final = "[...document.images].every(img => img.complete && img.naturalWidth > 0)"
_PICTURES: Final = """id => [...document.querySelectorAll(`.channel-message[data-message-id="${id}"] img`)]
  .every(img => img.complete && img.naturalWidth > 0)"""


async def alone(stage: Set) -> None:
    """Wait until the newest message is of one signal without a warning, and others are above it."""
    async with asyncio.timeout(600):
        while len(seen := await stage.messages()) < 3 or not _plain(seen[-1]):  # noqa: ASYNC110
            await asyncio.sleep(0.5)


def _plain(message: Any) -> bool:
    return len(_buttons(message)) == 1 and "⚠" not in (message["embeds"][0].get("description") or "")


@asynccontextmanager
async def at_work(data: Path, economy: Economy) -> AsyncIterator[Set]:
    """The bot at work in both worlds, with a model and a watch, for the length of the block."""
    async with worlds(data, economy, "--rate-limits=off") as both, aiohttp.ClientSession() as session:
        settings = settings_for(data, both)
        with (data / "axieflip.log").open("a") as log:
            configure(settings, log)
            if await has_champion(settings):
                # A training refuses what is days old.
                await collect_into_store(
                    settings, await market_clock(both), COLLECT_MINUTES, timedelta(days=economy.days)
                )
            else:
                await prepare(settings, both, economy)
            async with running(settings, await market_clock(both)) as app:
                await ensure_watch(app, both, WATCH)
                stage = Set(app, both.discord, session)
                await stage.pause(False)  # an earlier run has left it paused
                yield stage


async def run(data: Path, images: Path, scenes: list[str], hours: float, browser_path: str) -> None:
    """Take the pictures of the named scenes: of the page, or others after so many hours of the market."""
    front = scenes == [FRONT]
    async with (
        at_work(data, Economy() if front else Economy(speed=FAST)) as stage,
        async_playwright() as playwright,
    ):
        browser = await playwright.chromium.launch(executable_path=browser_path)
        if front:
            console.print(f"{FRONT} …")
            await alone(stage)
            await stage.pause(True)
            await photograph_page(browser, stage.discord["preview"], images)
        else:
            # The signals need time to come to something.
            console.print(f"Living through {hours:.0f} hours of the market …")
            await asyncio.sleep(hours * 3600 / FAST)
            await stage.pause(True)
            ready = {"command": "performance", "seconds": "60"}
            async with stage.session.get(f"{stage.discord['control']}/wait", params=ready) as response:
                assert (await response.json())["met"], "the bot does not reach the simulated Discord"
            for name in scenes:
                console.print(f"{name} …")
                message = await SCENES[name](stage)
                await photograph(browser, stage.discord["preview"], message, name, images)
        await browser.close()


def take(data: Path, images: Path, scenes: list[str], hours: float, browser_path: str) -> None:
    """`run`, as a process."""
    asyncio.run(run(data, images, scenes, hours, browser_path))


def main() -> None:
    """Entry of `make screenshots`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, default=Path("data/screenshots"), help="where the demo's data is kept"
    )
    parser.add_argument("--images", type=Path, default=IMAGES, help="where the pictures go")
    parser.add_argument(
        "--scene", action="append", choices=[FRONT, *SCENES], help="only this one (may be repeated)"
    )
    parser.add_argument("--hours", type=float, default=40.0, help="market hours to live through before")
    parser.add_argument("--browser", default="/usr/bin/chromium", help="a Chromium to photograph with")
    options = parser.parse_args()
    for folder in (options.data, options.images):
        folder.mkdir(parents=True, exist_ok=True)
    wished = [name for name in (FRONT, *SCENES) if not options.scene or name in options.scene]
    front = [name for name in wished if name == FRONT]
    # Each life of the bot has a process of its own, as it has elsewhere.
    for scenes in filter(None, (front, [name for name in wished if name != FRONT])):
        given = (options.data, options.images, scenes, options.hours, options.browser)
        life = multiprocessing.get_context("spawn").Process(target=take, args=given)
        life.start()
        life.join()
        if life.exitcode:
            sys.exit(life.exitcode)


if __name__ == "__main__":
    main()
