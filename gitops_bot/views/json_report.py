"""The report as JSON, for programs: documented by ``schema()``, which docs/report-schema.json is held to.

Within one version fields are only added. Text is not cleaned but escaped to ASCII: a program gets
what there is, and a terminal that shows the file is not spoken to.
"""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from gitops_bot.models.changes import (
    ContentChange,
    ContentVersion,
    FieldChange,
    Operation,
    Origin,
    ResourceChange,
    SealedChange,
)
from gitops_bot.models.kustomizations import ObjectReference
from gitops_bot.models.opinions import Judgement, Opinion
from gitops_bot.models.reports import ClusterReport, Finding, KustomizationReport, Report, RowState, Severity, Verdict
from gitops_bot.models.rights import Right
from gitops_bot.rules.rbac_rules import text_to_paste
from gitops_bot.views.opinion_json import opinion_json
from gitops_bot.views.summary import Tally, has_hidden_text, headline, tally

VERSION = 1


def json_report(report: Report, opinion: Opinion | None = None) -> str:
    """Write a report as JSON text with a newline at its end; a model's opinion stands beside it, in no part of it."""
    return json.dumps(as_values(report, opinion), indent=2, ensure_ascii=True) + "\n"


def content_to_digest(report: Report) -> str:
    """Write what a decision is bound to: the commit and what was found, without times and titles."""
    pull = report.pull_request
    clusters = [_cluster(cluster) for cluster in report.clusters]
    for change in (change for cluster in clusters for row in cluster["kustomizations"] for change in row["changes"]):
        # What stands around a change may move without it.
        change.pop("unified")
    content = {
        "pull_request": pull.key,
        "head": pull.head_sha,
        "base_branch": pull.base_ref,
        "clusters": clusters,
    }
    return json.dumps(content, sort_keys=True, ensure_ascii=True)


def as_values(report: Report, opinion: Opinion | None = None) -> dict[str, Any]:
    """Give the report as JSON values."""
    pull = report.pull_request
    counts = tally(report.clusters)
    return {
        "version": VERSION,
        "pull_request": {
            "repository": str(pull.repository),
            "number": pull.number,
            "title": pull.title,
            "author": pull.author,
            "url": pull.html_url,
            "head": pull.head_sha,
            "base_branch": pull.base_ref,
            "base": report.base_tip,
        },
        "looked_at": report.looked_at.isoformat(),
        "digest": report.digest,
        "verdict": report.verdict.value,
        "complete": report.verdict.complete,
        "complete_without_a_person": report.complete_without_a_person,
        "summary": headline(report.verdict, counts),
        "risk": report.highest_risk.value if report.highest_risk else None,
        "routine": counts.routine,
        "destroys": counts.destroys,
        "counts": _counts(counts),
        "clusters": [_cluster(cluster) for cluster in report.clusters],
        "opinion": opinion_json(opinion),
    }


def _counts(counts: Tally) -> dict[str, Any]:
    return {
        "operations": {operation.value: counts.operations[operation] for operation in Operation},
        "on_resume": {operation.value: counts.on_resume[operation] for operation in Operation},
        "other_origins": {origin.value: counts.origins[origin] for origin in Origin if origin != Origin.PULL_REQUEST},
        "findings": {severity.value: counts.severities[severity] for severity in Severity},
        "risks": {severity.value: counts.risks[severity] for severity in Severity},
    }


def _cluster(cluster: ClusterReport) -> dict[str, Any]:
    return {
        "cluster": cluster.cluster,
        "verdict": cluster.verdict.value,
        "findings": [_finding(finding) for finding in cluster.findings],
        "kustomizations": [_row(row) for row in cluster.rows],
        "left_out": [
            {"namespace": one.id.namespace, "name": one.id.name, "reason": one.reason, "at_once": one.at_once}
            for one in cluster.left_out
        ],
    }


def _row(row: KustomizationReport) -> dict[str, Any]:
    return {
        "cluster": row.id.cluster,
        "namespace": row.id.namespace,
        "name": row.id.name,
        "path": row.path,
        "state": row.state.value,
        "reason": row.reason,
        "notes": list(row.notes),
        "findings": [_finding(finding) for finding in row.findings],
        "changes": [_change(change) for change in row.changes],
        "contents": [_content(change) for change in row.contents],
        "sealed": [_sealed(change) for change in row.sealed],
        "hidden": [
            {"setting": hidden.setting, "fields": hidden.fields, "objects": hidden.objects} for hidden in row.hidden
        ],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "message": finding.message,
        "advice": finding.advice,
        "object": _object(finding.object) if finding.object else None,
        "detail": finding.detail,
        "blocks": finding.blocks,
        "incomplete": finding.incomplete,
        "risk": finding.risk,
        "lacks": [_right(right) for right in finding.lacks],
        "rules": text_to_paste(finding.lacks),
    }


