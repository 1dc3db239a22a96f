"""The page in a real browser: it opens on the newest message and stays with it; needs a Chromium."""

import shutil
from pathlib import Path

import pytest
import pytest_asyncio
import simcord.preview
from playwright.async_api import async_playwright, expect

from sandbox.discord import DiscordConfig, spawn
from sandbox.discord.scrolling import follow_the_end

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
TALL = "\n".join(["a tall message"] * 25)
SCRIPT = Path(simcord.preview.__file__).with_name("static") / "timeline.js"

in_a_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine to open the page in")


def test_another_script_than_the_one_it_was_written_for_is_refused():
    with pytest.raises(RuntimeError, match="has changed"):
        follow_the_end(SCRIPT.read_text().replace("let correction", "let corrected"))


@pytest_asyncio.fixture(loop_scope="session")
async def busy():
    """A world whose channel already holds more than a page can show at once."""
    async with spawn(DiscordConfig()) as world:
        for number in range(12):
            await say(world, f"old {number}\n{TALL}")
        yield world


@pytest_asyncio.fixture(loop_scope="session")
async def tab(busy):
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        page = await browser.new_page(viewport={"width": 1000, "height": 820})
        await page.goto(busy.info["preview"])
        yield page
        await browser.close()


async def say(world, content):
    await world.post("message", user="member", channel="buy-signals", content=content)


def shown(tab, text):
    """The message that begins with `text`."""
    return tab.locator("article", has_text=text).get_by_text(text)


@in_a_browser
@pytest.mark.asyncio(loop_scope="session")
async def test_the_page_opens_on_the_newest_message_follows_and_leaves_a_reader_where_they_are(busy, tab):
    at_the_end = tab.locator("article.channel-message").last
    jump = tab.get_by_text("jump to latest")
    await expect(at_the_end).to_contain_text("old 11")
    await expect(at_the_end).to_be_in_viewport()
    await expect(jump).to_be_hidden()
    await say(busy, f"{TALL}\nthe next")
    await expect(shown(tab, "the next")).to_be_in_viewport()

    await tab.locator("#channel-timeline").hover()
    await tab.mouse.wheel(0, -1500)
    await expect(shown(tab, "the next")).not_to_be_in_viewport()
    await say(busy, f"{TALL}\nthe one after")
    await expect(jump).to_be_visible()
    await expect(shown(tab, "the one after")).not_to_be_in_viewport()

    await jump.click()
    await expect(shown(tab, "the one after")).to_be_in_viewport()
    await expect(jump).to_be_hidden()
    await say(busy, f"{TALL}\nthe last")
    await expect(shown(tab, "the last")).to_be_in_viewport()
