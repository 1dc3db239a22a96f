"""One gateway connection: compression of the transport, and an orderly queue of frames going out.

discord.py asks for zstd-stream where zstandard is installed and for zlib-stream otherwise; both keep one
compression context for the life of a connection.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable

import zstandard
from aiohttp import web

Compress = Callable[[str], str | bytes]


def _zlib_stream() -> Compress:
    deflate = zlib.compressobj()

    def compress(frame: str) -> bytes:
        return deflate.compress(frame.encode()) + deflate.flush(zlib.Z_SYNC_FLUSH)

    return compress


def _zstd_stream() -> Compress:
    stream = zstandard.ZstdCompressor().compressobj()

    def compress(frame: str) -> bytes:
        return stream.compress(frame.encode()) + stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)

    return compress


def compressor(name: str | None) -> Compress:
    """The transport compression that a client asked for in its query; plain text if it asked for none.

    Raises `ValueError` for a compression that does not exist.
    """
    match name:
        case None | "":
            return lambda frame: frame
        case "zlib-stream":
            return _zlib_stream()
        case "zstd-stream":
            return _zstd_stream()
        case _:
            raise ValueError(f"unknown transport compression {name!r}")


class Connection:
    """Sends frames in order to one socket; `dead` makes it fall silent without closing."""

    def __init__(self, socket: web.WebSocketResponse, compress: Compress) -> None:
        self._socket = socket
        self._compress = compress
        self._frames: asyncio.Queue[str | tuple[int, str]] = asyncio.Queue()
        self.dead = False

    def send(self, frame: str) -> None:
        """Queue a frame (one JSON document)."""
        self._frames.put_nowait(frame)

    def close(self, code: int, reason: str = "") -> None:
        """Close with `code` after what is queued."""
        self._frames.put_nowait((code, reason))

    async def pump(self) -> None:
        """Send what is queued until the socket closes."""
        while True:
            frame = await self._frames.get()
            if isinstance(frame, tuple):
                await self._socket.close(code=frame[0], message=frame[1].encode())
                return
            if self.dead:
                continue
            data = self._compress(frame)
            try:
                if isinstance(data, str):
                    await self._socket.send_str(data)
                else:
                    await self._socket.send_bytes(data)
            except ConnectionError:
                return
