"""A plausible model for a demo: it reads the prompt by a few rules of its own and speaks as models do.

Its opinions are no better than these rules. It is there so that there is something to look at.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gitops_bot.sandbox.llm.script import Answer, prompt_of

_OBJECT = re.compile(r"^([^\w\s]) ([A-Z]\w*(?:/[\w.:-]+){1,2}) (.+)$")
_FIELD = re.compile(r"^  ([\w$/~.\[\]-]+)(  .*)?$")
_VALUE = re.compile(r"^  ([-+]) (.*)$")
_TITLE = re.compile(r"^title: (.*)$", re.MULTILINE)
_ADDRESS = re.compile(r"\w+://([\w.-]+):\d+")
# A field that is none of the pull request's doing.
_DRIFT = "drift that was there"
_RIGHTS = ("Role/", "ClusterRole/", "RoleBinding/", "ClusterRoleBinding/")
# Seconds that it takes its time, as the real ones do.
_DELAY = 0.8


@dataclass(slots=True)
class _Change:
    """One object that it was shown: what happens to it, and its fields as (path, before, after)."""

    name: str
    what: str
    fields: list[list[str]] = field(default_factory=list)


def plausible(request: Mapping[str, Any]) -> Answer | None:
    """Answer in the form that the request asks for; None where it asks for none that is known."""
    form = (request.get("response_format") or {}).get("json_schema") or {}
    text = prompt_of([message for message in request["messages"] if message.get("role") == "user"])
    changes = _changes(text)
    makers = {"review": _review, "audit": _review, "gate": _gate, "diagnose": _diagnosis}
    maker = makers.get(form.get("name", ""))
    return Answer(text=json.dumps(maker(text, changes)), delay=_DELAY) if maker else None


def _changes(text: str) -> list[_Change]:
    found: list[_Change] = []
    drifted: list[list[str]] = []
    for line in text.splitlines():
        if head := _OBJECT.match(line):
            found.append(_Change(head[2], head[3]))
        elif not found:
            continue
        elif value := _VALUE.match(line):
            if found[-1].fields:
                found[-1].fields[-1][1 if value[1] == "-" else 2] += value[2]
        elif path := _FIELD.match(line):
            found[-1].fields.append([path[1], "", ""])
            drifted.extend(found[-1].fields[-1:] if _DRIFT in line else ())
    for change in found:
        change.fields = [one for one in change.fields if not any(one is each for each in drifted)]
    return found


def _review(text: str, changes: Sequence[_Change]) -> dict[str, Any]:
    refusal = _refusal(text)
    findings = [finding for change in changes for finding in _findings(change, changes)]
    worst = {finding["severity"] for finding in findings}
    judgement = "block" if refusal or "critical" in worst else "comment" if worst else "approve"
    said = [_what_happens(changes)]
    if refusal:
        said = [f"The API server refuses this: {refusal}.", "It cannot be merged before the objects are made anew."]
    elif "critical" in worst:
        said.append("Its title says nothing of the wider rights, and that is what I would talk about first.")
    elif worst:
        said.append("One value points to something that this change does not bring.")
    else:
        said.append("Nothing else of it changes.")
    return {"summary": " ".join(said), "judgement": judgement, "findings": findings}


def _findings(change: _Change, changes: Sequence[_Change]) -> list[dict[str, str]]:
    if change.name.startswith(_RIGHTS):
        return [
            _finding(
                change.name,
                "critical",
                "Rights become wider, which an update of a version does not need.",
                "Take this out, or say in the description what needs it.",
                change.fields[0][0] if change.fields else "",
            )
        ]
    found = []
    for path, before, after in change.fields:
        address = _ADDRESS.search(after)
        if address and not before and not any(one.name.endswith(f"/{address[1]}") for one in changes):
            said = f"It points to {address[1]}, and nothing of that name is among what I was shown."
            found.append(
                _finding(change.name, "warning", said, f"Make sure that {address[1]} answers there before.", path)
            )
    return found


def _finding(name: str, severity: str, message: str, suggestion: str, path: str) -> dict[str, str]:
    return {"object": name, "field": path, "severity": severity, "message": message, "suggestion": suggestion}


def _what_happens(changes: Sequence[_Change]) -> str:
    images = [(one.name, each) for one in changes for each in one.fields if each[0].endswith(".image")]
    if images:
        name, (_, before, after) = images[0]
        return f"{name} goes from {_version(before)} to {_version(after)}."
    first = changes[0] if changes else None
    return f"{first.name} {first.what}." if first else "No object changes in what I was shown."


def _version(image: str) -> str:
    return image.strip().rsplit(":", 1)[-1]


def _refusal(text: str) -> str:
    return "a selector cannot be changed once the object exists" if "field is immutable" in text else ""


def _gate(text: str, changes: Sequence[_Change]) -> dict[str, Any]:
    findings = [finding for change in changes for finding in _findings(change, changes)]
    if _refusal(text) or findings:
        return {"score": 15, "reasons": [finding["message"] for finding in findings] or [_refusal(text)]}
    title = _TITLE.search(text)
    reasons = [_what_happens(changes), f"That is what its title says: {title[1]}." if title else "It says no title."]
    return {"score": 92, "reasons": reasons}


def _diagnosis(text: str, changes: Sequence[_Change]) -> dict[str, str]:
    if refusal := _refusal(text):
        what = f"It cannot be applied: {refusal}."
        why = "The labels that a Deployment finds its Pods by are fixed when it is made."
        return {"what": what, "why": why, "how": "Keep the selector, or delete the Deployment and let Flux make it."}
    what = _what_happens(changes)
    return {"what": what, "why": "What I was shown proves no fault.", "how": "Look at the object's events first."}
