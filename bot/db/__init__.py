"""The database: tables, one engine for the process, and the schema's migrations."""

from bot.db import lookback as _lookback  # noqa: F401 - its tables belong to the schema too
from bot.db.database import Database
from bot.db.schema import current, head, upgrade

__all__ = ["Database", "current", "head", "upgrade"]
