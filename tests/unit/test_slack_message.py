"""The Slack message: what it says, that it fits, and that foreign text is never parsed."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import sample_reports as samples
from hostile_reports import SENTINEL, hostile_report
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitops_bot.models.chat import ChatMessage
from gitops_bot.models.records import Decision
from gitops_bot.models.reports import Report
from gitops_bot.rules.decisions import Action
from gitops_bot.sandbox.slack.block_kit import check_message_blocks
from gitops_bot.views.slack_blocks import measure
from gitops_bot.views.slack_message import (
    failure_message,
    open_pull_requests_message,
    problem_message,
    progress_message,
    review_message,
)

EVERYTHING = (
    Action.APPROVE,
    Action.COMMENT,
    Action.VIEW,
    Action.REQUEST_CHANGES,
    Action.LOOK,
    Action.HOLD,
)


def show(report: Report, **more: Any) -> ChatMessage:
    return review_message(report, key="k", report_id="r1", **more)[0]


def decision(action: str, message: str = "", outcome: str = "done", **more: Any) -> Decision:
    given = {
        "pull_request": "acme/fleet#7",
        "action": action,
        "outcome": outcome,
        "slack_user": "U0123456789",
        "github_login": "octocat",
        "commit": samples.HEAD,
        "report_id": "r1",
        "click": "c1",
        "at": datetime(2026, 11, 21, 14, 5, tzinfo=UTC),
        "message": message,
    }
    return Decision(**given | more)


def texts(value: Any) -> Iterator[Mapping[str, Any]]:
    """Give every text object in blocks."""
    if isinstance(value, Mapping):
        if isinstance(value.get("text"), str):
            yield value
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts(item)


def words(message: ChatMessage) -> str:
    return "\n".join(text["text"] for text in texts(message.blocks))


def buttons(message: ChatMessage) -> dict[str, Mapping[str, Any]]:
    rows = [block["elements"] for block in message.blocks if block["type"] == "actions"]
    return {element["action_id"]: element for row in rows for element in row}


def hold_slack_to(message: ChatMessage) -> None:
    """Slack takes it, with room to spare, and parses nothing that is not ours."""
    check_message_blocks(json.loads(json.dumps(message.blocks)))
    assert len(message.blocks) <= 50
    assert measure(message.blocks) <= 9_000
    assert len(message.text) <= 3_000
    for text in texts(message.blocks):
        assert text["type"] in {"mrkdwn", "plain_text", "text"}
        if text["type"] == "mrkdwn":
            assert text["verbatim"] is True
            assert SENTINEL not in text["text"]
        if text["type"] == "plain_text":
            assert text["emoji"] is False
    assert "<" not in message.text
    message.text.encode()
    words(message).encode()


def test_what_a_reviewer_reads() -> None:
    message = show(samples.changes_report(), actions=(Action.APPROVE, Action.COMMENT, Action.VIEW))
    assert [text["text"] for text in texts(message.blocks)] == [
        "Give the shop three replicas",
        (
            "<https://github.com/acme/fleet/pull/7|acme/fleet#7> · by `octocat` · `1a2b3c4` onto `main` `9f8e7d6` · "
            "as of 14:02 UTC, 21 Nov 2026"
        ),
        (
            "🔷 *2 objects change, 1 is created, nothing is deleted* in `production`.\n"
            "The cluster accepts it.\n"
            "Not from this pull request: drift in 2 objects."
        ),
        "🔷 *`flux-system/shop`*",
        (
            "± Deployment/apps/web changes\n"
            "  spec.replicas\n"
            "  - 2\n"
            "  + 3\n"
            "  spec.template.spec.containers.web.image\n"
            "  - shop/web:1.8.2\n"
            "  + shop/web:1.9.0\n"
            "  # 1 field: drift that was there before\n"
            "± ConfigMap/apps/web-settings changes\n"
            "  data.LOG_LEVEL\n"
            "  - info\n"
            "  + debug\n"
            "+ PodDisruptionBudget/apps/web is created\n"
            "  + apiVersion: policy/v1\n"
            "  + kind: PodDisruptionBudget\n"
            "  + metadata:\n"
            "  +   name: web\n"
            "  +   namespace: apps\n"
            "  + spec:\n"
            "  +   minAvailable: 2\n"
            "  +   selector:\n"
            "  # … 2 more lines"
        ),
        "📎 Not shown here: parts of 1 object. The file in the thread has everything, drift included.",
        "Approve 1a2b3c4",
        "Post diff as comment",
        "View",
    ]
    assert message.text == (
        "acme/fleet#7 Give the shop three replicas: 2 objects change, 1 is created, nothing is deleted. "
        "The cluster accepts it. (production)"
    )
    assert message.key == "k"


@pytest.mark.parametrize("sample", sorted(samples.SAMPLES))
def test_every_sample_fits(sample: str) -> None:
    hold_slack_to(show(samples.SAMPLES[sample](), actions=EVERYTHING, decisions=[decision("approve", "fine")] * 9))


def test_buttons_carry_the_report_and_only_what_is_allowed() -> None:
    found = buttons(show(samples.changes_report(), actions=EVERYTHING))
    assert {name: button.get("value") for name, button in found.items()} == {
        "approve": "r1",
        "comment": "r1",
        "view": None,
        "more": None,
    }
    options = {option["value"]: option["text"]["text"] for option in found["more"]["options"]}
    assert options == {"request_changes r1": "Request changes …", "look acme/fleet#7": "Run again", "hold r1": "Hold"}
    assert found["view"]["url"] == "https://github.com/acme/fleet/pull/7"
    assert "confirm" not in found["approve"]
    assert set(buttons(show(samples.changes_report()))) == {"comment", "view"}
    assert buttons(show(samples.changes_report(), actions=())) == {}


def test_an_address_that_is_none_gives_no_button() -> None:
    message = show(samples.hostile_report(), actions=EVERYTHING)
    assert "view" not in buttons(message)
    assert "javascript" not in json.dumps(message.blocks)


def test_a_hold_is_said_above_all_deeds_until_it_is_released() -> None:
    hold, release = decision("hold"), decision("release", slack_user="U0999999999")
    assert "*On hold* by @octocat" in words(show(samples.changes_report(), decisions=[hold]))
    assert "*On hold*" not in words(show(samples.changes_report(), decisions=[hold, release]))


def test_a_withdrawn_approval_says_why() -> None:
    done = [decision("approve", commit="b" * 40), decision("withdraw", "the head is 1a2b3c4 now", commit="b" * 40)]
    shown = words(show(samples.changes_report(), decisions=done))
    assert "Withdrawn: the approval of `bbbbbbb`, an earlier commit by @octocat" in shown
    failed = decision("withdraw", "GitHub said 403", outcome="failed", slack_user="")
    assert "Could not withdraw the approval of `1a2b3c4` by @octocat: GitHub said 403" in words(
        show(samples.changes_report(), decisions=[failed])
    )


def test_who_did_what() -> None:
    done = [
        decision("comment", "https://github.com/acme/fleet/pull/7#issuecomment-1"),
        decision("approve", "GitHub still asks for another review"),
        decision("approve", "not you", outcome="refused", slack_user="U0999999999"),
        decision("approve", commit="b" * 40, github_login="", slack_user="not an id"),
    ]
    shown = [text["text"] for text in texts(show(samples.changes_report(), decisions=done).blocks)]
    assert shown[-3:] == [
        (
            "💬 Posted `1a2b3c4` as a <https://github.com/acme/fleet/pull/7#issuecomment-1|comment> "
            "by @octocat (<@U0123456789>)"
        ),
        "✅ Approved `1a2b3c4` by @octocat (<@U0123456789>): GitHub still asks for another review",
        "✅ Approved `bbbbbbb`, an earlier commit by somebody",
    ]


def test_of_the_same_deed_the_newest_is_shown_and_of_many_the_last_five() -> None:
    done = [decision("comment", f"https://github.com/a/b/pull/7#{number}") for number in range(3)]
    shown = words(show(samples.changes_report(), decisions=done))
    assert shown.count("Posted") == 1
    assert "pull/7#2" in shown
    many = [decision("approve", slack_user=f"U000000000{number}") for number in range(9)]
    assert words(show(samples.changes_report(), decisions=many)).count("Approved") == 5


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"state": "closed", "merged": True}, "🟣 *merged*"),
        ({"state": "closed"}, "⚫ *closed*"),
        ({"draft": True}, "📝 draft"),
        ({"head_repository": None}, "🍴 from a fork"),
    ],
)
def test_the_state_of_the_pull_request(change: dict[str, Any], said: str) -> None:
    report = replace(samples.changes_report(), pull_request=samples.pull_request(**change))
    assert said in words(show(report))
    assert said not in words(show(samples.changes_report()))


def test_blocked_says_why_and_what_to_do() -> None:
    said = words(show(samples.blocked_report()))
    assert "⛔ *Blocked* in `production`.\nIt cannot be applied as it is." in said
    assert "⛔ Deployment/apps/web: spec.selector cannot be changed once the object exists\n→ Give the" in said
    assert "field is immutable" in said


def test_a_cluster_that_cannot_be_reached_is_a_row() -> None:
    said = words(show(samples.unreachable_report()))
    assert "⚠️ *Cluster `staging`*\nIncomplete." in said
    assert "⚠️ the API server of staging does not answer\n→ It is asked again" in said


def test_the_same_in_two_clusters_is_shown_once() -> None:
    said = words(show(samples.two_clusters_report()))
    assert said.count("± Deployment/apps/web changes") == 1
    assert "The same in `flux-system/shop` in `staging`." in said
    assert "As above: `flux-system/shop`" in said


def test_forty_times_the_same_is_shown_once_with_its_places() -> None:
    said = words(show(samples.shared_base_report(40)))
    assert said.count("proxy:3.2") == 1
    assert "*`flux-system/team-00`* and 39 more Kustomizations" in said
    assert "`flux-system/team-04` and 35 more." in said


def test_what_is_left_out_is_counted_and_in_the_file() -> None:
    report = samples.large_report(40, 50)
    message, (file,) = review_message(report, key="k", report_id="r1")
    said = words(message)
    shown = sum(said.count(f"Deployment/team-{number:02d}/service-") for number in range(40))
    assert shown > 20
    assert f"📎 Not shown here: 28 Kustomizations and {2_000 - shown:,} objects." in said
    whole = file.content.decode()
    assert whole.count("± Deployment/") == 2_000
    assert file.kind == "html"


def test_the_file_is_named_by_what_was_found_and_not_by_when() -> None:
    report = samples.changes_report()
    later = replace(report, looked_at=report.looked_at.replace(hour=23))
    _, (first,) = review_message(report, key="k", report_id="r1")
    _, (second,) = review_message(later, key="k", report_id="r2")
    assert first.name == second.name
    assert first.name.startswith("fleet-7-1a2b3c4-")
    assert first.name.endswith(".html")
    _, (moved,) = review_message(replace(report, base_tip="c" * 40), key="k", report_id="r1")
    assert moved.name == first.name
    (cluster,) = report.clusters
    (row,) = cluster.rows
    other = replace(report, clusters=(replace(cluster, rows=(replace(row, changes=row.changes[1:]),)),))
    assert review_message(other, key="k", report_id="r1")[1][0].name != first.name


@pytest.mark.parametrize("sample", ["no-effect", "blocked", "held", "shared-base"])
def test_nothing_left_out_needs_no_file(sample: str) -> None:
    message, files = review_message(samples.SAMPLES[sample](), key="k", report_id="r1")
    assert files == ()
    assert "📎" not in words(message)


@given(st.integers(0, 10**9), st.integers(1, 3), st.integers(0, 12), st.integers(0, 12))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_report_fits_and_foreign_text_is_never_parsed(
    seed: int, clusters: int, kustomizations: int, objects: int
) -> None:
    report = hostile_report(seed, clusters=clusters, kustomizations=kustomizations, objects=objects)
    message, files = review_message(report, key="k", report_id="r" * 40, actions=EVERYTHING)
    hold_slack_to(message)
    for file in files:
        file.content.decode()


@given(st.integers(0, 10**9))
@settings(max_examples=3, deadline=None)
def test_forty_kustomizations_with_fifty_objects_fit(seed: int) -> None:
    hold_slack_to(show(hostile_report(seed, clusters=2, kustomizations=40, objects=50), actions=EVERYTHING))


def test_twenty_clusters_fit() -> None:
    message = show(hostile_report(1, clusters=20, kustomizations=3, objects=2))
    hold_slack_to(message)
    assert "12 clusters" in words(message)


def test_progress() -> None:
    message = progress_message(samples.pull_request(), 36, 120, key="k")
    hold_slack_to(message)
    assert "👀 *Looking at 37 of 120 …*" in words(message)
    assert "Looking for what it touches" in words(progress_message(samples.pull_request(), key="k"))


def test_a_failure_names_itself_and_never_says_no_changes() -> None:
    message = failure_message(samples.pull_request(), "cannot fetch: <!here> 404", key="k", gives_up=True)
    hold_slack_to(message)
    assert "Nothing is known of what it does" in words(message)
    assert "cannot fetch: <!here> 404" in words(message)
    assert set(buttons(message)) == {"look", "view"}
    assert set(buttons(failure_message(samples.pull_request(), "x", key="k"))) == {"view"}


def test_a_problem_and_its_end() -> None:
    began = problem_message("cluster staging", f"{SENTINEL}<!channel>\x1b[31m" + "long " * 900, key="k")
    hold_slack_to(began)
    assert r"Cluster staging:" in words(began)
    ended = problem_message("cluster staging", "", key="k")
    hold_slack_to(ended)
    assert "It works again" in words(ended)


def test_pull_requests_that_were_open_before() -> None:
    pulls = [samples.pull_request(number, f"{SENTINEL}Title <!here> {number}") for number in range(1, 131)]
    message = open_pull_requests_message(pulls[0].repository, pulls, key="k")
    hold_slack_to(message)
    menu = buttons(message)["look"]
    assert len(menu["options"]) == 100
    assert menu["options"][0]["value"] == "acme/fleet#130"
    assert "130 pull requests were open already" in words(message)
    assert "… and 110 more" in words(message)
    one = open_pull_requests_message(pulls[0].repository, pulls[:1], key="k")
    assert "1 pull request was open already" in words(one)
