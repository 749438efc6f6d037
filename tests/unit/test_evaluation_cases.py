"""The made-up pull requests of tests/evaluation: enough of them, of each kind, and fair to the model."""

from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from gitops_bot.models.evaluation import CaseKind, EvaluationCase
from gitops_bot.models.opinions import Judgement
from gitops_bot.models.reports import Severity
from gitops_bot.rules.evaluation_cases import WrongCase, case_of, merged
from gitops_bot.rules.opinions import is_about
from gitops_bot.views.prompt import prompt_of

FOLDER = Path(__file__).parents[1] / "evaluation"
NAMES = sorted(file.stem for file in (FOLDER / "cases").glob("*.yaml"))
# What shows that the made-up diff is not one that flux could have printed.
STRANGE = {"diff-not-understood", "unreadable-render", "not-compared", "base-not-compared"}


@cache
def templates() -> dict[str, str]:
    return {file.stem: file.read_text(encoding="utf-8") for file in (FOLDER / "templates").glob("*.yaml")}


@cache
def case(name: str) -> EvaluationCase:
    return case_of(name, (FOLDER / "cases" / f"{name}.yaml").read_text(encoding="utf-8"), templates())


def test_there_are_enough_cases_of_each_kind_and_not_too_many_of_one_template() -> None:
    cases = [case(name) for name in NAMES]
    assert len(cases) >= 60
    assert max(Counter(one.template for one in cases).values()) <= 5
    assert {one.template for one in cases} == templates().keys()
    assert min(Counter(one.kind for one in cases)[kind] for kind in CaseKind) >= 12


def test_no_two_cases_give_the_same_prompt() -> None:
    # The number and the author say nothing of the change.
    prompts = Counter(prompt_of(case(name).report).text.partition("A Kustomization, and")[2] for name in NAMES)
    assert [text for text, count in prompts.items() if count > 1] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_case_is_fair(name: str) -> None:
    """What is expected is about what the prompt shows, and goes with the kind of the case."""
    one = case(name)
    prompt, expected = prompt_of(one.report), one.expected
    told = [finding for cluster in one.report.clusters for finding in cluster.all_findings]
    assert not STRANGE & {finding.code for finding in told}
    for claim in (*expected.must_find, *expected.must_not_claim):
        if claim.object:
            assert claim.object in prompt.known, claim
            assert f"{claim.object} " in prompt.text
            assert is_about(claim.field, prompt.known[claim.object]), (claim.field, sorted(prompt.known[claim.object]))
    assert all(word.strip() for wanted in expected.must_find for word in wanted.words)
    harmless = one.kind is CaseKind.HARMLESS
    assert bool(expected.must_find) is not harmless
    assert (Judgement.APPROVE in expected.judgements) is harmless
    assert expected.score[1] == 100 if harmless else expected.score[0] == 0
    if harmless:
        assert [(claim.object, claim.field) for claim in expected.must_not_claim] == [("", "")]
    for wanted in expected.must_find:
        assert wanted.words
        # Who only repeats the place has found nothing.
        shown = " ".join(
            [wanted.object, *(one for one in prompt.known[wanted.object] if is_about(one, [wanted.field]))]
        )
        assert [word for word in wanted.words if word.casefold() in shown.casefold()] == []


@pytest.mark.parametrize(
    "name", [name for name in NAMES if (FOLDER / "cases" / f"{name}.yaml").read_text().find("\nrefused:") > 0]
)
def test_what_the_api_server_refuses_is_in_the_prompt_in_its_own_words(name: str) -> None:
    prompt = prompt_of(case(name).report)
    assert "It cannot be applied as it is." in prompt.text
    assert "   | dry-run failed (Invalid): " in prompt.text


def test_no_value_of_a_secret_is_in_a_prompt() -> None:
    prompt = prompt_of(case("accounts-rotation-and-no-tls").report).text
    assert "Secret/identity/accounts-db" in prompt
    assert "made-up-password" not in prompt
    assert "bWFkZS11c" not in prompt


def test_a_report_says_what_rules_find_and_what_nobody_renders() -> None:
    deleted = prompt_of(case("orders-db-removed").report).text
    assert "⛔ PersistentVolumeClaim/shop/orders-db-dumps (volume of 500Gi) is deleted." in deleted
    downgraded = prompt_of(case("monitoring-chart-downgraded").report).text
    assert "HelmRelease/monitoring/kube-prometheus-stack content not rendered" in downgraded
    assert "- kube-prometheus-stack 66.3.1 from HelmRepository/monitoring/prometheus-community" in downgraded