def _right(right: Right) -> dict[str, Any]:
    return {"group": right.group, "resource": right.resource, "verb": right.verb, "namespace": right.namespace}


def _object(reference: ObjectReference) -> dict[str, Any]:
    return {
        "kind": reference.kind,
        "namespace": reference.namespace,
        "name": reference.name,
        "group": reference.group,
    }


def _change(change: ResourceChange) -> dict[str, Any]:
    return {
        "object": _object(change.object),
        "operation": change.operation.value,
        "origin": change.origin.value,
        "fields": [_field(entry) for entry in change.fields],
        "body": change.body,
        "facts": list(change.facts),
        "notes": list(change.notes),
        "unified": change.unified,
        "hidden_characters": has_hidden_text(change),
    }


def _content(change: ContentChange) -> dict[str, Any]:
    return {
        "object": _object(change.object),
        "what": list(change.what),
        "before": _version(change.before) if change.before else None,
        "after": _version(change.after) if change.after else None,
        "applied_by": change.applied_by,
        "notes": list(change.notes),
    }


def _version(version: ContentVersion) -> dict[str, Any]:
    return {
        "chart": version.chart,
        "version": version.version,
        "source": _object(version.source) if version.source else None,
        "url": version.url,
        "link": version.link,
    }


def _sealed(change: SealedChange) -> dict[str, Any]:
    return {
        "path": change.path,
        "object": _object(change.object) if change.object else None,
        "added": list(change.added),
        "removed": list(change.removed),
        "changed": list(change.changed),
        "notes": list(change.notes),
    }


def _field(entry: FieldChange) -> dict[str, Any]:
    return {
        "path": entry.path,
        "headline": entry.headline,
        "before": entry.before,
        "after": entry.after,
        "origin": entry.origin.value,
    }


