"""Whose activation it is, so that only the newest of a number counts."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; it is empty for the slips that are out, which count as before."""
    op.add_column("activations", sa.Column("number_index", sa.LargeBinary(), nullable=True))
    op.create_index("ix_activations_number_index", "activations", ["number_index"])


def downgrade() -> None:
    """Remove it."""
    op.drop_index("ix_activations_number_index", "activations")
    with op.batch_alter_table("activations") as batch:
        batch.drop_column("number_index")
