"""Settings of a server, how a watch tells, and the parts that were seen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("guilds") as guilds:
        guilds.add_column(sa.Column("settings", sa.Text(), server_default="{}", nullable=False))
        guilds.add_column(sa.Column("left_at", sa.DateTime(timezone=True), nullable=True))

    with op.batch_alter_table("watches") as watches:
        watches.add_column(sa.Column("delivery", sa.Text(), server_default="{}", nullable=False))
        watches.add_column(sa.Column("paused_reason", sa.Text(), nullable=True))

    with op.batch_alter_table("alerts") as alerts:
        alerts.add_column(sa.Column("held_until", sa.DateTime(timezone=True), nullable=True))
        alerts.create_index(op.f("ix_alerts_watch_id_queued_at"), ["watch_id", "queued_at"])

    op.create_table(
        "parts",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parts")),
    )
    # Only what might pay is ever counted for thresholds: a few in a hundred of all predictions.
    op.create_index(
        "ix_predictions_promising_at",
        "predictions",
        ["at", "net_usd"],
        sqlite_where=sa.text("net_usd >= 0"),
        postgresql_where=sa.text("net_usd >= 0"),
    )


def downgrade() -> None:
    op.drop_index("ix_predictions_promising_at", table_name="predictions")
    op.drop_table("parts")
    with op.batch_alter_table("alerts") as alerts:
        alerts.drop_index(op.f("ix_alerts_watch_id_queued_at"))
        alerts.drop_column("held_until")
    with op.batch_alter_table("watches") as watches:
        watches.drop_column("paused_reason")
        watches.drop_column("delivery")
    with op.batch_alter_table("guilds") as guilds:
        guilds.drop_column("left_at")
        guilds.drop_column("settings")
