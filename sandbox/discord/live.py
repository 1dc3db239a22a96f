"""The page on which a person watches the channel and talks to the remote bot, kept up to date by itself.

simcord's page shows published snapshots and refuses an action that was meant for an older one. Here the world
moves while somebody reads: every change is published, and an action is taken to mean the newest snapshot; the
button or option that it names is still looked up in the present state.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from simcord.preview import Preview, _markdown

from sandbox.discord.pictures import Pictures
from sandbox.discord.scripts import serve_changed
from sandbox.discord.thrift import economise
from sandbox.discord.world import World

_LOG = logging.getLogger(__name__)
GATHER = 0.1  # seconds in which changes are published together
TICK = 20.0  # seconds after which relative times on the page are renewed
WINDOW = 50  # messages that the page shows at most
PICTURES_WITHIN = 1.0  # seconds that a new message waits for its pictures


# Discord shows mentions, commands and small print in an embed's text too; simcord leaves them as they are.
for _field in ("embed_description", "embed_field_value"):
    _markdown._FIELD_POLICIES[_field].update(mentions=True, commands=True, subtext=True)


class LivePage:
    """Publishes the world to the pages of one simcord preview; drives its private `_publish`."""

    def __init__(self, world: World, preview: Preview) -> None:
        self._world = world
        self._preview = preview
        self._changed = asyncio.Event()
        self.pictures = Pictures(preview._explicit_assets, self._changed.set, world.config.picture_mirror)
        self._act = preview._action
        preview._action = self._action

    async def _action(self, context_id: str | None, body: Mapping[str, Any]) -> Any:
        """Carry out an action of the page in turn with everybody else's, against the newest snapshot."""
        async with self._world.acting:
            page = self._preview._pages.get(context_id)
            fresh = (
                isinstance(body, dict) and page is not None and body.get("sequence") == page.last_sequence + 1
            )
            if fresh and isinstance(body.get("published_revision"), int):
                body = {**body, "published_revision": page.revision}
            result = await self._act(context_id, body)
        self._changed.set()
        return result

    def publish(self) -> None:
        """Show the present state on every open page; must not run while an action is under way."""
        preview = self._preview
        preview._advance_presentation_time()
        for page in tuple(preview._pages.values()):
            # simcord's own page, from which new ones are opened, is seen by nobody.
            if page is not preview._python and page.id in preview._pages:
                preview._publish(page, reason="refresh")

    async def _gather(self) -> None:
        """Wait for more changes, and for pictures: one that comes later moves what is being read."""
        await asyncio.sleep(GATHER)
        messages = self._world.backend.messages.get(self._preview.channel.id, {})
        self.pictures.want(messages[key] for key in sorted(messages)[-WINDOW:])
        await self.pictures.settled(PICTURES_WITHIN)

    async def run(self) -> None:
        """Publish after every change, until cancelled."""
        watching = asyncio.create_task(self._watch())
        try:
            while True:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), TICK)
                await self._gather()
                if self._preview._active_action is not None:
                    continue  # the action publishes, and sets `changed` when it is done
                self._changed.clear()
                try:
                    self.publish()
                except Exception:
                    _LOG.exception("the page could not be brought up to date")
        finally:
            watching.cancel()

    async def _watch(self) -> None:
        """Turn the world's pulse into `changed`."""
        while True:
            await self._world.pulse.next()
            self._changed.set()


@asynccontextmanager
async def live_page(world: World) -> AsyncIterator[str]:
    """Serve the page of the first channel; gives its address, whose fragment is a key to it."""
    channel = world.channel(world.config.channels[0])
    viewers = [world.people["admin"], world.people["member"]]
    port = world.config.preview_port
    economise()
    preview = world.env.preview(channel, viewers=viewers, layout="channel", port=port)
    serve_changed(preview._server)
    async with preview:
        page = LivePage(world, preview)
        running = asyncio.create_task(page.run())
        try:
            yield preview.url
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await page.pictures.close()
