"""Activations of the post offices, and complaints."""

import sqlalchemy as sa
from alembic import op

import idp.storage.models

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add two tables; nothing that exists is changed."""
    op.create_table(
        "activations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key_index", sa.LargeBinary(), nullable=False),
        sa.Column("record_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", idp.storage.models.Moment(), nullable=False),
        sa.Column("expires_at", idp.storage.models.Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key_index"),
    )
    op.create_index("ix_activations_expires_at", "activations", ["expires_at"])
    op.create_table(
        "complaints",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("ticket_index", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("content_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", idp.storage.models.Moment(), nullable=False),
        sa.Column("updated_at", idp.storage.models.Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("ticket_index"),
    )
    op.create_index("ix_complaints_status", "complaints", ["status"])


def downgrade() -> None:
    """Remove them."""
    op.drop_table("complaints")
    op.drop_table("activations")
