"""When the falling price of an auction is to be weighed again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("listings", sa.Column("weigh_at", sa.DateTime(timezone=True), nullable=True))
    there = sa.text("weigh_at IS NOT NULL")
    op.create_index(
        "ix_listings_weigh_at", "listings", ["weigh_at"], sqlite_where=there, postgresql_where=there
    )
    # Whatever stands and may be falling is looked at once; the bot then knows when to look next.
    op.execute(
        "UPDATE listings SET weigh_at = seen_at WHERE status = 'Open' AND ended <> '0' AND ended <> base"
    )


def downgrade() -> None:
    op.drop_index("ix_listings_weigh_at", "listings")
    with op.batch_alter_table("listings") as listings:
        listings.drop_column("weigh_at")
