"""Whether people found opinions useful."""

import sqlalchemy as sa
from alembic import op

from gitops_bot.store.tables import Moment

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema to this version."""
    op.create_table(
        "opinion_votes",
        sa.Column("pull_request", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("slack_user", sa.String(), nullable=False),
        sa.Column("useful", sa.Boolean(), nullable=False),
        sa.Column("at", Moment(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("pull_request", "digest", "slack_user", name=op.f("pk_opinion_votes")),
    )


def downgrade() -> None:
    """Not offered: an older program would not know what it sees."""
    raise NotImplementedError("restore a backup instead")
