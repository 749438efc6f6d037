"""The demo's model reads prompts as they are, and what it says can be read: it is held to both here."""

from collections.abc import Callable
from typing import Any

import pytest
import sample_reports as samples

from gitops_bot.llm.answers import read_answer
from gitops_bot.llm.formats import Format, response_format
from gitops_bot.models.changes import FieldChange, Origin
from gitops_bot.models.opinions import Asking, Diagnosis, Judgement, Prompt, ReviewAnswer, Score
from gitops_bot.models.reports import ClusterReport, Report, Severity, Verdict
from gitops_bot.rules.opinions import checked
from gitops_bot.sandbox.llm import plausible
from gitops_bot.views.prompt import prompt_of

IMAGE = samples.changed(
    "Deployment", "web", samples.field_change("spec.template.spec.containers.web.image", "shop/web:1.8.2", "web:1.9.0")
)


def asked(prompt: Prompt) -> Any:
    request = {"messages": [{"role": "system", "content": "± A/b/c changes"}, {"role": "user", "content": prompt.text}]}
    answer = plausible(request | response_format(Format.JSON_SCHEMA, prompt.asking))
    assert answer is not None
    return read_answer(prompt.asking, answer.text)


def report(*changes: Any) -> Report:
    return samples.report(ClusterReport("production", Verdict.CHANGES, (samples.row("shop", *changes),)))


def setting() -> Any:
    added = FieldChange("data", "+ one map entry added:", "", 'CACHE: "tcp://cache:6379"', Origin.PULL_REQUEST)
    drift = samples.field_change("data.MESSAGE", "by hand", "", Origin.DRIFT)
    return samples.changed("ConfigMap", "web", added, drift)


def role() -> Any:
    return samples.changed("ClusterRole", "web", samples.field_change("rules", "pods", "pods, secrets"), namespace="")


def test_a_bump_is_nothing_to_talk_about() -> None:
    prompt = prompt_of(report(IMAGE))
    answer = asked(prompt)
    assert answer == ReviewAnswer(
        "Deployment/apps/web goes from 1.8.2 to 1.9.0. Nothing else of it changes.", Judgement.APPROVE
    )
    score = asked(prompt_of(report(IMAGE), Asking.GATE))
    assert isinstance(score, Score)
    assert score.score > 90


@pytest.mark.parametrize(
    ("change", "severity", "judgement"),
    [(setting, Severity.WARNING, Judgement.COMMENT), (role, Severity.CRITICAL, Judgement.BLOCK)],
)
def test_its_findings_are_about_what_it_was_shown(
    change: Callable[[], Any], severity: Severity, judgement: Judgement
) -> None:
    prompt = prompt_of(report(IMAGE, change()))
    kept, dropped = checked(asked(prompt), prompt.known)
    assert (kept.judgement, [one.severity for one in kept.findings], dropped) == (judgement, [severity], 0)
    assert kept.findings[0].field
    score = asked(prompt_of(report(IMAGE, change()), Asking.GATE))
    assert isinstance(score, Score)
    assert score.score < 60


def test_what_the_api_server_refuses_it_refuses_too() -> None:
    assert asked(prompt_of(samples.blocked_report())).judgement is Judgement.BLOCK
    said = asked(prompt_of(samples.blocked_report(), Asking.DIAGNOSE))
    assert isinstance(said, Diagnosis)
    assert "selector" in said.what


def test_it_says_nothing_where_it_is_not_asked_for_a_form() -> None:
    assert plausible({"messages": [{"role": "user", "content": "hello"}]}) is None
