"""The gateway: HELLO, IDENTIFY, heartbeats, events, RESUME, and every way in which it can fail a client.

A client whose connection breaks keeps its session until it identifies anew, so a bot killed outright and
started again begins afresh while a bot that only lost its connection gets what it missed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from aiohttp import WSMsgType, web

from sandbox.discord.sessions import Session, encode
from sandbox.discord.wire import Connection, compressor
from sandbox.discord.world import World

SESSION_STARTS = 1_000
ACKNOWLEDGE_AFTER = 0.02  # seconds


class Gateway:
    """Accepts clients at `/gateway` and keeps their sessions."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._sessions: dict[str, Session] = {}
        self._sockets: dict[Connection, web.WebSocketResponse] = {}
        self.down = False
        self.identified = 0
        self.resumed = 0
        self.url = ""
        world.backend.subscribers.append(self._feed)

    def _feed(self, event: str, payload: Mapping[str, Any]) -> None:
        for session in tuple(self._sessions.values()):
            session.feed(event, payload)

    def describe(self) -> dict[str, Any]:
        """The answer to `GET /gateway/bot`."""
        return {
            "url": self.url,
            "shards": self._world.config.shards,
            "session_start_limit": {
                "total": SESSION_STARTS,
                "remaining": max(0, SESSION_STARTS - self.identified),
                "reset_after": 24 * 60 * 60 * 1000,
                "max_concurrency": 1,
            },
        }

    def connected(self) -> list[dict[str, Any]]:
        """The sessions with a live connection."""
        return [
            {"id": session.id, "shard": session.shard, "shards": session.shards, "seq": session.sequence}
            for session in self._sessions.values()
            if session.connection is not None
        ]

    # ------------------------------------------------------------------ a connection's life

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one connection until it closes."""
        if self.down:
            return web.Response(status=503, text="upstream connect error")
        try:
            compress = compressor(request.query.get("compress"))
        except ValueError as error:
            return web.Response(status=400, text=str(error))
        socket = web.WebSocketResponse(compress=False, max_msg_size=0, timeout=2.0)
        await socket.prepare(request)
        connection = Connection(socket, compress)
        self._sockets[connection] = socket
        pump = asyncio.create_task(connection.pump())
        connection.send(encode(10, {"heartbeat_interval": int(self._world.config.heartbeat_interval * 1000)}))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT and not connection.dead:
                    self._receive(connection, message.data)
        finally:
            pump.cancel()
            self._sockets.pop(connection, None)
            session = self._session_of(connection)
            if session is not None:
                session.connection = None
            self._world.pulse.beat()
        return socket

    def _session_of(self, connection: Connection) -> Session | None:
        return next((item for item in self._sessions.values() if item.connection is connection), None)

    def _receive(self, connection: Connection, text: str) -> None:
        try:
            frame = json.loads(text)
            op, data = frame["op"], frame.get("d")
        except (ValueError, TypeError, KeyError):
            connection.close(4002, "Error while decoding payload.")
            return
        session = self._session_of(connection)
        try:
            match op:
                case 1:
                    # discord.py notes when it sent a heartbeat after sending it: an acknowledgement faster
                    # than any network would be taken for that of the heartbeat before.
                    asyncio.get_running_loop().call_later(ACKNOWLEDGE_AFTER, connection.send, encode(11))
                case 2 | 6 if session is not None:
                    connection.close(4005, "Already authenticated.")
                case 2:
                    self._identify(connection, data)
                case 6:
                    self._resume(connection, data)
                case 3 | 4 | 8 if session is None:
                    connection.close(4003, "Not authenticated.")
                case 8 if session is not None:
                    session.members(data)
                case 3 | 4:
                    pass  # presence and voice change nothing that anyone sees here
                case _:
                    connection.close(4001, "Unknown opcode.")
        except (ValueError, TypeError, KeyError, AttributeError):
            connection.close(4002, "Error while decoding payload.")

    def _identify(self, connection: Connection, data: Mapping[str, Any]) -> None:
        if data["token"] != self._world.config.token:
            connection.close(4004, "Authentication failed.")
            return
        shard, shards = data.get("shard") or (0, 1)
        if not 0 <= shard < shards:
            connection.close(4010, "Invalid shard.")
            return
        for session in list(self._sessions.values()):
            if (session.shard, session.shards) == (shard, shards) and session.connection is None:
                del self._sessions[session.id]
        session = Session(self._world.backend, shard, shards, int(data["intents"]))
        session.connection = connection
        self._sessions[session.id] = session
        self.identified += 1
        session.ready(self.url)
        self._world.pulse.beat()

    def _resume(self, connection: Connection, data: Mapping[str, Any]) -> None:
        if data["token"] != self._world.config.token:
            connection.close(4004, "Authentication failed.")
            return
        session = self._sessions.get(data["session_id"])
        sequence = int(data["seq"] or 0)
        missed = session.missed(sequence) if session is not None else None
        if session is None or missed is None:
            connection.send(encode(9, False))
            return
        if sequence > session.sequence:
            connection.close(4007, "Invalid seq.")
            return
        if session.connection is not None:
            session.connection.close(4000, "Resumed elsewhere.")
        session.connection = connection
        for frame in missed:
            connection.send(frame)
        session.dispatch("RESUMED", {})
        self.resumed += 1
        self._world.pulse.beat()

    # ------------------------------------------------------------------ failing on purpose

    def _live(self) -> list[Session]:
        return [session for session in self._sessions.values() if session.connection is not None]

    def reconnect(self) -> int:
        """Ask every client to reconnect (op 7); return how many were asked."""
        for session in self._live():
            assert session.connection is not None
            session.connection.send(encode(7))
        return len(self._live())

    def invalidate(self, *, resumable: bool) -> int:
        """Invalidate every session (op 9); those that may not resume are forgotten."""
        live = self._live()
        for session in live:
            assert session.connection is not None
            session.connection.send(encode(9, resumable))
            if not resumable:
                session.connection = None
                del self._sessions[session.id]
        return len(live)

    def close_all(self, code: int, reason: str = "") -> int:
        """Close every connection with `code`; sessions stay and can be resumed."""
        live = list(self._sockets)
        for connection in live:
            connection.close(code, reason)
        return len(live)

    def silence(self) -> int:
        """Leave every connection open but dead: nothing is sent, no heartbeat acknowledged."""
        live = list(self._sockets)
        for connection in live:
            connection.dead = True
        return len(live)

    def abort(self) -> None:
        """Cut every connection without a word, as an outage does."""
        for session in self._sessions.values():
            session.connection = None
        for socket in self._sockets.values():
            transport = socket._req.transport if socket._req is not None else None
            if transport is not None:
                transport.abort()

    async def close(self) -> None:
        """Say goodbye to every client, so that the server can stop at once."""
        for socket in list(self._sockets.values()):
            await socket.close(code=1001, message=b"Going away.")
