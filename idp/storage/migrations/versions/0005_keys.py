"""What a method keeps with a credential: public keys of passkeys, secrets of apps."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add one column that may be empty."""
    op.add_column("credentials", sa.Column("kept_sealed", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    """Remove it."""
    op.drop_column("credentials", "kept_sealed")
