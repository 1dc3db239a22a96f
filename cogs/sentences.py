"""A sentence for every error that is expected: what went wrong, and what the person can do about it."""

from __future__ import annotations

from typing import Final

from discord import app_commands

from bot.errors import AxieflipError
from cogs import format as fmt
from pipeline.market.errors import MarketError, MarketUnavailable

_RENAMED: Final = {"manage_guild": "Manage Server", "read_messages": "View Channel"}


class Refused(app_commands.AppCommandError):
    """An error whose message is the sentence to show."""


def sentence(error: BaseException) -> str | None:
    """The sentence for an expected error; None for one that nobody foresaw."""
    match error:
        case AxieflipError() | Refused():
            return _as_sentence(str(error))
        case MarketUnavailable():
            return "The marketplace does not answer right now. Try again in a minute."
        case MarketError():
            return f"The marketplace cannot be asked: {fmt.plain(str(error), 300)}"
        case app_commands.MissingPermissions(missing_permissions=names):
            return f"You need the {_permissions(names)} permission for this. Ask somebody who has it."
        case app_commands.BotMissingPermissions(missing_permissions=names):
            return f"I need the {_permissions(names)} permission here. Grant it and try again."
        case app_commands.CommandOnCooldown(retry_after=seconds):
            return f"That was quick. Try again in {fmt.age(seconds + 1)}."
        case app_commands.NoPrivateMessage():
            return "This works only on a server, not in direct messages."
        case app_commands.TransformerError(value=value):
            return f"I cannot use “{fmt.plain(str(value), 80)}” here. Pick something that I can see."
        case app_commands.CommandSignatureMismatch() | app_commands.CommandNotFound():
            return "This command has changed since Discord last showed it. Reload Discord and try again."
        case app_commands.CheckFailure():
            return "You may not use this command here."
        case _:
            return None


def _as_sentence(text: str) -> str:
    # The command line shows the same messages after a colon, in lower case and without a full stop.
    # What somebody typed may stand in it.
    text = (
        (text[:1].upper() + text[1:]).replace("@everyone", "@\u200beveryone").replace("@here", "@\u200bhere")
    )
    return text if text.endswith((".", "!", "?", "`", "…")) else f"{text}."


def _permissions(names: list[str]) -> str:
    return " and ".join(permission_name(name) for name in names)


def permission_name(name: str) -> str:
    """A permission as Discord's own settings call it: `manage_guild` is `Manage Server`."""
    return _RENAMED.get(name) or name.replace("_", " ").title()
