"""Made-up pull requests out of files: a workload before and after, and what a good review of the change says.

The report is made by the rules that make every report; only the cluster and flux are made up, as a cluster that
is what the base branch says. docs/llm.md has the format.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import yaml

from gitops_bot.models.changes import FluxOutcome, OutcomeStatus
from gitops_bot.models.evaluation import CaseKind, EvaluationCase, Expected, Unwanted, Wanted
from gitops_bot.models.kustomizations import Kustomization, KustomizationId
from gitops_bot.models.opinions import Judgement
from gitops_bot.models.pull_requests import PullRequest, Repository
from gitops_bot.models.reports import ClusterReport, Report, Severity
from gitops_bot.rules.compare import ComparisonInputs, Side, kustomization_report
from gitops_bot.rules.helm_contents import RowObjects, Surrounded, content_changes
from gitops_bot.rules.measured_yaml import UnreadableManifestError, values
from gitops_bot.rules.objects import load_objects
from gitops_bot.rules.redaction import Redactor
from gitops_bot.rules.risk import RiskPolicy, prune_risk, with_risks
from gitops_bot.rules.unseen import Unseen, with_unseen
from gitops_bot.rules.verdict import cluster_verdict
from gitops_bot.rules.written_diff import written_diff

_AT = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)
_CLUSTER = "production"
_TOOLKIT = "kustomize.toolkit.fluxcd.io"
# Nothing here is secret: equal values only have to look equal, in every run.
_KEY = bytes(32)
# Of the Kustomization, what a case may say.
_SPEC = ("force", "prune", "suspend")
_HIGHEST = 100
_SEVERITY = Severity.WARNING


class WrongCase(ValueError):
    """A file of a case cannot be used; the text says why."""


@dataclass(frozen=True)
class _File:
    """A mapping of a file, whose keys are all known."""

    value: Mapping[str, Any]
    at: str = ""

    @classmethod
    def of(cls, value: Any, known: Iterable[str], at: str = "") -> "_File":
        place = f"{at}: " if at else ""
        if not isinstance(value, dict):
            raise WrongCase(f"{place}a mapping is needed, with: {', '.join(known)}.")
        if strange := sorted(set(map(str, value)) - set(known)):
            raise WrongCase(f"{place}there is no {strange[0]!r}; there are: {', '.join(known)}.")
        return cls(value, place)

    def text(self, key: str, default: str | None = None) -> str:
        found = self.value.get(key, default)
        if not isinstance(found, str):
            raise WrongCase(f"{self.at}{key} has to be a text.")
        return found

    def items(self, key: str) -> list[Any]:
        found = self.value.get(key, [])
        if not isinstance(found, list):
            raise WrongCase(f"{self.at}{key} has to be a list.")
        return found

    def one_of(self, key: str, kinds: type[CaseKind] | type[Severity], default: str | None = None) -> Any:
        return _member(kinds, self.text(key, default), f"{self.at}{key}")


_CASE = (
    "kind", "template", "title", "body", "author", "branch", "labels", "why", "before", "after", "spec", "refused",
    "expect",
)  # fmt: skip


def case_of(name: str, text: str, templates: Mapping[str, str]) -> EvaluationCase:
    """Read a case, and make its report. WrongCase says what is wrong with the file."""
    try:
        documents = [one for one in values(name, text) if one is not None]
        if len(documents) != 1:
            raise WrongCase(f"one document is needed, there are {len(documents)}.")
        case = _File.of(documents[0], _CASE)
        template = case.text("template")
        if template not in templates:
            raise WrongCase(f"there is no template {template!r}; there are: {', '.join(sorted(templates))}.")
        given = with_patches([*values(template, templates[template])], case.items("before"))
        report = _report(case, name, given, with_patches(given, case.items("after")))
        expected = _expected(case.value.get("expect"))
        return EvaluationCase(name, case.one_of("kind", CaseKind), template, report, expected)
    except UnreadableManifestError as error:
        raise WrongCase(str(error)) from error
    except ValueError as error:
        raise WrongCase(f"{name}: {error}") from error


# ------------------------------------------------------------------ what is expected


def _expected(value: Any) -> Expected:
    expect = _File.of(value, ("judgements", "score", "must_find", "must_not_claim"), "expect")
    judgements = frozenset(_member(Judgement, one, "expect: judgements") for one in expect.items("judgements"))
    score = expect.items("score")
    if not judgements:
        raise WrongCase("expect: judgements names none.")
    if not _is_range(score):
        raise WrongCase("expect: score has to be [lowest, highest], each from 0 to 100.")
    return Expected(
        judgements,
        (float(score[0]), float(score[1])),
        tuple(map(_wanted, expect.items("must_find"))),
        tuple(map(_unwanted, expect.items("must_not_claim"))),
    )


def _is_range(score: list[Any]) -> bool:
    numbers = [one for one in score if isinstance(one, int | float) and not isinstance(one, bool)]
    return len(score) == len(numbers) == 2 and 0 <= numbers[0] <= numbers[1] <= _HIGHEST  # noqa: PLR2004 # two ends


def _wanted(value: Any) -> Wanted:
    one = _File.of(value, ("object", "field", "severity", "words"), "expect: must_find")
    words = tuple(str(word) for word in one.items("words"))
    return Wanted(one.text("object"), one.text("field", ""), one.one_of("severity", Severity, _SEVERITY), words)


def _unwanted(value: Any) -> Unwanted:
    one = _File.of(value, ("object", "field", "severity"), "expect: must_not_claim")
    return Unwanted(one.text("object", ""), one.text("field", ""), one.one_of("severity", Severity, _SEVERITY))


def _member(kinds: type[CaseKind] | type[Severity] | type[Judgement], value: Any, at: str) -> Any:
    try:
        return kinds(value)
    except ValueError as error:
        raise WrongCase(f"{at}: there is no {value!r}; there are: {', '.join(kinds)}.") from error


# ------------------------------------------------------------------ before and after


def with_patches(objects: list[Any], patches: list[Any]) -> list[Any]:
    """Lay patches over objects, each over the one of its kind and name; what no object has is a new one."""
    found = {_identity(one): one for one in objects if one is not None}
    for patch in patches:
        key = _identity(patch)
        if patch.get("$patch") == "delete":
            if key not in found:
                raise WrongCase(f"{'/'.join(key)} cannot be deleted: the template has no such object.")
            del found[key]
        else:
            found[key] = merged(found[key], patch) if key in found else patch
    return list(found.values())


def _identity(value: Any) -> tuple[str, str]:
    metadata = value.get("metadata") if isinstance(value, dict) else None
    if not isinstance(metadata, dict) or not metadata.get("name") or not value.get("kind"):
        raise WrongCase("an object has no kind, or no metadata.name.")
    return str(value["kind"]), str(metadata["name"])


def merged(value: Any, patch: Any) -> Any:
    """Merge as kustomize's strategic merge does: null removes, lists whose items have names merge by name."""
    if isinstance(value, dict) and isinstance(patch, dict):
        both = {key: merged(inner, patch[key]) if key in patch else inner for key, inner in value.items()}
        both |= {key: inner for key, inner in patch.items() if key not in value}
        return {key: inner for key, inner in both.items() if inner is not None}
    names = [_names(one) for one in (value, patch)]
    if names[0] is None or names[1] is None:
        return patch
    both = {**names[0], **{name: merged(names[0].get(name, {}), item) for name, item in names[1].items()}}
    return [item for item in both.values() if item.get("$patch") != "delete"]


