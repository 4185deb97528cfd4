"""Which session continues one that the same person's next sign-in ended."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; it is empty for every session that is there."""
    op.add_column("sessions", sa.Column("continued_by", sa.Uuid(), nullable=True))


def downgrade() -> None:
    """Remove it."""
    with op.batch_alter_table("sessions") as batch:
        batch.drop_column("continued_by")
