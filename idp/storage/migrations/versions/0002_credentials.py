"""Certificates and keys that open an account."""

import sqlalchemy as sa
from alembic import op

import idp.storage.models

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_LIVE = sa.text("removed_at IS NULL")


def upgrade() -> None:
    """Add the table; nothing that exists is changed."""
    op.create_table(
        "credentials",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("evidence_id", sa.Uuid(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("key_index", sa.LargeBinary(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("details_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", idp.storage.models.Moment(), nullable=True),
        sa.Column("added_at", idp.storage.models.Moment(), nullable=False),
        sa.Column("removed_at", idp.storage.models.Moment(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.ForeignKeyConstraint(["evidence_id"], ["evidence.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_credentials_account_id", "credentials", ["account_id"])
    op.create_index(
        "uq_credentials_key",
        "credentials",
        ["key_index"],
        unique=True,
        sqlite_where=_LIVE,
        postgresql_where=_LIVE,
    )


def downgrade() -> None:
    """Remove it."""
    op.drop_table("credentials")
