"""The guild, its people and its channels, over simcord's backend.

simcord wants a client attached; a stand-in that only waits is attached, so that "the bot has settled" means
"the remote bot has acknowledged the interaction, or its three seconds are over". simcord 3.2.1 is pinned
exactly: this package uses a few of its internals, each named where it is used.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import discord
import simcord
from simcord.actors import MemberActor
from simcord.backend.models import Overwrite
from simcord.builders import ChannelHandle
from simcord.enums import OverwriteType
from simcord.env import Env

from sandbox.discord.clock import Pulse, WorldClock
from sandbox.discord.config import DiscordConfig

GUILD_ID = 1_187_000_000_000_000_000
ACKNOWLEDGE_WITHIN = 3.0
# Those that the README asks for, and no more: what the bot needs besides is seen to fail here.
BOT_PERMISSIONS = discord.Permissions(
    view_channel=True,
    send_messages=True,
    send_messages_in_threads=True,
    embed_links=True,
    attach_files=True,
    read_message_history=True,
)

__all__ = ["ACKNOWLEDGE_WITHIN", "GUILD_ID", "World", "guild_ids", "open_world"]


def guild_ids(count: int) -> list[int]:
    """The guilds' ids, each of the shard after the former one's, however many shards there are."""
    return [GUILD_ID + (number << 22) for number in range(count)]


class _StandIn(discord.Client):
    """Takes the bot's seat in simcord and waits there for the remote bot."""

    def __init__(self, acknowledged: Callable[[int], Awaitable[None]]) -> None:
        super().__init__(intents=discord.Intents.all(), max_messages=None, chunk_guilds_at_startup=False)
        self._acknowledged = acknowledged

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        await self._acknowledged(interaction.id)


