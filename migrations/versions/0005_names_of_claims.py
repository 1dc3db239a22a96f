"""Who claimed an alert, by name: a mention in an embed is a number to whoever has not met the person."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("claims") as claims:
        name = sa.Column("name", sa.String(length=100), server_default="somebody", nullable=False)
        claims.add_column(name)


def downgrade() -> None:
    with op.batch_alter_table("claims") as claims:
        claims.drop_column("name")
