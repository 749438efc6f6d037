"""Terminal, HTML and JSON: the same report, each in its own form."""

import io
import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import pytest
import sample_reports as samples
from hostile_reports import SENTINEL, hostile_report
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from gitops_bot.models.reports import Report
from gitops_bot.rules.cleaning import has_hidden_characters
from gitops_bot.views.html_report import html_report
from gitops_bot.views.json_report import content_to_digest, json_report, schema, schema_text
from gitops_bot.views.terminal import terminal_report
from gitops_bot.views.terminal_object import names_of_objects, object_report, objects_named

SCHEMA_FILE = Path(__file__).parents[2] / "docs" / "report-schema.json"
any_report = given(st.integers(0, 10**9), st.integers(1, 3), st.integers(0, 6), st.integers(0, 6))
some = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def printed(report: Report, *, full: bool = False, colour: bool = False) -> str:
    console = Console(
        file=io.StringIO(),
        width=100,
        force_terminal=colour,
        color_system="truecolor" if colour else None,
        legacy_windows=False,
    )
    console.print(terminal_report(report, full=full))
    return console.file.getvalue()  # type: ignore[attr-defined]  # a StringIO


def test_what_a_terminal_shows() -> None:
    assert [line.rstrip() for line in printed(samples.changes_report()).splitlines()] == [
        "acme/fleet#7  Give the shop three replicas",
        "by octocat · 1a2b3c4 onto main 9f8e7d6 · as of 14:02 UTC, 21 Nov 2026",
        "",
        "🔷 2 objects change, 1 is created, nothing is deleted in production.",
        "   The cluster accepts it.",
        "   Not from this pull request: drift in 2 objects.",
        "",
        "🔷 flux-system/shop  2 objects change, 1 is created, nothing is deleted",
        "   ± Deployment/apps/web changes",
        "     spec.replicas",
        "     - 2",
        "     + 3",
        "     spec.template.spec.containers.web.image",
        "     - shop/web:1.8.2",
        "     + shop/web:1.9.0",
        "     # 1 field: drift that was there before",
        "   ± ConfigMap/apps/web-settings changes",
        "     data.LOG_LEVEL",
        "     - info",
        "     + debug",
        "   + PodDisruptionBudget/apps/web is created",
        "     + apiVersion: policy/v1",
        "     + kind: PodDisruptionBudget",
        "     + metadata:",
        "     +   name: web",
        "     +   namespace: apps",
        "     + spec:",
        "     # … 4 more lines",
        "",
        "1 object not shown (drift that was there before): --full shows everything.",
    ]


@pytest.mark.parametrize("sample", sorted(samples.SAMPLES))
def test_no_line_of_a_terminal_is_too_wide(sample: str) -> None:
    for full in (False, True):
        for line in printed(samples.SAMPLES[sample](), full=full).splitlines():
            assert cell_len(line) <= 100


def test_a_large_report_is_brief_unless_asked() -> None:
    report = samples.large_report(40, 50)
    assert len(printed(report).splitlines()) < 400
    assert printed(report, full=True).count("± Deployment/") == 2_000


@any_report
@some
def test_a_terminal_gets_no_control_character_of_others(
    seed: int, clusters: int, kustomizations: int, objects: int
) -> None:
    report = hostile_report(seed, clusters=clusters, kustomizations=kustomizations, objects=objects)
    plain = printed(report, full=True)
    assert not has_hidden_characters(plain)
    coloured = printed(report, colour=True)
    # Rich's own colours, and nothing else that begins with ESC.
    assert all(part[:1] == "[" and "m" in part[:24] for part in coloured.split("\x1b")[1:])
    assert "\x1b]" not in coloured


class Page(HTMLParser):
    """What a browser would see: elements, and text by the element around it."""

    VOID = {"meta", "br", "link", "img", "hr", "input"}  # noqa: RUF012 - never changed

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text.append(data)


@any_report
@some
def test_a_page_is_well_formed_and_runs_and_loads_nothing(
    seed: int, clusters: int, kustomizations: int, objects: int
) -> None:
    report = hostile_report(seed, clusters=clusters, kustomizations=kustomizations, objects=objects)
    text = html_report(report)
    page = Page(text)
    assert page.open == []
    names = {name for name, _ in page.elements}
    assert not names & {"script", "img", "link", "iframe", "object", "form", "svg", "base"}
    for name, attributes in page.elements:
        assert not any(attribute.startswith("on") for attribute in attributes)
        assert SENTINEL not in str(attributes)
        if name == "a":
            assert str(attributes["href"]).startswith(("#row-", "https://"))
    assert not has_hidden_characters("".join(page.text))


