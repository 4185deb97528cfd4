"""Requests that are answered on another device (RFC 8628; CIBA)."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "decoupled_requests",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_code_index", sa.LargeBinary(), nullable=True, unique=True),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), sa.ForeignKey("accounts.id"), nullable=True),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("asked_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("remote_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("proved_json", sa.Text(), nullable=True),
        sa.Column("interval_ms", sa.Integer(), nullable=False),
        sa.Column("early", sa.Boolean(), nullable=False),
        sa.Column("polled_at", sa.BigInteger(), nullable=True),
        sa.Column("run_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
    )
    for column in ("account_id", "run_at", "expires_at"):
        op.create_index(f"ix_decoupled_requests_{column}", "decoupled_requests", [column])
    op.create_table(
        "known_subjects",
        sa.Column("client_id", sa.Text(), primary_key=True),
        sa.Column("sub", sa.Text(), primary_key=True),
        sa.Column("account_id", sa.Uuid(), sa.ForeignKey("accounts.id"), nullable=False),
    )
    op.create_index("ix_known_subjects_account_id", "known_subjects", ["account_id"])


def downgrade() -> None:
    """Remove them."""
    op.drop_table("known_subjects")
    op.drop_table("decoupled_requests")