def schema() -> dict[str, Any]:
    """Describe version 1 as a JSON Schema (2020-12)."""
    text, flag, number = {"type": "string"}, {"type": "boolean"}, {"type": "integer", "minimum": 0}
    texts = {"type": "array", "items": text}
    findings = {"type": "array", "items": {"$ref": "#/$defs/finding"}}
    reference = _shape("One object of a cluster.", {"kind": text, "namespace": text, "name": text, "group": text})
    field = _shape(
        "One field: what lives in the cluster, what the merge makes of it, and where the difference comes from.",
        {"path": text, "headline": text, "before": text, "after": text, "origin": _one_of(Origin)},
    )
    change = _shape(
        "One object, one operation. unified: hunks of the live object against what becomes of it, where known; "
        "hidden_characters: its text has characters that a person does not see.",
        {
            "object": {"$ref": "#/$defs/object"},
            "operation": _one_of(Operation),
            "origin": _one_of(Origin),
            "fields": {"type": "array", "items": {"$ref": "#/$defs/field"}},
            "body": text,
            "facts": texts,
            "notes": texts,
            "unified": text,
            "hidden_characters": flag,
        },
    )
    finding = _shape(
        "Something a person should know. blocks: the merge would not work; incomplete: something was not looked at; "
        "risk: it works, and is dangerous.",
        {
            "code": text,
            "severity": _one_of(Severity),
            "message": text,
            "advice": text,
            "object": {"anyOf": [{"$ref": "#/$defs/object"}, {"type": "null"}]},
            "detail": text,
            "blocks": flag,
            "incomplete": flag,
            "risk": flag,
            "lacks": {"type": "array", "items": {"$ref": "#/$defs/right"}},
            "rules": text,
        },
    )
    hidden = _shape(
        "What one setting of the operator leaves out.", {"setting": text, "fields": number, "objects": number}
    )
    no_object = {"anyOf": [{"$ref": "#/$defs/object"}, {"type": "null"}]}
    version = _shape(
        "What a chart is taken from. link: an https page about it, or empty.",
        {**dict.fromkeys(("chart", "version", "url", "link"), text), "source": no_object},
    )
    no_version = {"anyOf": [{"$ref": "#/$defs/version"}, {"type": "null"}]}
    content = _shape(
        "A chart that Flux renders in the cluster only, and nobody here: what of it changes, and both versions.",
        {
            "object": {"$ref": "#/$defs/object"},
            "what": texts,
            "before": no_version,
            "after": no_version,
            "applied_by": text,
            "notes": texts,
        },
    )
    sealed = _shape(
        "An encrypted file: names of keys, never a value. changed: another ciphertext.",
        {"path": text, "object": no_object, "added": texts, "removed": texts, "changed": texts, "notes": texts},
    )
    left_out = _shape(
        "A Kustomization that this repository may feed, and that was not looked at. at_once: by the merge alone.",
        {"namespace": text, "name": text, "reason": text, "at_once": flag},
    )
    row = _shape(
        "One Kustomization that the pull request touches.",
        {
            **dict.fromkeys(("cluster", "namespace", "name", "path", "reason"), text),
            "state": _one_of(RowState),
            "notes": texts,
            "findings": findings,
            "changes": {"type": "array", "items": {"$ref": "#/$defs/change"}},
            "contents": {"type": "array", "items": {"$ref": "#/$defs/content"}},
            "sealed": {"type": "array", "items": {"$ref": "#/$defs/sealed"}},
            "hidden": {"type": "array", "items": hidden},
        },
    )
    cluster = _shape(
        "What the pull request does to one cluster.",
        {
            "cluster": text,
            "verdict": _one_of(Verdict),
            "findings": findings,
            "kustomizations": {"type": "array", "items": {"$ref": "#/$defs/kustomization"}},
            "left_out": {"type": "array", "items": {"$ref": "#/$defs/left_out"}},
        },
    )
    pull = {**dict.fromkeys(("repository", "title", "author", "url", "head", "base_branch", "base"), text)}
    whole = _shape(
        "What a pull request would do, as gitops-bot saw it. Within a version fields are only added.",
        {
            "version": {"const": VERSION},
            "pull_request": _shape("Which pull request, at which commits.", {**pull, "number": number}),
            "looked_at": {"type": "string", "format": "date-time"},
            "digest": text,
            "verdict": _one_of(Verdict),
            "complete": flag,
            "complete_without_a_person": flag,
            "summary": text,
            "risk": {"enum": [*(severity.value for severity in Severity), None]},
            "routine": flag,
            "destroys": flag,
            "counts": _shape(
                "Objects by what happens to them, findings by severity.",
                {
                    "operations": _numbers(Operation),
                    "on_resume": _numbers(Operation),
                    "other_origins": _numbers(Origin, without=Origin.PULL_REQUEST),
                    "findings": _numbers(Severity),
                    "risks": _numbers(Severity),
                },
            ),
            "clusters": {"type": "array", "items": {"$ref": "#/$defs/cluster"}},
            "opinion": {"anyOf": [_opinion_shape(), {"type": "null"}]},
        },
    )
    right = _shape(
        "A right that the diff identity lacked; namespace is empty for all of them. rules has them ready to paste.",
        dict.fromkeys(("group", "resource", "verb", "namespace"), text),
    )
    definitions = {
        "right": right,
        "object": reference,
        "field": field,
        "change": change,
        "finding": finding,
        "content": content,
        "version": version,
        "sealed": sealed,
        "left_out": left_out,
        "kustomization": row,
        "cluster": cluster,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "gitops-bot report",
        **whole,
        "$defs": definitions,
    }


def _opinion_shape() -> dict[str, Any]:
    text, number = {"type": "string"}, {"type": "integer", "minimum": 0}
    amount = {"type": "number", "minimum": 0}
    finding = _shape(
        "Something that the model found, in its own words.",
        {**dict.fromkeys(("object", "field", "message", "suggestion"), text), "severity": _one_of(Severity)},
    )
    return _shape(
        "What a language model says of the report. It decides nothing: verdict, risks and counts are without it. "
        "judgement is null and problem says why where there is none; null as a whole: none was asked.",
        {
            **dict.fromkeys(("summary", "problem", "model"), text),
            **dict.fromkeys(("calls", "prompt_tokens", "answer_tokens", "findings_left_out"), number),
            **dict.fromkeys(("money", "seconds"), amount),
            "at": {"type": "string", "format": "date-time"},
            "judgement": {"enum": [*(judgement.value for judgement in Judgement), None]},
            "findings": {"type": "array", "items": finding},
            "not_seen": {"type": "array", "items": text},
        },
    )


def schema_text() -> str:
    """Write the schema as docs/report-schema.json holds it."""
    return json.dumps(schema(), indent=2) + "\n"


def _shape(description: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "description": description,
        "type": "object",
        "properties": dict(properties),
        "required": sorted(properties),
    }


def _one_of(words: type[StrEnum]) -> dict[str, Any]:
    return {"enum": [word.value for word in words]}


def _numbers(words: type[StrEnum], *, without: StrEnum | None = None) -> dict[str, Any]:
    counted = {word.value: {"type": "integer", "minimum": 0} for word in words if word is not without}
    return {"type": "object", "properties": counted, "required": sorted(counted)}
