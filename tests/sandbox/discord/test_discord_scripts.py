"""The page in a real browser: it follows the end, and no key that is pressed is lost; needs a Chromium."""

import asyncio
import shutil
from pathlib import Path

import pytest
import pytest_asyncio
import simcord.preview
from playwright.async_api import async_playwright, expect

from sandbox.discord import DiscordConfig, spawn
from sandbox.discord.scripts import CHANGES, changed

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
TALL = "\n".join(["a tall message"] * 25)
STATIC = Path(simcord.preview.__file__).with_name("static")

in_a_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine to open the page in")


@pytest.mark.parametrize("name", CHANGES)
def test_another_script_than_the_one_it_was_written_for_is_refused(name):
    script, first = (STATIC / name).read_text(), CHANGES[name][0][0]
    assert changed(name, script) != script
    with pytest.raises(RuntimeError, match=f"{name} has changed"):
        changed(name, script.replace(first, ""))


@pytest_asyncio.fixture(loop_scope="session")
async def busy():
    """A world whose channel already holds more than a page can show at once."""
    async with spawn(DiscordConfig()) as world:
        for number in range(12):
            await say(world, f"old {number}\n{TALL}")
        yield world


@pytest_asyncio.fixture(loop_scope="session")
async def answering(busy, start_bot):
    """That world with a bot that answers."""
    async with start_bot(busy):
        await busy.wait(command="ping")
        yield busy


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

    # The end moves up by itself where the timeline grows, which is no reader's wish, not even of one who
    # has scrolled a moment ago and then asked for the end.
    await tab.locator("#channel-timeline").hover()
    await tab.mouse.wheel(0, -1500)
    await say(busy, f"{TALL}\nand one more")
    await jump.click()
    await tab.set_viewport_size({"width": 1000, "height": 600})
    await say(busy, f"{TALL}\nthe very last")
    await tab.set_viewport_size({"width": 1000, "height": 820})
    await say(busy, f"{TALL}\nthe ultimate")
    await expect(shown(tab, "the ultimate")).to_be_in_viewport()
    await expect(jump).to_be_hidden()


@in_a_browser
@pytest.mark.asyncio(loop_scope="session")
async def test_a_command_given_while_the_page_is_busy_is_run_and_its_answer_stays_in_view(answering, tab):
    held = asyncio.Event()

    async def hold(route):
        if route.request.post_data_json["kind"] == "browse_messages":
            await held.wait()
        await route.continue_()

    await tab.route("**/api/action", hold)
    await tab.locator("#message-search").fill("old 3")
    async with asyncio.timeout(10), tab.expect_request("**/api/action"):
        await tab.locator("#message-search").press("Enter")

    await tab.locator("#channel-composer-input").click()
    await tab.keyboard.type("/ping")
    await tab.keyboard.press("Enter")
    await expect(tab.locator(".command-chip")).to_be_visible()
    await tab.keyboard.press("Enter")
    held.set()
    await expect(shown(tab, "pong")).to_be_in_viewport()

    await say(answering, f"{TALL}\nmeanwhile")
    await say(answering, f"{TALL}\nand more")
    await expect(tab.get_by_text("jump to latest")).to_be_visible()
    await expect(shown(tab, "pong")).to_be_in_viewport()
