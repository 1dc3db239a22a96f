"""Predictions by class and collection, the market's sales and floors, announcements, digests."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa
from alembic import op

from pipeline.market.traits import collection
from pipeline.market.values import Listing

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

row_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BATCH = 1000


def upgrade() -> None:
    with op.batch_alter_table("training_runs") as batch:
        batch.add_column(sa.Column("channel_id", sa.BigInteger(), nullable=True))
        batch.add_column(sa.Column("message_id", sa.BigInteger(), nullable=True))
    op.create_index(op.f("ix_alerts_guild_id_id"), "alerts", ["guild_id", "id"])
    op.create_index(op.f("ix_alerts_watch_id_id"), "alerts", ["watch_id", "id"])

    with op.batch_alter_table("predictions") as batch:
        batch.add_column(sa.Column("class", sa.String(length=16), nullable=True))
        batch.add_column(sa.Column("collection", sa.String(length=16), nullable=True))
    _tell_classes()
    with op.batch_alter_table("predictions") as batch:
        batch.alter_column("class", existing_type=sa.String(length=16), nullable=False)
        batch.drop_index("ix_predictions_at")
        batch.create_index("ix_predictions_at_listing_hash_net_usd", ["at", "listing_hash", "net_usd"])
        batch.create_index(
            "ix_predictions_class_at_listing_hash_net_usd", ["class", "at", "listing_hash", "net_usd"]
        )
        batch.create_index(
            "ix_predictions_collection_at_listing_hash_net_usd",
            ["collection", "at", "listing_hash", "net_usd"],
        )

    op.create_table(
        "sales",
        sa.Column("id", sa.String(length=120), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("axie_id", sa.BigInteger(), nullable=False),
        sa.Column("class", sa.String(length=16), nullable=False),
        sa.Column("collection", sa.String(length=16), nullable=True),
        sa.Column("price_usd", sa.Double(), nullable=False),
        sa.Column("forecast_usd", sa.Double(), nullable=True),
        sa.Column("low_usd", sa.Double(), nullable=True),
        sa.Column("high_usd", sa.Double(), nullable=True),
        sa.Column("model_version", sa.String(length=100), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sales")),
    )
    op.create_index(op.f("ix_sales_axie_id"), "sales", ["axie_id"])
    op.create_index(
        op.f("ix_sales_hour_class_collection_price_usd"),
        "sales",
        ["hour", "class", "collection", "price_usd"],
    )
    op.create_index(op.f("ix_sales_model_version_hour"), "sales", ["model_version", "hour"])

    op.create_table(
        "floors",
        sa.Column("group", sa.String(length=40), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("floor_usd", sa.Double(), nullable=True),
        sa.Column("listed", sa.Integer(), nullable=True),
        sa.Column("level_usd", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("group", "at", name=op.f("pk_floors")),
    )

    op.create_table(
        "announcements",
        sa.Column("id", row_id, nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("nonce", sa.String(length=25), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_announcements")),
        sa.UniqueConstraint("key", name=op.f("uq_announcements_key")),
    )
    op.create_index(op.f("ix_announcements_guild_id"), "announcements", ["guild_id"])
    op.create_index(
        op.f("ix_announcements_state_next_attempt_at"), "announcements", ["state", "next_attempt_at"]
    )

    op.create_table(
        "conditions",
        sa.Column("id", row_id, nullable=False),
        sa.Column("key", sa.String(length=60), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("mended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conditions")),
    )
    op.create_index(op.f("ix_conditions_mended_at_key"), "conditions", ["mended_at", "key"])

    op.create_table(
        "digests",
        sa.Column("watch_id", row_id, autoincrement=False, nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["watch_id"], ["watches.id"], name=op.f("fk_digests_watch_id_watches"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("watch_id", name=op.f("pk_digests")),
    )
    op.create_index(op.f("ix_digests_next_at"), "digests", ["next_at"])


def downgrade() -> None:
    for table in ("digests", "conditions", "announcements", "floors", "sales"):
        op.drop_table(table)
    with op.batch_alter_table("predictions") as batch:
        for columns in ("at", "class_at", "collection_at"):
            batch.drop_index(f"ix_predictions_{columns}_listing_hash_net_usd")
        batch.drop_column("collection")
        batch.drop_column("class")
        batch.create_index("ix_predictions_at", ["at"])
    op.drop_index(op.f("ix_alerts_watch_id_id"), "alerts")
    op.drop_index(op.f("ix_alerts_guild_id_id"), "alerts")
    with op.batch_alter_table("training_runs") as batch:
        batch.drop_column("message_id")
        batch.drop_column("channel_id")


def _tell_classes() -> None:
    """Read class and collection from what is stored of each listing; a collection is no column of it."""
    connection = op.get_bind()
    read = sa.text(
        "SELECT p.listing_hash, l.body FROM predictions p JOIN listings l ON l.hash = p.listing_hash "
        "WHERE p.listing_hash > :after ORDER BY p.listing_hash LIMIT :batch"
    )
    write = sa.text("UPDATE predictions SET class = :class_, collection = :kind WHERE listing_hash = :hash_")
    after = ""
    while rows := connection.execute(read, {"after": after, "batch": BATCH}).all():
        axies = [(hash_, msgspec.json.decode(body, type=Listing).axie) for hash_, body in rows]
        connection.execute(
            write,
            [{"hash_": hash_, "class_": axie.class_, "kind": collection(axie)} for hash_, axie in axies],
        )
        after = rows[-1][0]