def test_an_object_that_changes_is_seen_as_a_whole_too() -> None:
    (change,) = case("payments-one-more-replica").report.clusters[0].rows[0].changes
    assert "-  replicas: 3\n+  replicas: 4" in change.unified


# ------------------------------------------------------------------ reading

SMALL = {"t": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: n}\ndata: {a: x}\n"}
GOOD = """\
kind: risky
template: t
title: A title
author: somebody
branch: b
after:
  - {kind: ConfigMap, metadata: {name: c}, data: {a: y}}
expect:
  judgements: [comment]
  score: [0, 50]
  must_find:
    - {object: ConfigMap/n/c, field: data.a, words: [x]}
"""


def test_a_case_is_read() -> None:
    found = case_of("small", GOOD, SMALL)
    (wanted,) = found.expected.must_find
    assert (found.kind, wanted.severity, found.expected.score) == (CaseKind.RISKY, Severity.WARNING, (0.0, 50.0))
    (change,) = found.report.clusters[0].rows[0].changes
    assert [(field.path, field.before, field.after) for field in change.fields] == [("data.a", "x", "y")]


def test_what_looks_secret_is_taken_out_of_a_case_too() -> None:
    new = "  - {apiVersion: v1, kind: ConfigMap, metadata: {name: d}, data: {url: 'https://u:hunter2hunter2@x.example'}}\n"
    prompt = prompt_of(case_of("small", GOOD.replace("expect:", f"{new}expect:"), SMALL).report).text
    assert "+ ConfigMap/d is created" in prompt
    assert "hunter2" not in prompt


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("kind: risky", "kind: dull", "kind: there is no 'dull'; there are: harmless, risky"),
        ("template: t", "template: u", "there is no template 'u'; there are: t."),
        ("title: A title\n", "", "title has to be a text."),
        ("branch: b", "branch: b\nscores: 1", "there is no 'scores'; there are: kind, template"),
        ("[0, 50]", "[0, 101]", "score has to be [lowest, highest]"),
        ("[0, 50]", "[50, 0]", "score has to be [lowest, highest]"),
        ("[0, 50]", "[0, .nan]", "score has to be [lowest, highest]"),
        ("[comment]", "[]", "judgements names none"),
        ("[comment]", "[refuse]", "judgements: there is no 'refuse'; there are: approve"),
        ("field: data.a", "feld: data.a", "must_find: there is no 'feld'"),
        ("name: c}, data: {a: y}}", "name: d}, $patch: delete}", "ConfigMap/d cannot be deleted"),
        ("kind: ConfigMap, ", "", "an object has no kind"),
        ("expect:", "expect: [", "is not valid YAML"),
        ("kind: risky", "--- 1\n---\nkind: risky", "one document"),
    ],
)
def test_a_wrong_file_is_refused_with_the_reason(old: str, new: str, words: str) -> None:
    assert old in GOOD
    with pytest.raises(WrongCase) as caught:
        case_of("small", GOOD.replace(old, new), SMALL)
    assert str(caught.value).startswith("small: ")
    assert words in str(caught.value)


def test_the_example_in_the_documentation_is_a_case() -> None:
    page = (FOLDER.parents[1] / "docs" / "llm.md").read_text(encoding="utf-8")
    (example,) = [part.partition("```")[0] for part in page.split("```yaml\n") if "must_find:" in part]
    found = case_of("example", example, templates())
    prompt = prompt_of(found.report)
    (wanted,) = found.expected.must_find
    assert is_about(wanted.field, prompt.known[wanted.object])
    assert "- PodDisruptionBudget/shop/storefront is deleted" in prompt.text


def test_patches_are_merged_as_kustomize_does() -> None:
    before = {"a": 1, "keep": {"x": 1}, "items": [{"name": "one", "v": 1}, {"name": "two", "v": 2}], "plain": [1, 2]}
    patch = {"a": None, "items": [{"name": "two", "$patch": "delete"}, {"name": "one", "w": 3}], "plain": [3]}
    assert merged(before, patch) == {"keep": {"x": 1}, "items": [{"name": "one", "v": 1, "w": 3}], "plain": [3]}
