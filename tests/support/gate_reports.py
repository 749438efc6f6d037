"""A report that the gate clears, and a rule for it: what tests break in one place at a time."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from gitops_bot.models.changes import FieldChange, Operation, Origin, ResourceChange
from gitops_bot.models.gates import GateRule
from gitops_bot.models.kustomizations import KustomizationId, ObjectReference
from gitops_bot.models.pull_requests import CommitPeople, Permission, PullRequest, Repository
from gitops_bot.models.reports import ClusterReport, KustomizationReport, Report, RowState, Verdict
from gitops_bot.rules.gate import GateFacts
from gitops_bot.rules.trust import TrustPolicy

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)  # a Friday
HEAD, BASE = "a" * 40, "b" * 40
FILE = "apps/shop/deployment.yaml"
PULL = PullRequest(
    repository=Repository("acme", "fleet"),
    number=7,
    title="Update shop/web to 1.9.1",
    author="renovate[bot]",
    author_is_bot=True,
    html_url="https://github.example/acme/fleet/pull/7",
    head_sha=HEAD,
    head_ref="renovate/shop-web",
    head_repository="acme/fleet",
    base_ref="main",
    draft=False,
    state="open",
    merged=False,
    labels=("dependencies",),
    created_at=NOW,
    body="This updates **shop/web** from 1.9.0 to 1.9.1.\r\n",
)
IMAGE = FieldChange(
    "spec.template.spec.containers.web.image",
    "± value change",
    "registry.example/shop/web:1.9.0",
    "registry.example/shop/web:1.9.1",
    Origin.PULL_REQUEST,
)
WEB = ResourceChange(
    ObjectReference("Deployment", "apps", "web", "apps"), Operation.CHANGE, Origin.PULL_REQUEST, (IMAGE,)
)
RULE = GateRule(
    name="image-updates",
    repositories=("acme/*",),
    paths=("apps/**/*.yaml",),
    kinds=("Deployment.apps",),
    authors=("renovate[bot]",),
    fields=("spec.template.spec.containers.*.image",),
    dry_run=False,
)


def row(*changes: ResourceChange, **more: Any) -> KustomizationReport:
    """A row with these changes."""
    given: dict[str, Any] = {"path": "./apps/shop", "state": RowState.CHANGED, "changes": changes} | more
    return KustomizationReport(KustomizationId("production", "apps", "shop"), **given)


def report(*rows: KustomizationReport, pull: PullRequest = PULL, file: str = FILE, **more: Any) -> Report:
    """A complete report of one changed file."""
    cluster = ClusterReport("production", Verdict.CHANGES, rows or (row(WEB),), files=(file,))
    given: dict[str, Any] = {"digest": "d1", "changed_files": (file,)} | more
    return Report(pull, BASE, (cluster,), NOW, **given)


def with_cluster(**more: Any) -> Report:
    """The clear report with something else about its cluster."""
    clear = report()
    return replace(clear, clusters=(replace(clear.clusters[0], **more),))


def facts(now: PullRequest = PULL, **more: Any) -> GateFacts:
    """What is so when nothing speaks against it."""
    given: dict[str, Any] = {
        "at": NOW,
        "permission": Permission.NONE,
        "commit_people": CommitPeople(
            frozenset({"renovate[bot]", "web-flow"}), verified=True, commits=frozenset({HEAD})
        ),
        "is_newest_report": True,
        "base_tip": BASE,
        "own_login": "gitops-bot",
        "changes_requested": (),
        "same_head": (),
        "trust": TrustPolicy(frozenset({"renovate[bot]"})),
        "may_be_sent": True,
        "strange_files": (),
    }
    return GateFacts(now, **(given | more))
