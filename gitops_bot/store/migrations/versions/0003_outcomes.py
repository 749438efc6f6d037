"""What became of merged pull requests."""

import sqlalchemy as sa
from alembic import op

from gitops_bot.store.tables import Moment

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema to this version."""
    op.create_table(
        "outcomes",
        sa.Column("pull_request", sa.String(), nullable=False),
        sa.Column("cluster", sa.String(), nullable=False),
        sa.Column("namespace", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("since", Moment(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("pull_request", "cluster", "namespace", "name", name=op.f("pk_outcomes")),
    )
    with op.batch_alter_table("outcomes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_outcomes_since"), ["since"], unique=False)
        batch_op.create_index(batch_op.f("ix_outcomes_state"), ["state"], unique=False)


def downgrade() -> None:
    """Not offered: an older program would not know what it sees."""
    raise NotImplementedError("restore a backup instead")
