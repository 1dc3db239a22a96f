"""The lives of a bot's process: it stands by, leads, may lose that to another, and stands by again."""

from __future__ import annotations

import asyncio
from typing import Any

from bot.app import running
from bot.errors import LeadershipLost, SettingsError
from bot.log import say
from bot.settings import Settings
from bot.stopping import stop_requested

AGAIN_S = 5.0


async def live(settings: Settings) -> None:
    """Live until asked to stop. Raises SettingsError and AxieflipError where a life cannot begin or go on."""
    with stop_requested() as stop:
        ended = asyncio.ensure_future(stop.wait())
        lost = False
        while not stop.is_set():
            life = asyncio.create_task(_one(settings, ended))
            await asyncio.wait((life, ended), return_when=asyncio.FIRST_COMPLETED)
            try:
                await life
            except LeadershipLost as error:
                say(str(error))
                lost = True
            except SettingsError as error:
                if not lost:
                    raise
                say(str(error))  # what was right before is mended by waiting
                await asyncio.wait((ended,), timeout=AGAIN_S)
    say("Stopped.")


async def _one(settings: Settings, ended: asyncio.Future[Any]) -> None:
    """One life of the bot, until it is to end or another may lead; in the latter case LeadershipLost."""

    def standing_by(port: int) -> None:
        say(f"Standing by. Health: http://{settings.http_host}:{port}/healthz. Ctrl-C stops it.")
        waiting = asyncio.current_task()
        assert waiting is not None
        ended.add_done_callback(lambda _: None if fatal is not None else waiting.cancel())

    fatal: asyncio.Future[None] | None = None
    try:
        async with running(settings, standing_by=standing_by) as bot:
            fatal = bot.fatal
            say(f"Running. Health: http://{settings.http_host}:{bot.http_port}/healthz. Ctrl-C stops it.")
            await asyncio.wait((ended, fatal), return_when=asyncio.FIRST_COMPLETED)
            if fatal.done():
                fatal.result()
    except asyncio.CancelledError:
        if not ended.done():
            raise
    except Exception as error:
        # Without its database a life does not end cleanly either; why it ended is what counts.
        cause = fatal.exception() if fatal is not None and fatal.done() and not fatal.cancelled() else None
        if isinstance(cause, LeadershipLost) and error is not cause:
            raise cause from error
        raise
