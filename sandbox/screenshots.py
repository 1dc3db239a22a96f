"""`make screenshots`: pictures of the demo's own page for the docs, at desktop and phone width.

The whole bot runs against both simulated worlds until its signals have come to something; then each scene's
commands are given as a person would, and the page is photographed in a headless browser. Kept data makes a
second run short.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
from playwright.async_api import Browser, async_playwright
from rich.console import Console

from bot.app import App, running
from bot.log import configure
from sandbox.stage import Economy, ensure_watch, has_champion, market_clock, prepare, settings_for, worlds

IMAGES: Final = Path(__file__).parents[1] / "docs" / "images"
SIZES: Final = {"desktop": (1280, 900), "phone": (390, 844)}
CHANNEL: Final = "buy-signals"
console = Console(stderr=True, highlight=False)


@dataclass(frozen=True, slots=True)
class Set:
    """What a scene works with: the bot's own services, and the control interface of the simulated Discord."""

    app: App
    discord: Mapping[str, Any]
    session: aiohttp.ClientSession

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


async def performance(stage: Set) -> None:
    """What the signals came to."""
    await stage.slash("performance", days=7)


async def predictions(stage: Set) -> None:
    """A page of predictions."""
    await stage.slash("predictions recent", days=7)


async def market(stage: Set) -> None:
    """Floors, volume and level."""
    await stage.slash("market", days=3)


async def axie(stage: Set) -> None:
    """The page of an axie that was listed more than once, if there is one."""
    rows = await stage.app.services.ledger.rows(int(stage.discord["guild_id"]), limit=200)
    number = next((row.axie_id for row in rows if row.resold_usd is not None), rows[0].axie_id)
    await stage.slash("axie", id=str(number))


async def retraining(stage: Set) -> None:
    """A training that is under way."""
    await stage.slash("model retrain")
    retraining = stage.app.services.retraining
    while (run := retraining.current) is not None and run.fraction < 0.35:  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0.5)
    await asyncio.sleep(6)  # until its message shows that too


async def retrained(stage: Set) -> None:
    """The report of that training."""
    if (run := stage.app.services.retraining.current) is not None:
        await stage.app.services.retraining.wait(run.id)
    await asyncio.sleep(10)  # its message is drawn, and its picture


SCENES: Final[dict[str, Callable[[Set], Awaitable[None]]]] = {
    "performance": performance,
    "predictions": predictions,
    "market": market,
    "axie": axie,
    "retraining": retraining,
    "retrained": retrained,
}
"""In this order, each on top of what the ones before have left in the channel."""


async def photograph(browser: Browser, address: str, name: str, images: Path) -> None:
    """The page as it is, scrolled to its newest message, at each width."""
    for size, (width, height) in SIZES.items():
        context = await browser.new_context(
            viewport={"width": width, "height": height},
            device_scale_factor=2 if size == "phone" else 1,
            color_scheme="dark",
        )
        page = await context.new_page()
        await page.goto(address)
        await page.wait_for_load_state("load")
        await asyncio.sleep(2.5)  # pictures arrive, and the page follows its end
        with suppress(Exception):
            await page.evaluate(_TO_THE_END)
        await asyncio.sleep(0.5)
        await page.screenshot(path=images / f"{name}-{size}.png")
        await context.close()


_TO_THE_END: Final = """() => {
  for (const each of document.querySelectorAll('*')) {
    if (each.scrollHeight > each.clientHeight + 20) each.scrollTop = each.scrollHeight;
  }
}"""


async def run(data: Path, images: Path, scenes: list[str], hours: float, browser_path: str) -> None:
    """Take the pictures of the named scenes, once the bot has lived through so many hours of the market."""
    economy = Economy(speed=400.0)
    async with worlds(data, economy, "--rate-limits=off") as both, aiohttp.ClientSession() as session:
        clock = await market_clock(both)
        settings = settings_for(data, both)
        with (data / "axieflip.log").open("a") as log:
            configure(settings, log)
            if not await has_champion(settings):
                await prepare(settings, clock, economy)
            async with running(settings, clock) as app, async_playwright() as playwright:
                await ensure_watch(app, both, "bargains")
                # The signals need time to come to something.
                console.print(f"Living through {hours:.0f} hours of the market …")
                await asyncio.sleep(hours * 3600 / clock.speed)
                stage = Set(app, both.discord, session)
                browser = await playwright.chromium.launch(executable_path=browser_path)
                for name in scenes:
                    console.print(f"{name} …")
                    await SCENES[name](stage)
                    await photograph(browser, both.discord["preview"], name, images)
                await browser.close()


def main() -> None:
    """Entry of `make screenshots`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, default=Path("data/screenshots"), help="where the demo's data is kept"
    )
    parser.add_argument("--images", type=Path, default=IMAGES, help="where the pictures go")
    parser.add_argument(
        "--scene", action="append", choices=list(SCENES), help="only this one (may be repeated)"
    )
    parser.add_argument("--hours", type=float, default=40.0, help="market hours to live through before")
    parser.add_argument("--browser", default="/usr/bin/chromium", help="a Chromium to photograph with")
    options = parser.parse_args()
    for folder in (options.data, options.images):
        folder.mkdir(parents=True, exist_ok=True)
    scenes = [name for name in SCENES if not options.scene or name in options.scene]
    asyncio.run(run(options.data, options.images, scenes, options.hours, options.browser))


if __name__ == "__main__":
    main()
