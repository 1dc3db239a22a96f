"""The camera: photographs the simulated Discord's page in a headless browser, in its dark theme."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.async_api import Browser, Locator, Page, async_playwright
from playwright.async_api import TimeoutError as TooLate

SIZES: Final = {"desktop": 620, "phone": 390}  # the width of the channel
PATIENCE_MS: Final = 60_000
MOST_BYTES: Final = 250_000


@dataclass(frozen=True, slots=True)
class Camera:
    """A browser on the page at `address`; pictures go into the folder `images`."""

    browser: Browser
    address: str
    images: Path

    async def page(self, name: str) -> None:
        """The page on its newest message, with all that is around it."""
        async with self._opened(1280, 860, scale=1) as page:
            await page.locator(".channel-message").last.wait_for(timeout=PATIENCE_MS)
            with suppress(TooLate):  # a picture that does not come is seen to be missing
                await page.wait_for_function(_LOADED, timeout=PATIENCE_MS)
            await asyncio.sleep(1)
            _keep(await page.screenshot(), self.images / f"{name}.png")

    async def message(self, message: int, name: str, form: str | None = None) -> None:
        """One message at each width, without what the page has around its channel.

        With `form`, the form that the message's button of that label opens. Raises playwright's TimeoutError
        if the page does not show the message, or the button no form.
        """
        for size, width in SIZES.items():
            async with self._opened(width, 3000, scale=2) as page:
                found = page.locator(f'.channel-message[data-message-id="{message}"]')
                await found.wait_for(state="attached", timeout=PATIENCE_MS)
                await page.add_style_tag(content=_ALONE)
                await found.scroll_into_view_if_needed()
                with suppress(TooLate):
                    await page.wait_for_function(_SETTLED, arg=str(message), timeout=PATIENCE_MS)
                if form is not None:
                    await found.get_by_role("button", name=form).click()
                    found = page.locator(".modal-dialog")
                    await found.wait_for(timeout=PATIENCE_MS)
                await asyncio.sleep(1)
                _keep(await _still(found), self.images / f"{name}-{size}.png")

    @asynccontextmanager
    async def _opened(self, width: int, height: int, scale: int) -> AsyncIterator[Page]:
        context = await self.browser.new_context(
            viewport={"width": width, "height": height},
            device_scale_factor=scale,
            color_scheme="dark",
            bypass_csp=True,
        )
        try:
            page = await context.new_page()
            await page.goto(self.address, timeout=PATIENCE_MS)
            yield page
        finally:
            await context.close()


async def _still(found: Locator) -> bytes:
    """A picture of something that stays where it is meanwhile: what is new moves the whole page."""
    async with asyncio.timeout(PATIENCE_MS / 1000):
        while True:
            before = await found.bounding_box()
            picture = await found.screenshot()
            if await found.bounding_box() == before:
                return picture


def _keep(picture: bytes, path: Path) -> None:
    """Store a PNG; one that would weigh on the docs does with 256 colours, which a page hardly misses."""
    seen = Image.open(io.BytesIO(picture)).convert("RGB")
    seen.save(path, optimize=True)
    if path.stat().st_size > MOST_BYTES:
        seen.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


@asynccontextmanager
async def camera(browser_path: str, address: str, images: Path) -> AsyncIterator[Camera]:
    """A camera on that page for the length of the block."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=browser_path)
        yield Camera(browser, address, images)
        await browser.close()


# Fields of different length stand at the same height, as they do in Discord, and no button is grey only
# because the page is asking for what is new.
_ALONE: Final = """
[data-workbench], .channel-header, .channel-composer, .history-button, .message-context-actions,
.message-edited-compact { display: none !important; }
.preview-workspace, .preview-stage { display: block !important; padding: 0 !important; }
.preview-app {
  width: 100vw !important; height: 100vh !important; min-width: 0 !important; transform: none !important;
}
.channel-message { background: transparent !important; padding-bottom: 8px !important; }
.channel-message * { max-width: 100% !important; }
.embed-field { align-content: start !important; }
.component-button[aria-disabled="true"]:not(:disabled) { opacity: 1 !important; filter: none !important; }
.modal-dialog { max-height: none !important; }
"""
_LOADED: Final = "[...document.images].every(img => img.complete && img.naturalWidth > 0)"
_SETTLED: Final = """id => {
  const message = document.querySelector(`.channel-message[data-message-id="${id}"]`);
  return [...message.querySelectorAll("img")].every(img => img.complete && img.naturalWidth > 0);
}"""
