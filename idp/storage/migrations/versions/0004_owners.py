"""What the owner of an account decides: switches, freezing, closing, recovery."""

import sqlalchemy as sa
from alembic import op

from idp.storage.models import Moment

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_STANDING = sa.text("retired_at IS NULL")


def upgrade() -> None:
    """Add columns with defaults, so that the version before goes on working beside us."""
    for column in (
        sa.Column("language", sa.Text(), server_default="vi", nullable=False),
        sa.Column("allows_sms", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("asks_new_portals", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("frozen_at", Moment(), nullable=True),
        sa.Column("held_until", Moment(), nullable=True),
        sa.Column("closes_at", Moment(), nullable=True),
    ):
        op.add_column("accounts", column)
    op.create_index("ix_accounts_closes_at", "accounts", ["closes_at"])
    op.add_column("phones", sa.Column("replaced_by", sa.Uuid(), nullable=True))
    # The number of a closed account may open another one.
    op.drop_index("uq_identifiers_kind_value", "identifiers")
    op.create_index(
        "uq_identifiers_kind_value",
        "identifiers",
        ["kind", "value_index"],
        unique=True,
        sqlite_where=_STANDING,
        postgresql_where=_STANDING,
    )
    op.create_table(
        "recoveries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("key_index", sa.LargeBinary(), nullable=False),
        sa.Column("vouched_by", sa.Text(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.Column("used_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key_index"),
    )
    op.create_index("ix_recoveries_account_id", "recoveries", ["account_id"])
    op.create_index("ix_recoveries_expires_at", "recoveries", ["expires_at"])


def downgrade() -> None:
    """Remove them."""
    op.drop_table("recoveries")
    op.drop_index("uq_identifiers_kind_value", "identifiers")
    op.create_index(
        "uq_identifiers_kind_value", "identifiers", ["kind", "value_index"], unique=True
    )
    op.drop_column("phones", "replaced_by")
    op.drop_index("ix_accounts_closes_at", "accounts")
    names = ("closes_at", "held_until", "frozen_at", "asks_new_portals", "allows_sms", "language")
    for name in names:
        op.drop_column("accounts", name)