def _names(value: Any) -> dict[str, Any] | None:
    if not isinstance(value, list) or not value or not all(isinstance(one, dict) and "name" in one for one in value):
        return None
    return {str(one["name"]): one for one in value}


# ------------------------------------------------------------------ the report


def _report(case: _File, name: str, before: list[Any], after: list[Any]) -> Report:
    owner = KustomizationId(_CLUSTER, "flux-system", case.text("template"))
    redactor = Redactor(_KEY)
    texts = [redactor.render(_render(owner, objects)) for objects in (before, after)]
    base, result = (load_objects(text) for text in texts)
    changed = redactor.diff(written_diff(base, result))
    refused = case.text("refused", "")
    unchanged = FluxOutcome(OutcomeStatus.UNCHANGED)
    status = OutcomeStatus.FAILED if refused else OutcomeStatus.CHANGED if changed else OutcomeStatus.UNCHANGED
    spec = {"prune": True, "path": f"./apps/{owner.name}", **_File.of(case.value.get("spec", {}), _SPEC, "spec").value}
    inputs = ComparisonInputs(
        Kustomization(owner, spec, inventory=tuple(base), ready=True),
        Side(FluxOutcome(OutcomeStatus.UNCHANGED, texts[0]), unchanged),
        Side(FluxOutcome(OutcomeStatus.UNCHANGED, texts[1]), FluxOutcome(status, changed, redactor.message(refused))),
        live_objects={reference: redactor.live(found.value) for reference, found in base.items()},
        absent=frozenset(result.keys() - base.keys()),
        reason="a file below its path changes",
    )
    policy = RiskPolicy()
    row = with_risks(kustomization_report(inputs), inputs, policy)
    contents = content_changes(Surrounded((RowObjects(row.id, base, result),)))
    rows = with_unseen((row,), Unseen(contents), ())
    cluster = ClusterReport(_CLUSTER, cluster_verdict(rows), rows=rows, findings=prune_risk(rows, policy))
    return Report(_pull_request(case, name), "9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c", (cluster,), _AT)


def _render(owner: KustomizationId, objects: list[Any]) -> str:
    """Write what ``flux build`` gives: every object with the labels of its owner."""
    labels = {f"{_TOOLKIT}/name": owner.name, f"{_TOOLKIT}/namespace": owner.namespace}
    marked = [merged(one, {"metadata": {"labels": labels}}) for one in objects]
    return "".join(f"---\n{yaml.safe_dump(one, sort_keys=False, allow_unicode=True)}" for one in marked)


def _pull_request(case: _File, name: str) -> PullRequest:
    author = case.text("author")
    head = hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()
    # Out of the name: another case more changes no prompt.
    number = 1_000 + int(head[:4], 16)
    return PullRequest(
        repository=Repository("acme", "fleet"),
        number=number,
        title=case.text("title"),
        author=author,
        author_is_bot=author.endswith("[bot]"),
        html_url=f"https://github.com/acme/fleet/pull/{number}",
        head_sha=head,
        head_ref=case.text("branch"),
        head_repository="acme/fleet",
        base_ref="main",
        draft=False,
        state="open",
        merged=False,
        labels=tuple(str(one) for one in case.items("labels")),
        created_at=_AT,
        body=case.text("body", ""),
    )
