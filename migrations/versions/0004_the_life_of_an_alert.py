"""Posts of several alerts, what alerts follow, claims, mutes, and what sold listings came to on paper."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

row_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
time = sa.DateTime(timezone=True)


def upgrade() -> None:
    _listings()
    _outcomes()
    _posts()
    _alerts()
    op.create_table(
        "claims",
        sa.Column("alert_id", row_id, autoincrement=False, nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("at", time, nullable=False),
        sa.ForeignKeyConstraint(
            ["alert_id"], ["alerts.id"], name=op.f("fk_claims_alert_id_alerts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("alert_id", name=op.f("pk_claims")),
    )
    op.create_table(
        "mutes",
        sa.Column("id", row_id, nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("value", sa.String(length=400), nullable=False),
        sa.Column("label", sa.String(length=100), nullable=False),
        sa.Column("until", time, nullable=False),
        sa.Column("created_by", sa.BigInteger(), nullable=False),
        sa.Column("created_at", time, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mutes")),
    )
    op.create_index(op.f("ix_mutes_until"), "mutes", ["until"])
    op.create_index(op.f("ix_mutes_guild_id"), "mutes", ["guild_id"])
    with op.batch_alter_table("sales") as batch:
        batch.add_column(sa.Column("seller", sa.String(length=80), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("sales") as batch:
        batch.drop_column("seller")
    op.drop_table("mutes")
    op.drop_table("claims")
    with op.batch_alter_table("alerts") as batch:
        batch.add_column(sa.Column("nonce", sa.String(length=25), nullable=True))
        batch.add_column(sa.Column("message_id", sa.BigInteger(), nullable=True))
    # Alerts that shared a post get nonces of their own again.
    op.execute(
        "UPDATE alerts SET nonce = 'alert-' || id, "
        "message_id = (SELECT message_id FROM posts WHERE posts.id = alerts.post_id)"
    )
    with op.batch_alter_table("alerts") as batch:
        batch.drop_index("ix_alerts_current_hash")
        batch.drop_index("ix_alerts_post_id")
        batch.drop_constraint("fk_alerts_current_hash_listings", type_="foreignkey")
        batch.drop_constraint("fk_alerts_post_id_posts", type_="foreignkey")
        for column in ("post_id", "current_hash", "clears", "was_usd", "late"):
            batch.drop_column(column)
        batch.alter_column("nonce", existing_type=sa.String(length=25), nullable=False)
        batch.create_unique_constraint("uq_alerts_nonce", ["nonce"])
    op.drop_table("posts")
    with op.batch_alter_table("outcomes") as batch:
        batch.drop_index("ix_outcomes_axie_id")
        for column in ("axie_id", "sold_usd", "net_usd", "basis", "resale_usd", "resold_at"):
            batch.drop_column(column)
    with op.batch_alter_table("listings") as batch:
        batch.drop_index("ix_listings_status_alerted_next_check_at")
        batch.drop_column("alerted")
        batch.alter_column("next_check_at", new_column_name="checked_at", existing_type=time)
    with op.batch_alter_table("listings") as batch:
        batch.create_index("ix_listings_status_checked_at", ["status", "checked_at"])


def _listings() -> None:
    with op.batch_alter_table("listings") as batch:
        batch.add_column(sa.Column("alerted", sa.Boolean(), nullable=True))
        batch.drop_index("ix_listings_status_checked_at")
        batch.alter_column("checked_at", new_column_name="next_check_at", existing_type=time)
    op.execute(
        sa.text(
            "UPDATE listings SET alerted = EXISTS "
            "(SELECT 1 FROM alerts WHERE alerts.listing_hash = listings.hash)"
        )
    )
    with op.batch_alter_table("listings") as batch:
        batch.alter_column("alerted", existing_type=sa.Boolean(), nullable=False)
        batch.create_index("ix_listings_status_alerted_next_check_at", ["status", "alerted", "next_check_at"])


def _outcomes() -> None:
    with op.batch_alter_table("outcomes") as batch:
        batch.add_column(sa.Column("axie_id", sa.BigInteger(), nullable=True))
        batch.add_column(sa.Column("sold_usd", sa.Double(), nullable=True))
        batch.add_column(sa.Column("net_usd", sa.Double(), nullable=True))
        batch.add_column(sa.Column("basis", sa.String(length=10), nullable=True))
        batch.add_column(sa.Column("resale_usd", sa.Double(), nullable=True))
        batch.add_column(sa.Column("resold_at", time, nullable=True))
    op.execute(
        "UPDATE outcomes SET axie_id = "
        "(SELECT axie_id FROM listings WHERE listings.hash = outcomes.listing_hash)"
    )
    with op.batch_alter_table("outcomes") as batch:
        batch.alter_column("axie_id", existing_type=sa.BigInteger(), nullable=False)
        batch.create_index("ix_outcomes_axie_id", ["axie_id"])


def _posts() -> None:
    """Each alert of before is a post of its own, under the nonce that it had."""
    op.create_table(
        "posts",
        sa.Column("id", row_id, nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("nonce", sa.String(length=25), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("edit_at", time, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_posts")),
        sa.UniqueConstraint("nonce", name=op.f("uq_posts_nonce")),
    )
    op.create_index(op.f("ix_posts_edit_at"), "posts", ["edit_at"])
    op.create_index(op.f("ix_posts_guild_id"), "posts", ["guild_id"])
    op.execute(
        "INSERT INTO posts (guild_id, channel_id, nonce, message_id, revision) "
        "SELECT guild_id, channel_id, nonce, message_id, 0 FROM alerts ORDER BY id"
    )


def _alerts() -> None:
    with op.batch_alter_table("alerts") as batch:
        batch.add_column(sa.Column("post_id", row_id, nullable=True))
        batch.add_column(sa.Column("current_hash", sa.String(length=80), nullable=True))
        batch.add_column(sa.Column("clears", sa.Boolean(), nullable=True))
        batch.add_column(sa.Column("was_usd", sa.Double(), nullable=True))
        batch.add_column(sa.Column("late", sa.Text(), nullable=True))
    op.execute(
        sa.text(
            "UPDATE alerts SET current_hash = listing_hash, clears = :yes, "
            "post_id = (SELECT id FROM posts WHERE posts.nonce = alerts.nonce)"
        ).bindparams(yes=True)
    )
    with op.batch_alter_table("alerts") as batch:
        batch.alter_column("post_id", existing_type=row_id, nullable=False)
        batch.alter_column("current_hash", existing_type=sa.String(length=80), nullable=False)
        batch.alter_column("clears", existing_type=sa.Boolean(), nullable=False)
        batch.drop_constraint("uq_alerts_nonce", type_="unique")
        batch.drop_column("nonce")
        batch.drop_column("message_id")
        batch.create_foreign_key("fk_alerts_post_id_posts", "posts", ["post_id"], ["id"], ondelete="CASCADE")
        batch.create_foreign_key(
            "fk_alerts_current_hash_listings", "listings", ["current_hash"], ["hash"], ondelete="CASCADE"
        )
        batch.create_index("ix_alerts_current_hash", ["current_hash"])
        batch.create_index("ix_alerts_post_id", ["post_id"])
