"""Runs revisions on the connection handed in by `bot.db.schema`, inside its transaction.

SQLite cannot alter a table in place, so batch mode rebuilds it; the names of constraints come from the
tables' naming convention, so that a revision can drop what it names.
"""

from __future__ import annotations

from alembic import context

from bot.db.base import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