def test_a_page_holds_everything() -> None:
    text = "".join(Page(html_report(samples.large_report(40, 50))).text)
    assert text.count("± Deployment/") == 2_000
    assert "2,000 objects change, nothing is deleted in production." in text
    everything = "".join(Page(html_report(samples.every_state_report())).text)
    for said in ("from-drift", "from-withdrawn", "Lease/apps/l", "field is immutable", "apps/docs/README.md changed"):
        assert said in everything


@pytest.mark.parametrize("sample", sorted(samples.SAMPLES))
def test_json_is_what_its_schema_says(sample: str) -> None:
    text = json_report(samples.SAMPLES[sample]())
    assert text.isascii()
    jsonschema.Draft202012Validator(schema()).validate(json.loads(text))


@any_report
@some
def test_json_of_anything_is_what_its_schema_says(seed: int, clusters: int, kustomizations: int, objects: int) -> None:
    report = hostile_report(seed, clusters=clusters, kustomizations=kustomizations, objects=objects)
    jsonschema.Draft202012Validator(schema()).validate(json.loads(json_report(report)))
    content_to_digest(report).encode()


def test_the_schema_names_every_field_and_is_in_the_documents() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), "write views.json_report.schema_text() there"
    given = json.loads(json_report(samples.changes_report()))
    assert sorted(given) == schema()["required"]


def test_the_digest_is_of_what_was_found_and_not_of_when() -> None:
    report = samples.changes_report()
    later = samples.report(*report.clusters, pull=samples.pull_request(title="Another title", state="closed"))
    assert content_to_digest(report) == content_to_digest(later)
    other = samples.report(*report.clusters, pull=samples.pull_request(head_sha="b" * 40))
    assert content_to_digest(report) != content_to_digest(other)
    assert content_to_digest(report) != content_to_digest(samples.blocked_report())


def shown_object(report: Report, name: str) -> list[str]:
    console = Console(file=io.StringIO(), width=100, color_system=None)
    console.print(object_report(objects_named(report, name)))
    return [line.rstrip() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]  # a StringIO


def test_one_object_is_shown_before_and_after() -> None:
    assert shown_object(samples.changes_report(), "deployment/apps/web") == [
        "production  flux-system/shop",
        "   ± Deployment/apps/web changes",
        "     # metadata.labels.touched-by: drift that was there before",
        "     # @@ -6,7 +6,6 @@",
        "         labels:",
        "           app: web",
        "     -     touched-by: alice",
        "       spec:",
        "     -   replicas: 2",
        "     +   replicas: 3",
        "         selector:",
        "           matchLabels:",
        "     # @@ -18,5 +17,5 @@",
        "           spec:",
        "             containers:",
        "             - name: web",
        "     -         image: shop/web:1.8.2",
        "     +         image: shop/web:1.9.0",
        "               ports:",
    ]


def test_one_object_in_several_places_with_what_is_wrong() -> None:
    twice = shown_object(samples.two_clusters_report(), "ConfigMap/apps/web-settings")
    assert [line for line in twice if "flux-system" in line] == [
        "production  flux-system/shop",
        "staging  flux-system/shop",
    ]
    assert "     + debug" in twice
    claim = shown_object(samples.destructive_report(), "PersistentVolumeClaim/data/orders-db-0")
    assert any("(volume of 50Gi) is deleted" in line for line in claim)
    assert "     - 50Gi, storage class fast" in claim


def test_an_object_that_is_not_there() -> None:
    report = samples.changes_report()
    assert objects_named(report, "Deployment/apps/other") == ()
    assert "Deployment/apps/web" in names_of_objects(report)


@any_report
@some
def test_no_object_of_others_writes_to_the_terminal(
    seed: int, clusters: int, kustomizations: int, objects: int
) -> None:
    report = hostile_report(seed, clusters=clusters, kustomizations=kustomizations, objects=objects)
    for name in {str(change.object) for cluster in report.clusters for row in cluster.rows for change in row.changes}:
        assert not has_hidden_characters("\n".join(shown_object(report, name)))


def test_the_page_has_the_unified_view_folded() -> None:
    text = html_report(samples.changes_report())
    assert text.count('<details class="unified">') == 1
    assert '<span class="added">  +   replicas: 3</span>' in text


def test_what_stands_around_a_change_is_not_in_the_digest() -> None:
    report = samples.changes_report()
    (cluster,) = report.clusters
    (row,) = cluster.rows
    moved = replace(row, changes=tuple(replace(change, unified="") for change in row.changes))
    assert content_to_digest(report) == content_to_digest(replace(report, clusters=(replace(cluster, rows=(moved,)),)))


def test_in_full_no_name_is_left_out() -> None:
    said = " ".join(printed(samples.component_report(40), full=True).split())
    for number in range(1, 40):
        assert f"flux-system/team-{number:02d}" in said
    assert said.count("± ConfigMap/apps/part-") == 20
