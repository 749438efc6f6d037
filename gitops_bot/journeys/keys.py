"""The names by which messages, comments and reports are found again."""

import hashlib

from gitops_bot.journeys.ports import Doors
from gitops_bot.models.pull_requests import PullRequest
from gitops_bot.rules.filters import left_out


def message_key(doors: Doors, pull_request: str) -> str:
    """What a pull request's message is found by: bots of other clusters have another one."""
    return f"{doors.identity}|{pull_request}"


def comment_marker(doors: Doors) -> str:
    """The invisible line in a comment of ours; the cluster is in it for the same reason."""
    return f"<!-- gitops-bot:report:{doors.identity} -->"


def approval_marker(doors: Doors, commit: str) -> str:
    """The line in the body of a review of ours that says which commit was shown."""
    return f"gitops-bot/{doors.identity} reviewed-head: {commit}"


def gate_marker(doors: Doors, commit: str) -> str:
    """The same for an approval of the gate's: a person's is another one."""
    return f"gitops-bot/{doors.identity} cleared-head: {commit}"


def changes_marker(doors: Doors, commit: str, login: str, reason: str) -> str:
    """The line in a request for changes of ours: the same person asking the same twice is one request."""
    digest = hashlib.sha256(f"{login}\n{reason}".encode()).hexdigest()[:16]
    return f"gitops-bot/{doors.identity} requested-for: {commit} {digest}"


def work_key(doors: Doors, pull: PullRequest, tip: str) -> str:
    """Digest of everything that asks for a new report: commits, clusters and settings, never ``updated_at``."""
    clusters = ",".join(cluster.name for cluster in doors.clusters)
    out = left_out(pull, doors.filters)
    parts = (pull.key, pull.head_sha, pull.base_ref, tip, clusters, doors.settings_digest, str(pull.draft), out)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
