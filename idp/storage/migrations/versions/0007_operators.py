"""Operators with their roles, the console's sessions, and accounts that an operator stopped."""

import sqlalchemy as sa
from alembic import op

from idp.storage.models import Moment

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_STANDING = sa.text("removed_at IS NULL")


def upgrade() -> None:
    """Add two tables and one column that may be empty."""
    op.create_table(
        "operators",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("added_at", Moment(), nullable=False),
        sa.Column("removed_by", sa.Text(), nullable=True),
        sa.Column("removed_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "uq_operators_account_role",
        "operators",
        ["account_id", "role"],
        unique=True,
        sqlite_where=_STANDING,
        postgresql_where=_STANDING,
    )
    op.create_table(
        "operator_sessions",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("opened_at", Moment(), nullable=False),
        sa.Column("last_seen_at", Moment(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("session_id"),
    )
    op.create_index("ix_operator_sessions_expires_at", "operator_sessions", ["expires_at"])
    op.add_column("accounts", sa.Column("stopped_at", Moment(), nullable=True))


def downgrade() -> None:
    """Remove them."""
    op.drop_column("accounts", "stopped_at")
    op.drop_table("operator_sessions")
    op.drop_table("operators")
