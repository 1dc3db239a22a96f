"""What can be told in no channel of a server goes to a person directly."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("announcements") as announcements:
        announcements.add_column(sa.Column("user_id", sa.BigInteger(), nullable=True))
        announcements.alter_column("channel_id", existing_type=sa.BigInteger(), nullable=True)


def downgrade() -> None:
    op.execute("DELETE FROM announcements WHERE channel_id IS NULL")
    with op.batch_alter_table("announcements") as announcements:
        announcements.alter_column("channel_id", existing_type=sa.BigInteger(), nullable=False)
        announcements.drop_column("user_id")
