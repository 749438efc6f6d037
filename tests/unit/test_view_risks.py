"""The risks of a report, in every view: the gravest first, each once, within the room there is."""

import io
import json
from dataclasses import replace

import pytest
import sample_reports as samples
from rich.console import Console

from gitops_bot.models.kustomizations import ObjectReference
from gitops_bot.models.reports import ClusterReport, Finding, Report, RowState, Severity, Verdict
from gitops_bot.rules.decisions import Action
from gitops_bot.views.github_comment import LIMIT, approval_body, comment
from gitops_bot.views.html_report import html_report
from gitops_bot.views.json_report import json_report
from gitops_bot.views.risks import first_of, one_line, risk_groups, risk_lines, risk_title
from gitops_bot.views.slack_message import review_message
from gitops_bot.views.summary import groups, remarks, tally, tally_row
from gitops_bot.views.terminal import terminal_report
from gitops_bot.views.text import size

CRITICAL, WARNING, INFO = Severity.CRITICAL, Severity.WARNING, Severity.INFO


def risk(code: str, severity: Severity, name: str = "web", said: str = "does something") -> Finding:
    return samples.risk(code, severity, ObjectReference("Deployment", "apps", name), said, f"Look at {code}.")


def report_of(*findings: Finding, of_cluster: tuple[Finding, ...] = ()) -> Report:
    row = samples.row("shop", samples.changed("Deployment", "web"), findings=findings)
    return samples.report(ClusterReport("production", Verdict.CHANGES, (row,), of_cluster))


def printed(report: Report, *, full: bool = False) -> str:
    console = Console(file=io.StringIO(), width=100)
    console.print(terminal_report(report, full=full))
    return console.file.getvalue()  # type: ignore[attr-defined]  # a StringIO


def slack_text(report: Report) -> str:
    message, _ = review_message(report, key="k", report_id="r", actions=(Action.APPROVE,))
    return json.dumps(message.blocks, ensure_ascii=False)


@pytest.mark.parametrize(
    ("severities", "title"),
    [
        ([], ""),
        ([INFO], "💡 1 risk"),
        ([WARNING, INFO], "⚠️ 2 risks"),
        ([CRITICAL], "⚠️ 1 risk, critical"),
        ([CRITICAL, CRITICAL], "⚠️ 2 risks, critical"),
        ([WARNING, CRITICAL, CRITICAL], "⚠️ 3 risks, 2 of them critical"),
    ],
)
def test_the_title(severities: list[Severity], title: str) -> None:
    report = report_of(*(risk(f"code-{number}", severity) for number, severity in enumerate(severities)))
    assert risk_title(risk_groups(report)) == title
    assert report.highest_risk == min(severities, key=[CRITICAL, WARNING, INFO].index, default=None)


def test_the_same_risk_at_many_places_is_told_once() -> None:
    told = risk_groups(samples.risky_report(12))
    assert [(group.finding.code, len(group.places)) for group in told] == [
        ("cluster-admin", 1),
        ("scales-to-zero", 1),
        ("removes-limit", 12),
    ]
    assert told[2].message == "Deployment/proxy loses limit of memory of container proxy, the same in 12 places."
    assert told[2].where(2) == "Deployment/team-00/proxy, Deployment/team-01/proxy and 10 more"
    # And its Kustomizations are still one group.
    assert [len(group.places) for group in groups(samples.risky_report(12))] == [1, 12]


def test_places_in_several_clusters_name_them() -> None:
    rows = [samples.row("shop", cluster=name, findings=(risk("force", WARNING),)) for name in ("one", "two")]
    report = samples.report(*(ClusterReport(row.id.cluster, Verdict.CHANGES, (row,)) for row in rows))
    (group,) = risk_groups(report)
    assert group.places == ("Deployment/apps/web in one", "Deployment/apps/web in two")


