"""`python -m sandbox.discord`: serve a simulated Discord until told to stop.

Prints one line of JSON when it is ready: where API, gateway, control and page are, the token, and all ids.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from contextlib import AsyncExitStack

from simcord.backend.errors import SetupError

from sandbox.child import announce, told_to_end
from sandbox.discord.config import DiscordConfig
from sandbox.discord.pictures import is_loopback
from sandbox.discord.server import serve


def _arguments() -> argparse.Namespace:
    default = DiscordConfig()
    parser = argparse.ArgumentParser(prog="python -m sandbox.discord", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port of API, gateway and control (0: any)")
    parser.add_argument("--preview-port", type=int, default=0, help="port of the page (0: any)")
    parser.add_argument("--guild-name", default=default.guild_name)
    parser.add_argument("--bot-name", default=default.bot_name)
    parser.add_argument("--channels", default=",".join(default.channels), help="names, the page's first")
    parser.add_argument("--topic", help="what the page says at its channel's head")
    parser.add_argument("--shards", type=int, default=1, help="shards that the gateway recommends")
    parser.add_argument(
        "--guilds", type=int, default=1, help="servers, each on the shard after the last one's"
    )
    parser.add_argument("--heartbeat", type=float, default=default.heartbeat_interval, help="seconds")
    parser.add_argument(
        "--picture-mirror", metavar="FROM=TO", help="fetch pictures at FROM… from the loopback address TO…"
    )
    parser.add_argument("--rate-limits", choices=("on", "off"), default="on")
    parser.add_argument("--exit-with-parent", action="store_true", help="stop at the end of stdin")
    return parser.parse_args()


def _mirror(text: str | None) -> tuple[str, str] | None:
    if text is None:
        return None
    start, separator, target = text.partition("=")
    if not (start and separator and is_loopback(target)):
        raise ValueError("--picture-mirror must be FROM=TO, with TO an address of this machine")
    return start, target


async def _run(config: DiscordConfig, *, exit_with_parent: bool) -> int:
    over = told_to_end(with_parent=exit_with_parent)
    async with AsyncExitStack() as stack:
        try:
            told = await stack.enter_async_context(serve(config))
        except SetupError as error:  # simcord's word for a port of the page that is taken
            if not config.preview_port:
                raise
            cause = error.__cause__
            why = os.strerror(cause.errno or 0) if isinstance(cause, OSError) else error
            announce(error=f"Port {config.preview_port} of the page cannot be opened ({why})")
            return 1
        announce(**told)
        await over.wait()
    return 0


def main() -> int:
    """Run until SIGTERM, SIGINT or the parent's end; 2 for arguments that make no sense."""
    given = _arguments()
    try:
        config = DiscordConfig(
            port=given.port,
            preview_port=given.preview_port,
            guild_name=given.guild_name,
            bot_name=given.bot_name,
            channels=tuple(name.strip() for name in given.channels.split(",") if name.strip()),
            topic=given.topic,
            shards=given.shards,
            guilds=given.guilds,
            rate_limits=given.rate_limits == "on",
            heartbeat_interval=given.heartbeat,
            picture_mirror=_mirror(given.picture_mirror),
        )
    except ValueError as error:
        print(f"sandbox.discord: {error}", file=sys.stderr)  # noqa: T201
        return 2
    return asyncio.run(_run(config, exit_with_parent=given.exit_with_parent))


if __name__ == "__main__":
    sys.exit(main())
