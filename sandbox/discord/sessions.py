"""Gateway sessions: numbered events, a bounded memory for RESUME, and the intents a client declared.

A session outlives its connection. What a client would not be sent by its intents, or only without content,
is decided by simcord's gateway; here the result is numbered, kept and sent instead of parsed.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from secrets import token_hex
from typing import Any

import discord
from simcord.backend import Backend, serializers
from simcord.gateway import FakeGateway

from sandbox.discord.wire import Connection

REPLAY_LENGTH = 2_000
CHUNK_SIZE = 1_000


class _Parsers(dict[str, Callable[[Any], None]]):
    """Answers every event name with "send it to this session"."""

    def __init__(self, dispatch: Callable[[str, Any], None]) -> None:
        super().__init__()
        self._dispatch = dispatch

    def __missing__(self, event: str) -> Callable[[Any], None]:
        return partial(self._dispatch, event)


class _Seat:
    """The two attributes of discord.py's connection state that simcord's gateway reads."""

    def __init__(self, intents: discord.Intents, parsers: _Parsers) -> None:
        self.intents = intents
        self.parsers = parsers


def encode(op: int, data: Any = None, event: str | None = None, sequence: int | None = None) -> str:
    """One gateway frame."""
    return json.dumps({"op": op, "d": data, "t": event, "s": sequence}, separators=(",", ":"))


class Session:
    """One identified client: its shard, its numbered events, and the connection it has at the moment."""

    def __init__(self, backend: Backend, shard: int, shards: int, intents: int) -> None:
        self.id = token_hex(16)
        self.shard, self.shards = shard, shards
        self.connection: Connection | None = None
        self.sequence = 0
        self._backend = backend
        self._replay: deque[tuple[int, str]] = deque(maxlen=REPLAY_LENGTH)
        seat = _Seat(discord.Intents._from_value(intents), _Parsers(self.dispatch))
        self._gate = FakeGateway(backend, seat)

    def owns(self, event: str, payload: Mapping[str, Any]) -> bool:
        """Whether an event belongs to this session's shard; those of no guild belong to shard 0."""
        guild_id = payload.get("guild_id")
        if guild_id is None and event in {"GUILD_CREATE", "GUILD_UPDATE", "GUILD_DELETE"}:
            guild_id = payload.get("id")
        return (0 if guild_id is None else (int(guild_id) >> 22) % self.shards) == self.shard

    def feed(self, event: str, payload: Mapping[str, Any]) -> None:
        """Pass a backend event on, as far as the client's intents allow."""
        if self.owns(event, payload):
            self._gate.feed(event, payload)

    def dispatch(self, event: str, payload: Any) -> None:
        """Number an event, remember it for a RESUME, and send it if the client is connected."""
        self.sequence += 1
        frame = encode(0, payload, event, self.sequence)
        self._replay.append((self.sequence, frame))
        if self.connection is not None:
            self.connection.send(frame)

    def missed(self, sequence: int) -> list[str] | None:
        """The frames after `sequence`, or None where they are no longer remembered."""
        if sequence < self.sequence and (not self._replay or self._replay[0][0] > sequence + 1):
            return None
        return [frame for number, frame in self._replay if number > sequence]

    def ready(self, resume_url: str) -> None:
        """Send READY and then the guilds of this shard."""
        backend = self._backend
        guilds = [guild for guild in backend.guilds.values() if self.owns("GUILD_CREATE", {"id": guild.id})]
        self.dispatch(
            "READY",
            {
                "v": 10,
                "user": dict(serializers.user_payload(backend.bot_user)),
                "guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds],
                "session_id": self.id,
                "session_type": "normal",
                "resume_gateway_url": resume_url,
                "shard": [self.shard, self.shards],
                "application": {"id": str(backend.application_id), "flags": 0},
            },
        )
        for guild in guilds:
            self.feed("GUILD_CREATE", serializers.guild_create_payload(backend, guild))

    def members(self, request: Mapping[str, Any]) -> None:
        """Answer REQUEST_GUILD_MEMBERS (op 8) with chunks of at most 1,000 members."""
        guild = self._backend.guilds.get(int(request["guild_id"]))
        if guild is None:
            return
        found = list(guild.members.values())
        wanted = request.get("user_ids")
        if wanted is not None:
            ids = {int(item) for item in (wanted if isinstance(wanted, list) else [wanted])}
            found = [member for member in found if member.user_id in ids]
        elif prefix := str(request.get("query") or "").lower():
            names = {member.user_id: self._backend.users[member.user_id].name.lower() for member in found}
            found = [
                member
                for member in found
                if names[member.user_id].startswith(prefix) or (member.nick or "").lower().startswith(prefix)
            ]
        if limit := int(request.get("limit") or 0):
            found = found[:limit]
        chunks = [found[start : start + CHUNK_SIZE] for start in range(0, len(found), CHUNK_SIZE)] or [[]]
        for index, chunk in enumerate(chunks):
            payload: dict[str, Any] = {
                "guild_id": str(guild.id),
                "members": [serializers.member_payload(self._backend, guild, member) for member in chunk],
                "chunk_index": index,
                "chunk_count": len(chunks),
            }
            if request.get("presences"):
                payload["presences"] = []
            if request.get("nonce"):
                payload["nonce"] = request["nonce"]
            self.dispatch("GUILD_MEMBERS_CHUNK", payload)
