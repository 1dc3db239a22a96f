"""Which errors mean that something outside cannot be reached or refuses: for these a sentence is enough.

A traceback tells nothing of a service that is down but where we asked it; everything else is a fault, whose
traceback is wanted.
"""

from __future__ import annotations

from typing import Final

# By name, so that a command that only logs loads none of these libraries.
NAMES: Final = frozenset(
    {
        "aiohttp.client_exceptions.ClientError",
        "discord.errors.ConnectionClosed",
        "discord.errors.DiscordServerError",
        "discord.errors.GatewayNotFound",
        "pipeline.market.errors.MarketError",
        "pipeline.objects.base.StoreError",
        "sqlalchemy.exc.InterfaceError",
        "sqlalchemy.exc.OperationalError",
    }
)


def is_outage(error: BaseException) -> bool:
    """Whether the error says that a service, the network, a disk or the database does not do its part."""
    kinds = (f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__)
    return isinstance(error, OSError) or not NAMES.isdisjoint(kinds)


def in_a_line(error: BaseException) -> str:
    """The error's kind and the first line of what it says."""
    said = str(error).strip().partition("\n")[0].rstrip()
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