def test_the_gravest_first_and_some_of_every_kind() -> None:
    many = [risk("image-latest", WARNING, f"web-{number}", f"runs image {number}") for number in range(20)]
    told = risk_groups(
        report_of(risk("flux-new-source", INFO), *many, risk("removes-probe", WARNING), risk("force", CRITICAL))
    )
    shown = [group.finding.code for group in first_of(told, 6)]
    assert shown == ["force", "image-latest", "image-latest", "image-latest", "image-latest", "removes-probe"]
    assert risk_lines(told, most=6, width=200)[-1] == "… 17 more risks (16 warning and 1 note)"


def test_a_refusal_that_is_a_risk_too_stays_with_its_kustomization() -> None:
    refused = replace(samples.blocked_report().clusters[0].rows[0].findings[0], risk=True)
    row = samples.row("shop", state=RowState.FAILING, findings=(refused,))
    report = samples.report(ClusterReport("production", Verdict.BLOCKED, (row,)))
    assert risk_groups(report) == ()
    assert report.highest_risk is CRITICAL
    for text in (printed(report), comment(report, marker="m"), slack_text(report)):
        assert text.count("spec.selector cannot be changed once the object exists") == 1


def test_the_api_servers_own_words_are_not_lost() -> None:
    forced = Finding("recreate", CRITICAL, "It is made anew.", "Look.", detail="spec: Forbidden: updates", risk=True)
    report = report_of(forced)
    assert risk_title(risk_groups(report)) == "⚠️ 1 risk, critical"
    for text in (printed(report), comment(report, marker="m"), slack_text(report), html_report(report)):
        assert text.count("spec: Forbidden: updates") == 1
        assert text.count("It is made anew.") >= 2


@pytest.mark.parametrize("full", [False, True])
def test_a_terminal_shows_them_before_everything_else(full: bool) -> None:  # noqa: FBT001 # a parameter of the test
    lines = [line.rstrip() for line in printed(samples.risky_report(), full=full).splitlines()]
    assert lines[6:12] == [
        "⚠️ 3 risks, 1 of them critical",
        "   ⛔ ClusterRoleBinding/shop-admins gives ClusterRole cluster-admin to Group shop.",
        "      → Give a role with what is needed, instead of everything.",
        "   ⚠️ Deployment/apps/web goes to zero: replicas 3 -> 0.",
        "      → Make sure that nobody needs it, or leave one running.",
        "   ⚠️ Deployment/proxy loses limit of memory of container proxy, the same in 12 places.",
    ]
    assert "\n".join(lines).count("loses limit of memory") == 1
    assert ("team-11" in "\n".join(lines[11:20])) is full


def test_a_comment_shows_them_in_our_words_and_exactly_in_a_fence() -> None:
    text = comment(samples.risky_report(), marker="<!-- m -->")
    before, _, rest = text.partition("**⚠️ 3 risks, 1 of them critical**\n\n")
    assert "<details" not in before
    assert rest.splitlines()[:8] == [
        "- ⛔ Somebody is bound to cluster-admin who was not. `ClusterRoleBinding/shop-admins`",
        "- ⚠️ Replicas, or the least replicas of a HorizontalPodAutoscaler, become 0. `Deployment/apps/web`",
        "- ⚠️ A container loses a resource limit. `Deployment/team-00/proxy` and 11 more",
        "",
        "<details open><summary>What exactly, and what to do</summary>",
        "",
        "```",
        "⛔ ClusterRoleBinding/shop-admins gives ClusterRole cluster-admin to Group shop.",
    ]
    assert text.count("loses limit of memory") == 1
    assert "⚠️ 3 risks, 1 of them critical" in approval_body(samples.risky_report(), person="a", marker="m")


