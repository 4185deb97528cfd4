"""Clients that a federation vouches for end with their chain (OpenID Federation, 12.3)."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add one column that may be empty."""
    op.add_column("clients", sa.Column("expires_at", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """Remove it."""
    op.drop_column("clients", "expires_at")
