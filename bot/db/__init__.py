"""The database: tables, one engine for the process, and the schema's migrations."""

from bot.db.database import Database
from bot.db.schema import current, head, upgrade

__all__ = ["Database", "current", "head", "upgrade"]
