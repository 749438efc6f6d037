"""Decisions become a chain: each row has a digest of itself and of the row before it."""

import hashlib
import json
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema to this version."""
    with op.batch_alter_table("decisions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("report_digest", sa.String(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("previous", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("digest", sa.String(), nullable=True))
    _chain()
    with op.batch_alter_table("decisions", schema=None) as batch_op:
        batch_op.alter_column("report_digest", server_default=None)
        batch_op.alter_column("previous", existing_type=sa.String(), nullable=False)
        batch_op.alter_column("digest", existing_type=sa.String(), nullable=False)
        batch_op.create_unique_constraint(batch_op.f("uq_decisions_previous"), ["previous"])


def _chain() -> None:
    """Chain what is there. The rule as it was when this was written: rules/audit.py may change, old rows do not."""
    connection = op.get_bind()
    previous = ""
    for row in connection.execute(sa.text("SELECT * FROM decisions ORDER BY id")).mappings().all():
        at = row["at"] if isinstance(row["at"], datetime) else datetime.fromisoformat(row["at"])
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        names = ("pull_request", "action", "outcome", "slack_user", "github_login", "commit", "report_id", "click")
        content = {name: row[name] for name in (*names, "message")}
        content |= {"at": at.astimezone(UTC).isoformat(), "report_digest": ""}
        text = json.dumps([previous, content], sort_keys=True, separators=(",", ":"))
        digest = hashlib.sha256(text.encode()).hexdigest()
        connection.execute(
            sa.text("UPDATE decisions SET previous = :previous, digest = :digest WHERE id = :id"),
            {"previous": previous, "digest": digest, "id": row["id"]},
        )
        previous = digest


def downgrade() -> None:
    """Not offered: an older program would write rows outside the chain."""
    raise NotImplementedError("restore a backup instead")
