"""Streams of security events, what waits in them, and the sessions that a worker has to end."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables, and find open sessions by their two ends."""
    op.create_table(
        "streams",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("is_push", sa.Boolean(), nullable=False),
        sa.Column("endpoint_url", sa.Text(), nullable=False),
        sa.Column("authorization_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("events_requested", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("active_at", sa.BigInteger(), nullable=False),
        sa.Column("verified_at", sa.BigInteger(), nullable=True),
        sa.Column("run_at", sa.BigInteger(), nullable=False),
        sa.Column("locked_until", sa.BigInteger(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
    )
    op.create_index("uq_streams_slot", "streams", ["client_id", "slot"], unique=True)
    op.create_table(
        "removed_subjects",
        sa.Column(
            "stream_id",
            sa.Uuid(),
            sa.ForeignKey("streams.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("sub", sa.Text(), primary_key=True),
    )
    op.create_table(
        "signals",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column(
            "stream_id",
            sa.Uuid(),
            sa.ForeignKey("streams.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_signals_stream_id", "signals", ["stream_id", "id"])
    op.create_index("ix_signals_at", "signals", ["at"])
    for column in ("expires_at", "last_seen_at"):
        op.create_index(
            f"ix_sessions_open_{column}",
            "sessions",
            [column],
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )


def downgrade() -> None:
    """Remove them."""
    for column in ("expires_at", "last_seen_at"):
        op.drop_index(f"ix_sessions_open_{column}", "sessions")
    for table in ("signals", "removed_subjects", "streams"):
        op.drop_table(table)
