"""The comment: what it says, that it fits, and that nothing foreign leaves a fence."""

import re
from collections.abc import Iterator

import pytest
import sample_reports as samples
from hostile_reports import SENTINEL, hostile_report
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from gitops_bot.views.github_comment import LIMIT, approval_body, comment, what_github_makes_of_it

PAGE = re.compile(r"https://[a-z0-9.-]+(:\d+)?(/[\w.~%/-]*)?", re.ASCII)
MARKER = "<!-- gitops-bot:report:production -->"
# GitHub's own markdown, with everything on that could make something of foreign text.
PARSER = MarkdownIt("commonmark", {"html": True, "linkify": False}).enable(["table", "strikethrough"])


def tokens(text: str) -> Iterator[Token]:
    for token in PARSER.parse(text):
        yield token
        yield from token.children or ()


def hold_github_to(text: str) -> None:
    """It fits, and a parser finds foreign text in fences only; <details> open and close in pairs."""
    assert len(text) <= LIMIT
    assert text.startswith(MARKER)
    text.encode()
    opened = 0
    for token in tokens(text):
        if token.type == "fence":
            continue
        assert SENTINEL not in token.content, token
        assert token.type != "image", token
        if token.type == "link_open":
            # The page of a chart: https, and nothing in it that any markup gives a meaning to.
            assert PAGE.fullmatch(str(token.attrs["href"])), token
        if token.type in {"html_block", "html_inline"}:
            opened += token.content.count("<details") - token.content.count("</details>")
            assert opened >= 0
    assert opened == 0


def test_what_an_author_reads() -> None:
    assert comment(samples.changes_report(), marker=MARKER) == (
        "<!-- gitops-bot:report:production -->\n"
        "\n"
        "### 🔷 2 objects change, 1 is created, nothing is deleted in `production`\n"
        "\n"
        "`1a2b3c4` merged into `main` `9f8e7d6`, compared with what runs as of 14:02 UTC, 21 Nov 2026.\n"
        "\n"
        "The cluster accepts it. Not from this pull request: drift in 2 objects.\n"
        "\n"
        "<details open><summary>🔷 <b><code>flux-system/shop</code></b></summary>\n"
        "\n"
        "```diff\n"
        "@@ ± Deployment/apps/web changes @@\n"
        "  spec.replicas\n"
        "- 2\n"
        "+ 3\n"
        "  spec.template.spec.containers.web.image\n"
        "- shop/web:1.8.2\n"
        "+ shop/web:1.9.0\n"
        "  metadata.labels.touched-by  - one map entry removed:  (drift that was there before)\n"
        "- alice\n"
        "\n"
        "@@ ± ConfigMap/apps/web-settings changes @@\n"
        "  data.LOG_LEVEL\n"
        "- info\n"
        "+ debug\n"
        "\n"
        "@@ + PodDisruptionBudget/apps/web is created @@\n"
        "+ apiVersion: policy/v1\n"
        "+ kind: PodDisruptionBudget\n"
        "+ metadata:\n"
        "+   name: web\n"
        "+   namespace: apps\n"
        "+ spec:\n"
        "+   minAvailable: 2\n"
        "+   selector:\n"
        "+     matchLabels:\n"
        "+       app: web\n"
        "```\n"
        "\n"
        "<details><summary>1 object not from this pull request</summary>\n"
        "\n"
        "```diff\n"
        "@@ ± Service/apps/web changes @@\n"
        "# drift that was there before\n"
        "  spec.type\n"
        "- NodePort\n"
        "+ ClusterIP\n"
        "```\n"
        "\n"
        "</details>\n"
        "\n"
        "</details>\n"
    )


@pytest.mark.parametrize("sample", sorted(samples.SAMPLES))
def test_every_sample_fits(sample: str) -> None:
    hold_github_to(comment(samples.SAMPLES[sample](), marker=MARKER))


def test_what_is_left_out_is_counted() -> None:
    text = comment(samples.large_report(40, 50), marker=MARKER)
    shown = text.count("@@ ± Deployment/")
    assert shown > 300
    assert f"and {2_000 - shown:,} objects (among them `flux-system/team-" in text
    assert "✂️ **Not shown here:" in text


def test_a_report_that_fits_leaves_nothing_out() -> None:
    text = comment(samples.every_state_report(), marker=MARKER)
    assert "✂️" not in text
    for said in ("Would fail", "could not be looked at", "Lease/apps/l", "spec.kubeConfig names another cluster"):
        assert said.lower() in text.lower()


@given(st.integers(0, 10**9), st.integers(1, 3), st.integers(0, 12), st.integers(0, 12))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_report_fits_and_foreign_text_stays_in_fences(
    seed: int, clusters: int, kustomizations: int, objects: int
) -> None:
    report = hostile_report(seed, clusters=clusters, kustomizations=kustomizations, objects=objects)
    hold_github_to(comment(report, marker=MARKER))


@given(st.integers(0, 10**9))
@settings(max_examples=3, deadline=None)
def test_forty_kustomizations_with_fifty_objects_fit(seed: int) -> None:
    hold_github_to(comment(hostile_report(seed, clusters=4, kustomizations=40, objects=50), marker=MARKER))


def test_the_body_of_an_approval_names_person_commit_and_report() -> None:
    body = approval_body(samples.changes_report(), person="octocat", marker="marker-line")
    assert body == (
        f"Approved by `octocat` in Slack, for exactly {samples.HEAD}.\n\n"
        "What was shown: 2 objects change, 1 is created, nothing is deleted, as of 14:02 UTC, 21 Nov 2026.\n\n"
        "marker-line\n"
    )
    assert "evil" not in approval_body(samples.changes_report(), person="@evil `x`", marker="m")


def test_every_answer_of_github_has_words() -> None:
    said = {what_github_makes_of_it(word) for word in ("APPROVED", "REVIEW_REQUIRED", "CHANGES_REQUESTED", "", "NEW")}
    assert len(said) == 5
