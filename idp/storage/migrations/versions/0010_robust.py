"""When a bound certificate was last asked about: what the background check goes by."""

import sqlalchemy as sa
from alembic import op

import idp.storage.models

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_LIVE = sa.text("removed_at IS NULL")


def upgrade() -> None:
    """Add one column that may be empty; certificates that are there count from their binding."""
    moment = idp.storage.models.Moment()
    op.add_column("credentials", sa.Column("checked_at", moment, nullable=True))
    op.execute("UPDATE credentials SET checked_at = added_at WHERE issuer <> ''")
    op.create_index(
        "ix_credentials_checked",
        "credentials",
        ["checked_at"],
        sqlite_where=_LIVE,
        postgresql_where=_LIVE,
    )


def downgrade() -> None:
    """Remove it."""
    op.drop_index("ix_credentials_checked", "credentials")
    op.drop_column("credentials", "checked_at")
