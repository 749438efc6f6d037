"""Buttons of the administrator's own: a template, and when it is shown.

Text of a pull request goes into them only as a value: quoted in links, escaped in chat. What the
template itself says is the administrator's, and is taken as it is.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from gitops_bot.models.pull_requests import PullRequest
from gitops_bot.models.reports import Report
from gitops_bot.rules.cleaning import clean_line
from gitops_bot.rules.decisions import Action
from gitops_bot.rules.patterns import matches

_FIELD = re.compile(r"\{([a-z_]+)\}")
# What a template may name, and what a condition may ask about.
_ABOUT_THE_PULL_REQUEST = frozenset({"repository", "number", "title", "author", "head", "base", "labels"})
FIELDS = _ABOUT_THE_PULL_REQUEST | {"kustomizations", "clusters", "verdict", "risk"}
# The names of a large pull request would fill every address.
_MOST_NAMES = 20


@dataclass(frozen=True)
class ButtonTemplate:
    """One button. Exactly one of ``action``, ``link`` and ``command`` is given.

    ``when``: field to patterns (shell-like, any case); one of the field's values has to match one of
    them, for every field that is named.
    """

    label: str
    action: Action | None = None
    link: str = ""
    command: str = ""
    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What a press of it is known by, also after the settings were sorted differently."""
        return hashlib.sha256(f"{self.label}\n{self.command}".encode()).hexdigest()[:12]


@dataclass(frozen=True)
class ExtraButton:
    """A button as it is shown: with an address, with an action of ours, or with the name of its template."""

    label: str
    action: Action | None = None
    address: str = ""
    template: str = ""


def wrong_template(template: ButtonTemplate) -> str:
    """Say what is wrong with a template, for who wrote it; "" when nothing is."""
    given = [bool(template.action), bool(template.link), bool(template.command)]
    used = {name for text in (template.label, template.link, template.command) for name in _FIELD.findall(text)}
    unknown = sorted((used | set(template.when)) - FIELDS)
    address = template.link.split("{", maxsplit=1)[0]
    table = (
        (sum(given) != 1, "give exactly one of action, link and command"),
        (bool(unknown), f"there is no {', '.join(unknown)}; there are: {', '.join(sorted(FIELDS))}"),
        (bool(template.link) and not _has_host(address), "a link begins with https:// and a host, before any {field}"),
    )
    return next((words for holds, words in table if holds), "")


def _has_host(address: str) -> bool:
    """Whether the part before the first field says to which host it leads, so that no value can."""
    try:
        parts = urlsplit(address)
        return parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc and address.count("/") > 2  # noqa: PLR2004 - https://host/
    except ValueError:
        return False


def extra_buttons(
    templates: Iterable[ButtonTemplate], report: Report, pull: PullRequest, offered: Iterable[Action]
) -> tuple[ExtraButton, ...]:
    """Give the buttons whose conditions hold. An action that makes no sense now is not shown either."""
    if pull.state != "open":
        return ()
    values, possible = values_of(report, pull), set(offered)
    shown = []
    for template in templates:
        if not _holds(template.when, values) or (template.action is not None and template.action not in possible):
            continue
        shown.append(
            ExtraButton(
                _filled(template.label, values, clean_line),
                template.action,
                _filled(template.link, values, _quoted),
                template.name if template.command else "",
            )
        )
    return tuple(shown)


def command_text(template: ButtonTemplate, report: Report, pull: PullRequest) -> str:
    """Give what a command says in the chat: the template's own words, and values in which nothing is parsed."""
    return _filled(template.command, values_of(report, pull), _escaped)


def values_of(report: Report, pull: PullRequest) -> Mapping[str, tuple[str, ...]]:
    """Give every field's values; a list has several."""
    rows = {f"{row.id.namespace}/{row.id.name}" for cluster in report.clusters for row in cluster.rows}
    return {
        "repository": (str(pull.repository),),
        "number": (str(pull.number),),
        "title": (pull.title,),
        "author": (pull.author,),
        "head": (report.pull_request.head_sha,),
        "base": (pull.base_ref,),
        "labels": pull.labels,
        "kustomizations": tuple(sorted(rows)),
        "clusters": tuple(cluster.cluster for cluster in report.clusters),
        "verdict": (report.verdict.value,),
        "risk": (report.highest_risk.value if report.highest_risk else "none",),
    }


def _holds(when: Mapping[str, tuple[str, ...]], values: Mapping[str, tuple[str, ...]]) -> bool:
    return all(any(matches(value, patterns) for value in values[name]) for name, patterns in when.items())


def _filled(text: str, values: Mapping[str, tuple[str, ...]], made_safe: Callable[[str], str]) -> str:
    return _FIELD.sub(lambda found: made_safe(",".join(values[found[1]][:_MOST_NAMES])), text)


def _quoted(value: str) -> str:
    return quote(value, safe="")


def _escaped(value: str) -> str:
    """https://docs.slack.dev/messaging/formatting-message-text#escaping; and nothing that formats."""
    text = clean_line(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"[*_~`@#]", "", text)