def test_slack_shows_them_below_the_summary_and_in_the_notification() -> None:
    message, files = review_message(samples.risky_report(), key="k", report_id="r", actions=(Action.APPROVE,))
    kinds = [block.get("text", {}).get("text", "") for block in message.blocks]
    assert kinds[3] == "*⚠️ 3 risks, 1 of them critical*"
    # Foreign text is never parsed.
    assert message.blocks[4]["text"]["type"] == "plain_text"
    assert kinds[4].count("\n   → ") == 3
    assert message.text.endswith(
        "⚠️ 3 risks, 1 of them critical: ClusterRoleBinding/shop-admins gives ClusterRole cluster-admin to Group shop."
    )
    assert "critical finding" not in slack_text(samples.risky_report())
    assert files == ()


def test_risks_that_have_no_room_are_counted_and_lie_in_the_file() -> None:
    long = "says " + "x" * 3_000
    findings = [risk(f"code-{number}", WARNING, f"web-{number}", long) for number in range(300)]
    report = report_of(*findings)
    message, files = review_message(report, key="k", report_id="r")
    text = message.blocks[4]["text"]["text"]
    assert text.endswith("… 295 more risks (295 warning)")
    assert size(text) < 3_000
    assert sum(size(block.get("text", {}).get("text", "")) for block in message.blocks) < 9_000
    assert files[0].content.count(b"web-299") > 1
    written = comment(report, marker="m")
    assert size(written) <= LIMIT
    assert written.count("… 285 more risks (285 warning)") == 2
    assert len(printed(report).splitlines()) < 80
    assert printed(report, full=True).count("→ Look at code-") == 300


def test_hostile_names_in_a_risk_stay_text() -> None:
    evil = "<!channel> ``` </pre><img src=x> @org/team\x1b[2J\u202e"
    report = report_of(risk("force", CRITICAL, "web", evil))
    assert "\x1b" not in printed(report)
    assert "\n```\n⛔" not in comment(report, marker="m").replace("\n````\n⛔", "")
    page = html_report(report)
    assert "<img" not in page
    assert "\u202e" not in page + comment(report, marker="m") + slack_text(report) + one_line(risk_groups(report))


def test_a_page_lists_them_with_all_places() -> None:
    page = html_report(samples.risky_report(12))
    head, _, rest = page.partition('<section class="risks">')
    assert "3 risks, 1 of them critical" in rest
    assert 'class="row"' not in head
    assert "in Deployment/team-00/proxy, " in rest
    assert "Deployment/team-11/proxy<" in rest
    assert '<section class="risks">' not in html_report(samples.changes_report())


def test_programs_get_them_too() -> None:
    values = json.loads(json_report(samples.risky_report(2)))
    assert values["risk"] == "critical"
    assert values["counts"]["risks"] == {"info": 0, "warning": 3, "critical": 1}
    assert [finding["risk"] for row in values["clusters"][0]["kustomizations"] for finding in row["findings"]] == [
        True
    ] * 4
    assert json.loads(json_report(samples.no_effect_report()))["risk"] is None


def test_hidden_characters_are_told_once() -> None:
    change = samples.changed("ConfigMap", "c", samples.field_change("data.a", "x", "\u202ey"))
    row = samples.row("shop", change)
    assert any("Hidden characters" in said for said in remarks(tally_row(row)))
    told = Finding("hidden-characters", WARNING, "…", object=change.object, risk=True)
    assert not any("Hidden characters" in said for said in remarks(tally_row(replace(row, findings=(told,)))))


def test_the_word_routine_comes_with_its_caution() -> None:
    report = samples.routine_report()
    caution = "Routine: only image or chart versions change. This is no safety verdict."
    assert remarks(tally(report.clusters))[0] == f"🔁 {caution}"
    for text in (printed(report), comment(report, marker="m"), slack_text(report), html_report(report)):
        assert caution in text
        assert text.count("nothing is deleted · routine") >= 2
    assert json.loads(json_report(report))["routine"] is True
    for sample in (samples.changes_report(), samples.risky_report(), samples.no_effect_report()):
        assert not any("outine" in text for text in (printed(sample), comment(sample, marker="m"), slack_text(sample)))
        assert json.loads(json_report(sample))["routine"] is False
