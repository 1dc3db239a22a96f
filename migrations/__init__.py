"""Alembic revisions of the database in `bot.db`. They are run by `bot.db.upgrade`, not by hand."""
