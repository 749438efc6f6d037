"""What is not rendered, in every view: the same words, both versions, links of ours, and never complete for a gate."""

import io
import json
from dataclasses import replace

import sample_reports as samples
from rich.console import Console

from gitops_bot.models.changes import ContentChange, ContentVersion
from gitops_bot.models.kustomizations import ObjectReference
from gitops_bot.models.reports import ClusterReport, Verdict
from gitops_bot.views.content_links import pages_of
from gitops_bot.views.github_comment import comment
from gitops_bot.views.html_report import html_report
from gitops_bot.views.json_report import json_report
from gitops_bot.views.slack_message import review_message
from gitops_bot.views.summary import headline, tally
from gitops_bot.views.terminal import terminal_report

PAGE = "https://stefanprodan.github.io/podinfo"
LEFT_OUT = "Not looked at, though this repository may feed it: `flux-system/artifact`. `gitops-bot check` says why."
LINES = """\
📦 HelmRelease/apps/podinfo content not rendered
  spec.chart.spec.version
  spec.values
  - podinfo 6.1.0 from HelmRepository/apps/podinfo (https://stefanprodan.github.io/podinfo)
  + podinfo 6.2.0 from HelmRepository/apps/podinfo (https://stefanprodan.github.io/podinfo)"""
SEALED = """\
🔒 apps/shop/database.yaml (Secret/apps/database) encrypted: names of keys only
  - data.old-token
  + data.token
  ± data.password"""


def printed() -> str:
    console = Console(file=io.StringIO(), width=100, color_system=None, force_terminal=False)
    console.print(terminal_report(samples.unseen_report()))
    return console.file.getvalue()  # type: ignore[attr-defined] # a StringIO


def slack_text() -> str:
    message, _ = review_message(samples.unseen_report(), key="k", report_id="r")
    return json.dumps(message.blocks, ensure_ascii=False)


def test_slack() -> None:
    text = slack_text()
    for lines in (LINES, SEALED):
        assert json.dumps(lines, ensure_ascii=False).strip('"') in text
    assert f"🔗 `HelmRelease/apps/podinfo`: <{PAGE}|where it comes from>" in text
    assert LEFT_OUT in text
    assert "Encrypted values of 1 object change; only the names of their keys are shown." in text


def test_comment() -> None:
    text = comment(samples.unseen_report(), marker="<!-- m -->")
    assert f"🔗 `HelmRelease/apps/podinfo`: [where it comes from]({PAGE})" in text
    assert "+ podinfo 6.2.0 from HelmRepository/apps/podinfo" in text
    assert "- data.old-token\n+ data.token\n" in text
    assert LEFT_OUT in text
    assert "Content not rendered: 1 chart; only what is taken from where is shown." in text


def test_terminal_and_page() -> None:
    text = printed()
    assert "content not rendered" in text
    assert "podinfo 6.2.0" in text
    assert "± data.password" in text
    assert "this repository may feed it: flux-system/artifact. gitops-bot check says why." in " ".join(text.split())
    page = html_report(samples.unseen_report())
    assert f'<a href="{PAGE}" rel="noopener noreferrer">where it comes from</a>' in page
    assert "flux-system/artifact: it is fed by OCIRepository flux-system/fleet" in page


def test_json_says_that_a_gate_must_not_rely_on_it() -> None:
    values = json.loads(json_report(samples.unseen_report()))
    assert (values["verdict"], values["complete"], values["complete_without_a_person"]) == ("changes", True, False)
    (cluster,) = values["clusters"]
    assert [one["name"] for one in cluster["left_out"]] == ["artifact"]
    assert json.loads(json_report(samples.changes_report()))["complete_without_a_person"] is True
    assert json.loads(json_report(samples.blocked_report()))["complete_without_a_person"] is False


def test_what_makes_a_report_incomplete_for_a_gate() -> None:
    whole = samples.unseen_report()
    (cluster,) = whole.clusters
    (row,) = cluster.rows
    seen = replace(row, contents=(), sealed=())
    cases = {
        "chart": replace(cluster, rows=(replace(seen, contents=row.contents),), left_out=()),
        "encrypted": replace(cluster, rows=(replace(seen, sealed=row.sealed),), left_out=()),
        "left out": replace(cluster, rows=(seen,)),
        "nothing": replace(cluster, rows=(seen,), left_out=()),
        "a later tag": replace(cluster, rows=(seen,), left_out=(replace(cluster.left_out[0], at_once=False),)),
    }
    found = {name: replace(whole, clusters=(one,)).complete_without_a_person for name, one in cases.items()}
    assert found == {"chart": False, "encrypted": False, "left out": False, "nothing": True, "a later tag": True}


def test_nothing_but_an_encrypted_value_is_no_empty_headline() -> None:
    (row,) = samples.unseen_report().clusters[0].rows
    counts = tally([ClusterReport("c", Verdict.CHANGES, (replace(row, changes=(), contents=()),))])
    assert headline(Verdict.CHANGES, counts) == "Something changes that cannot be seen before the merge"


def test_no_other_scheme_becomes_a_link_however_it_came_into_a_report() -> None:
    for address in ("javascript:alert(1)", "http://evil.example", "https://evil.example/)[x](", "//evil.example", ""):
        version = ContentVersion("a", "1", None, address, address)
        change = ContentChange(ObjectReference("HelmRelease", "a", "b"), ("spec.values",), version, None)
        assert pages_of(change) == ()
