"""A forward proxy on loopback that really forwards: absolute-form requests, and CONNECT for tunnels."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Forward:
    """`lines` are the request lines that came; `delay_s` is what it adds to each request."""

    port: int = 0
    delay_s: float = 0.0
    auth: str | None = None
    lines: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await self._serve(reader, writer)
        writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *headers = head.rstrip().split("\r\n")
        self.lines.append(first)
        given = {name.lower(): value.strip() for name, _, value in (h.partition(":") for h in headers)}
        if self.auth is not None:
            wanted = "Basic " + base64.b64encode(self.auth.encode()).decode()
            if given.get("proxy-authorization") != wanted:
                writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                await writer.drain()
                return
        await asyncio.sleep(self.delay_s)
        method, target, version = first.split()
        if method == "CONNECT":
            host, _, port = target.rpartition(":")
            upstream = await asyncio.open_connection(host, int(port))
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            parts = urlsplit(target)
            upstream = await asyncio.open_connection(parts.hostname, parts.port or 80)
            kept = [h for h in headers if not h.lower().startswith(("proxy-", "connection:"))]
            lines = [f"{method} {parts.path} {version}", *kept, "Connection: close", "", ""]
            upstream[1].write("\r\n".join(lines).encode())
        async with asyncio.TaskGroup() as group:
            group.create_task(_pipe(reader, upstream[1]))
            group.create_task(_pipe(upstream[0], writer))


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def forwarding(*, delay_s: float = 0.0, auth: str | None = None) -> AsyncIterator[Forward]:
    forward = Forward(delay_s=delay_s, auth=auth)
    server = await asyncio.start_server(forward.serve, "127.0.0.1", 0)
    forward.port = server.sockets[0].getsockname()[1]
    try:
        yield forward
    finally:
        server.close()
