"""Since when a number is reported lost; and by whose phone a complaint is found.

No code that resets a password goes to a lost number. Complaints that stand without an index are not
in the claimant's own data, only behind their ticket number, as before.
"""

import sqlalchemy as sa
from alembic import op

from idp.storage.models import Moment

revision = "0023"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; nothing is lost yet."""
    op.add_column("phones", sa.Column("lost_at", Moment(), nullable=True))
    op.add_column("complaints", sa.Column("phone_index", sa.LargeBinary(), nullable=True))
    op.create_index("ix_complaints_phone_index", "complaints", ["phone_index"])


def downgrade() -> None:
    """Remove them."""
    op.drop_index("ix_complaints_phone_index", "complaints")
    with op.batch_alter_table("complaints") as batch:
        batch.drop_column("phone_index")
    with op.batch_alter_table("phones") as batch:
        batch.drop_column("lost_at")
