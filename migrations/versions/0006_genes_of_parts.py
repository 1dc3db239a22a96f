"""Which gene shows as which part, so that recessive genes can be told by their parts' names."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("parts") as parts:
        parts.add_column(sa.Column("gene", sa.String(length=30), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("parts") as parts:
        parts.drop_column("gene")
