"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# SQLite numbers rows by itself only in a column declared INTEGER.
row_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "audit_log",
        sa.Column("id", row_id, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=True),
        sa.Column("actor", sa.BigInteger(), nullable=True),
        sa.Column("action", sa.String(length=50), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
    )
    op.create_index(op.f("ix_audit_log_guild_id_id"), "audit_log", ["guild_id", "id"])

    op.create_table(
        "guilds",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("known_since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guilds")),
    )
    op.create_table(
        "listings",
        sa.Column("hash", sa.String(length=80), nullable=False),
        sa.Column("axie_id", sa.BigInteger(), nullable=False),
        sa.Column("token", sa.String(length=8), nullable=False),
        sa.Column("base", sa.String(length=78), nullable=False),
        sa.Column("ended", sa.String(length=78), nullable=False),
        sa.Column("status", sa.String(length=40), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_listings")),
    )
    op.create_index(op.f("ix_listings_axie_id"), "listings", ["axie_id"])
    op.create_index(op.f("ix_listings_seen_at"), "listings", ["seen_at"])
    op.create_index(op.f("ix_listings_status_checked_at"), "listings", ["status", "checked_at"])

    op.create_table(
        "training_runs",
        sa.Column("id", row_id, nullable=False),
        sa.Column("requested_by", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("stage", sa.String(length=100), nullable=False),
        sa.Column("fraction", sa.Double(), nullable=False),
        sa.Column("version", sa.String(length=100), nullable=True),
        sa.Column("report", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_training_runs")),
    )
    op.create_index(op.f("ix_training_runs_state"), "training_runs", ["state"])

    op.create_table(
        "watcher_state",
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_watcher_state")),
    )
    op.create_table(
        "model_versions",
        sa.Column("version", sa.String(length=100), nullable=False),
        sa.Column("run_id", row_id, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("report", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["training_runs.id"],
            name=op.f("fk_model_versions_run_id_training_runs"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_model_versions")),
    )
    op.create_index(op.f("ix_model_versions_run_id"), "model_versions", ["run_id"])

    op.create_table(
        "outcomes",
        sa.Column("listing_hash", sa.String(length=80), nullable=False),
        sa.Column("status", sa.String(length=40), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["listing_hash"],
            ["listings.hash"],
            name=op.f("fk_outcomes_listing_hash_listings"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("listing_hash", name=op.f("pk_outcomes")),
    )
    op.create_index(op.f("ix_outcomes_at"), "outcomes", ["at"])

    op.create_table(
        "predictions",
        sa.Column("listing_hash", sa.String(length=80), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("model_version", sa.String(length=100), nullable=False),
        sa.Column("ask_usd", sa.Double(), nullable=False),
        sa.Column("resale_usd", sa.Double(), nullable=False),
        sa.Column("low_usd", sa.Double(), nullable=False),
        sa.Column("high_usd", sa.Double(), nullable=False),
        sa.Column("net_usd", sa.Double(), nullable=False),
        sa.Column("return", sa.Double(), nullable=False),
        sa.Column("probability", sa.Double(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["listing_hash"],
            ["listings.hash"],
            name=op.f("fk_predictions_listing_hash_listings"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("listing_hash", name=op.f("pk_predictions")),
    )
    op.create_index(op.f("ix_predictions_at"), "predictions", ["at"])
    op.create_index(op.f("ix_predictions_model_version"), "predictions", ["model_version"])

    op.create_table(
        "watches",
        sa.Column("id", row_id, nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("name_key", sa.String(length=200), nullable=False),
        sa.Column("thresholds", sa.Text(), nullable=False),
        sa.Column("filters", sa.Text(), nullable=False),
        sa.Column("created_by", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["guild_id"], ["guilds.id"], name=op.f("fk_watches_guild_id_guilds"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_watches")),
        sa.UniqueConstraint("guild_id", "name_key", name=op.f("uq_watches_guild_id_name_key")),
    )
    op.create_table(
        "alerts",
        sa.Column("id", row_id, nullable=False),
        sa.Column("watch_id", row_id, nullable=True),
        sa.Column("listing_hash", sa.String(length=80), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("watch_name", sa.String(length=100), nullable=False),
        sa.Column("nonce", sa.String(length=25), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["listing_hash"],
            ["predictions.listing_hash"],
            name=op.f("fk_alerts_listing_hash_predictions"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["watch_id"], ["watches.id"], name=op.f("fk_alerts_watch_id_watches"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
        sa.UniqueConstraint("nonce", name=op.f("uq_alerts_nonce")),
        sa.UniqueConstraint("watch_id", "listing_hash", name=op.f("uq_alerts_watch_id_listing_hash")),
    )
    op.create_index(op.f("ix_alerts_guild_id_state"), "alerts", ["guild_id", "state"])
    op.create_index(op.f("ix_alerts_listing_hash_guild_id"), "alerts", ["listing_hash", "guild_id"])
    op.create_index(op.f("ix_alerts_state_next_attempt_at"), "alerts", ["state", "next_attempt_at"])


def downgrade() -> None:
    op.drop_table("alerts")
    op.drop_table("watches")
    op.drop_table("predictions")
    op.drop_table("outcomes")
    op.drop_table("model_versions")
    op.drop_table("watcher_state")
    op.drop_table("training_runs")
    op.drop_table("listings")
    op.drop_table("guilds")
    op.drop_table("audit_log")
