"""Keeps the messages of alerts up to date: sold, cancelled, a new price, what a sale came to on paper.

The messages that are due for an edit are in the database. Those of a channel are edited one after the other,
as Discord limits edits by channel; what happens to a message meanwhile is told by its next edit.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING, Final

import structlog
from discord.ext import commands

from bot.client import AxieflipBot
from cogs import buttons, outgoing
from cogs.pace import pace_of_posts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.services.alerts import Post

log = structlog.get_logger(__name__)
# Discord takes five edits in five seconds of a channel; a button's answer is an edit too.
BETWEEN_S: Final = 1.2
FAULT_PAUSE_S: Final = 300.0


class FollowingCog(commands.Cog, name="Following"):
    """Edits the messages whose alerts have something to tell."""

    def __init__(self, bot: AxieflipBot) -> None:
        self._bot = bot
        self._services = bot.services
        self._closed = False

    async def cog_load(self) -> None:
        """Put the editing under supervision."""
        self._services.supervisor.add("edits", self.turn)

    async def cog_unload(self) -> None:
        """Stop editing; what is owed is edited by the next life."""
        self._closed = True

    async def turn(self) -> None:
        """Wait until an edit is due, and make those that are."""
        await self._services.posts.wait()
        if self._closed:
            # The supervisor replaces this job when the bot is built anew; until then nothing can be edited.
            await asyncio.get_running_loop().create_future()
        channels: defaultdict[int, list[Post]] = defaultdict(list)
        for post in await self._services.posts.to_edit():
            channels[post.channel_id].append(post)
        await asyncio.gather(*map(self._edit_in_order, channels.values()))

    async def _edit_in_order(self, due: Sequence[Post]) -> None:
        for number, post in enumerate(due):
            if number:
                await asyncio.sleep(BETWEEN_S)
            await pace_of_posts(self._bot).turn()
            try:
                await self._edit(post)
            except Exception:
                # One message that cannot be drawn must not stop the others, nor be tried in a circle.
                log.exception("a message could not be edited", post=post.id)
                await self._services.posts.put_off(post.id, FAULT_PAUSE_S)

    async def _edit(self, post: Post) -> None:
        assert post.message_id is not None
        channel = self._bot.get_partial_messageable(post.channel_id, guild_id=post.guild_id)
        shown, view = await buttons.drawn(self._services, post)
        outcome = await outgoing.edit(channel.get_partial_message(post.message_id), embed=shown, view=view)
        match outcome:
            case outgoing.Sent():
                await self._services.posts.edited(post)
            case outgoing.Never(reason):
                log.info("a message is left as it is", post=post.id, reason=reason)
                await self._services.posts.drop(post.id)
            case outgoing.Retry() as retry:
                await self._services.posts.put_off(post.id, outgoing.pause(0, retry))


async def setup(bot: AxieflipBot) -> None:
    """Add the cog."""
    await bot.add_cog(FollowingCog(bot))