class World:
    """Everything that exists in this Discord, and who is waiting for whom."""

    def __init__(self, config: DiscordConfig) -> None:
        self.config = config
        self.pulse = Pulse()
        # One user action at a time: simcord refuses operations that overlap.
        self.acting = asyncio.Lock()
        self._acks: dict[int, asyncio.Future[None]] = {}
        self.edits: dict[int, list[dict[str, Any]]] = {}
        self.nonces: dict[int, str] = {}
        self.env = Env(_StandIn(self._wait_acknowledged), check_errors=False, settle_timeout=10.0)
        self.backend = self.env.backend
        self.clock = WorldClock()
        self.backend.clock = self.clock
        self._found()
        self.clock.open()
        self.backend.subscribers.append(self._on_event)

    def _found(self) -> None:
        """Build the guild; each kind of thing at its own instant, so that its ids depend on nothing else."""
        env, clock, backend = self.env, self.clock, self.backend
        backend.bot_user.name = self.config.bot_name
        clock.found(1)
        owner = env.create_user("founder", global_name="Founder")
        admin = env.create_user("ada", global_name="Ada (admin)")
        member = env.create_user("milo", global_name="Milo")
        clock.found(2)
        guild = env.create_guild(self.config.guild_name, id=GUILD_ID, owner=owner)
        bot_role = next(role for role in guild._guild.roles.values() if role.managed)
        bot_role.permissions = BOT_PERMISSIONS.value
        clock.found(3)
        admins = guild.create_role("Admins", permissions=discord.Permissions(administrator=True))
        traders = guild.create_role("Traders", mentionable=True)
        clock.found(4)
        self.guild = guild
        self.people: Mapping[str, MemberActor] = {
            "admin": guild.add_member(admin, roles=[admins]),
            "member": guild.add_member(member, roles=[traders]),
        }
        self.roles = {"Admins": admins.id, "Traders": traders.id}
        clock.found(5)
        topics = {self.config.channels[0]: self.config.topic}
        self.channels = {
            name: guild.create_text_channel(name, topic=topics.get(name)).id for name in self.config.channels
        }
        # As on a new server of Discord's: what is said to everyone is said in #general.
        guild._guild.system_channel_id = self.channels.get("general")
        for number, id_ in enumerate(guild_ids(self.config.guilds)[1:], start=2):
            clock.found(4 + number)
            self._found_further(number, id_, owner)

    def _found_further(self, number: int, id_: int, owner: Any) -> None:
        """One more guild, with the first one's first channel under that name and its number."""
        guild = self.env.create_guild(f"{self.config.guild_name} {number}", id=id_, owner=owner)
        bot_role = next(role for role in guild._guild.roles.values() if role.managed)
        bot_role.permissions = BOT_PERMISSIONS.value
        name = f"{self.config.channels[0]}-{number}"
        self.channels[name] = guild.create_text_channel(name).id

    # ------------------------------------------------------------------ events

    def _on_event(self, event: str, payload: Mapping[str, Any]) -> None:
        if event == "INTERACTION_CREATE":
            interaction_id = int(payload["id"])
            loop = asyncio.get_running_loop()
            self._acks[interaction_id] = loop.create_future()
            loop.call_later(ACKNOWLEDGE_WITHIN, self.acknowledged, interaction_id)
        elif event == "MESSAGE_UPDATE":
            self.edited(payload)
        self.pulse.beat()

    def edited(self, payload: Mapping[str, Any]) -> None:
        """Remember the state that a message was edited to."""
        kept = {key: payload.get(key) for key in ("content", "embeds", "components")}
        history = self.edits.setdefault(int(payload["id"]), [])
        history.append({"at": self.clock.now().timestamp(), **kept})
        del history[:-50]

    async def _wait_acknowledged(self, interaction_id: int) -> None:
        future = self._acks.get(interaction_id)
        if future is not None:
            await asyncio.shield(future)

    def acknowledged(self, interaction_id: int) -> None:
        """Release whoever waits for this interaction: it was answered, or its time is over."""
        future = self._acks.pop(interaction_id, None)
        if future is not None and not future.done():
            future.set_result(None)

    # ------------------------------------------------------------------ look-ups

    def person(self, name: str) -> MemberActor:
        """The person called admin or member; `LookupError` for anyone else."""
        try:
            return self.people[name]
        except KeyError:
            raise LookupError(f"no user {name!r}; there are {', '.join(self.people)}") from None

    def channel(self, name_or_id: str | int) -> ChannelHandle:
        """A channel by name or id; `LookupError` if there is none (any more)."""
        text = str(name_or_id)
        channel_id = int(text) if text.isdecimal() else self.channels.get(text)
        stored = self.backend.channels.get(channel_id)
        if stored is None:
            raise LookupError(f"no channel {name_or_id!r}")
        return ChannelHandle(self.env, self.guild, stored)

    def message(self, message_id: int) -> Any:
        """simcord's stored message of any channel; `LookupError` if there is none."""
        for messages in self.backend.messages.values():
            if message_id in messages:
                return messages[message_id]
        raise LookupError(f"no message {message_id}")

    # ------------------------------------------------------------------ what happens to a guild

    def delete_channel(self, channel_id: int) -> None:
        """Delete a channel as a person with the right to do so would."""
        self.backend.delete_channel(channel_id)

    def overwrite(self, channel_id: int, deny: list[str], allow: list[str]) -> None:
        """Replace what the bot may do in one channel; `ValueError` names an unknown permission."""
        known = discord.Permissions.VALID_FLAGS
        unknown = sorted({*deny, *allow} - known.keys())
        if unknown:
            raise ValueError(f"unknown permission: {', '.join(unknown)}")
        self.backend.set_overwrite(
            channel_id,
            Overwrite(
                target_id=self.backend.bot_user.id,
                type=OverwriteType.MEMBER,
                allow=sum(known[name] for name in set(allow)),
                deny=sum(known[name] for name in set(deny)),
            ),
        )

    def remove_bot(self) -> None:
        """Remove the bot from the guild: it learns of it by GUILD_DELETE, and the guild is gone."""
        self.backend.remove_guild(GUILD_ID)


@asynccontextmanager
async def open_world(config: DiscordConfig) -> AsyncIterator[World]:
    """Attach the stand-in to the running loop (which simcord patches until the world closes)."""
    if simcord.__version__ != "3.2.1":
        raise RuntimeError(
            f"the simulated Discord is written against simcord 3.2.1, not {simcord.__version__}"
        )
    world = World(config)
    await world.env.start()
    try:
        yield world
    finally:
        for interaction_id in list(world._acks):
            world.acknowledged(interaction_id)
        await world.env.shutdown()
