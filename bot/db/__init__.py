"""The database: tables, one engine for the process, and the schema's migrations."""

from bot.db import lookback, process, servers, tables  # noqa: F401 - the schema is the tables of all
from bot.db.database import Database
from bot.db.schema import current, head, upgrade

__all__ = ["Database", "current", "head", "upgrade"]
