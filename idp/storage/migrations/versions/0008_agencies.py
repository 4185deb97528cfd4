"""The agency directory, certificates that wait for a code, and what operators bound."""

import sqlalchemy as sa
from alembic import op

from idp.storage.models import Moment

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add two tables."""
    op.create_table(
        "agencies",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("original", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("parent", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("budget_code", sa.Text(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("code"),
    )
    op.create_index("ix_agencies_name_key", "agencies", ["name_key"])
    op.create_index("ix_agencies_budget_code", "agencies", ["budget_code"])
    op.create_table(
        "agency_bindings",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("subject_json", sa.Text(), nullable=False),
        sa.Column("asked_at", Moment(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("bound_by", sa.Uuid(), nullable=True),
        sa.Column("bound_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["code"], ["agencies.code"]),
        sa.ForeignKeyConstraint(["bound_by"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("key"),
    )


def downgrade() -> None:
    """Remove them."""
    op.drop_table("agency_bindings")
    op.drop_table("agencies")
