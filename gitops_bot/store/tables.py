"""The tables. A change here needs a migration beside it (a test compares the two)."""

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.types import TypeDecorator

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    },
)


class Moment(TypeDecorator[object]):
    """An aware moment in UTC. SQLite keeps no zone, so it is put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: object, dialect: object) -> object:
        """Give every moment its zone back."""
        del dialect
        return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


repositories = Table(
    "repositories",
    metadata,
    Column("key", String, primary_key=True),
    Column("full_name", String, nullable=False),
    # When the pull requests that were open at the first look have been listed in one message.
    Column("first_listed_at", Moment),
)

# What a door wants back after a restart, by its name: GitHub's ETags with the last answers.
keepsakes = Table(
    "keepsakes",
    metadata,
    Column("name", String, primary_key=True),
    Column("content", JSON, nullable=False),
)

pull_requests = Table(
    "pull_requests",
    metadata,
    Column("key", String, primary_key=True),
    Column("repository", String, nullable=False, index=True),
    Column("number", Integer, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("snapshot", JSON, nullable=False),
    Column("base_tip", String, nullable=False),
    Column("progress", String, nullable=False),
    Column("work_key", String, nullable=False),
    Column("report_id", String, nullable=False),
    Column("lacks_a_cluster", Boolean, nullable=False),
    Column("looked_at", Moment),
    Column("failures", Integer, nullable=False),
    Column("problem", Text, nullable=False),
    Column("changed_at", Moment, nullable=False, index=True),
)

reports = Table(
    "reports",
    metadata,
    Column("id", String, primary_key=True),
    Column("pull_request", String, nullable=False, index=True),
    Column("head", String, nullable=False),
    Column("base_tip", String, nullable=False),
    # Which clusters and settings it was made with.
    Column("work_key", String, nullable=False),
    Column("digest", String, nullable=False),
    Column("verdict", String, nullable=False),
    Column("content", JSON, nullable=False),
    Column("made_at", Moment, nullable=False, index=True),
)

effects = Table(
    "effects",
    metadata,
    Column("kind", String, primary_key=True),
    Column("target", String, primary_key=True),
    Column("digest", String, nullable=False),
    Column("state", String, nullable=False),
    Column("remote", JSON, nullable=False),
    Column("changed_at", Moment, nullable=False, index=True),
)

clicks = Table(
    "clicks",
    metadata,
    Column("key", String, primary_key=True),
    Column("content", JSON, nullable=False),
    Column("received_at", Moment, nullable=False, index=True),
    # Empty while it waits to be carried out.
    Column("outcome", String, nullable=False),
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("pull_request", String, nullable=False, index=True),
    Column("action", String, nullable=False),
    Column("outcome", String, nullable=False),
    Column("slack_user", String, nullable=False),
    Column("github_login", String, nullable=False),
    Column("commit", String, nullable=False),
    Column("report_id", String, nullable=False),
    Column("click", String, nullable=False, unique=True),
    Column("message", Text, nullable=False),
    Column("report_digest", String, nullable=False),
    Column("at", Moment, nullable=False, index=True),
    # Digest of the row before, and of this one with it. No two rows follow the same one.
    Column("previous", String, nullable=False, unique=True),
    Column("digest", String, nullable=False),
)

# What became of each Kustomization that a merged pull request was said to change.
outcomes = Table(
    "outcomes",
    metadata,
    Column("pull_request", String, primary_key=True),
    Column("cluster", String, primary_key=True),
    Column("namespace", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("state", String, nullable=False, index=True),
    Column("content", JSON, nullable=False),
    Column("since", Moment, nullable=False, index=True),
)

# One call of a language model: what it may use until it is over, then what it used.
spend = Table(
    "spend",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("pull_request", String, nullable=False, index=True),
    Column("model", String, nullable=False),
    Column("state", String, nullable=False, index=True),
    Column("calls", Integer, nullable=False),
    Column("prompt_tokens", Integer, nullable=False),
    Column("answer_tokens", Integer, nullable=False),
    Column("money", Float, nullable=False),
    Column("at", Moment, nullable=False, index=True),
)

# What a language model said of a report.
opinions = Table(
    "opinions",
    metadata,
    Column("pull_request", String, primary_key=True),
    Column("digest", String, primary_key=True),
    Column("content", JSON, nullable=False),
    Column("at", Moment, nullable=False, index=True),
)

# Whether somebody found an opinion useful. It goes with the opinion.
opinion_votes = Table(
    "opinion_votes",
    metadata,
    Column("pull_request", String, primary_key=True),
    Column("digest", String, primary_key=True),
    Column("slack_user", String, primary_key=True),
    Column("useful", Boolean, nullable=False),
    Column("at", Moment, nullable=False),
)

# What a language model answered when somebody asked about a report.
replies = Table(
    "replies",
    metadata,
    Column("pull_request", String, primary_key=True),
    Column("digest", String, primary_key=True),
    Column("asking", String, primary_key=True),
    Column("content", JSON, nullable=False),
    Column("at", Moment, nullable=False, index=True),
)

# What the gate came to for a report, by each rule that a person wrote.
gate_verdicts = Table(
    "gate_verdicts",
    metadata,
    Column("pull_request", String, primary_key=True),
    Column("digest", String, primary_key=True),
    Column("rule", String, primary_key=True),
    Column("content", JSON, nullable=False),
    Column("at", Moment, nullable=False, index=True),
)

Index(None, reports.c.pull_request, reports.c.made_at)
