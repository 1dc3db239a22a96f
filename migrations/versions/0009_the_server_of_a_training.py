"""Which server a training was asked for on, so that its traces go with the server's data.

Servers that are in the log of changes alone are known from here on, for only a known one is forgotten once
it has taken the bot off.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("training_runs", sa.Column("guild_id", sa.BigInteger(), nullable=True))
    op.execute(
        "UPDATE training_runs SET guild_id = (SELECT min(guild_id) FROM audit_log"
        " WHERE action = 'training started' AND subject = 'run ' || CAST(training_runs.id AS VARCHAR(20)))"
    )
    # What is left without a server was asked for by the schedule, or on one whose data is deleted.
    op.execute(
        "UPDATE training_runs SET requested_by = NULL, channel_id = NULL, message_id = NULL"
        " WHERE guild_id IS NULL"
    )
    op.execute(
        "UPDATE training_runs SET error = 'it was cancelled' WHERE guild_id IS NULL AND state = 'cancelled'"
    )
    op.execute(
        "INSERT INTO guilds (id, known_since)"
        " SELECT guild_id, min(at) FROM audit_log"
        " WHERE action <> 'data deleted' AND guild_id IS NOT NULL AND guild_id NOT IN (SELECT id FROM guilds)"
        " GROUP BY guild_id"
    )


def downgrade() -> None:
    with op.batch_alter_table("training_runs") as runs:
        runs.drop_column("guild_id")
