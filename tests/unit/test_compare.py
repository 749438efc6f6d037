"""The report of one Kustomization, from what flux would answer."""

import json
import time
from collections.abc import Mapping
from dataclasses import replace

import dyff_text
import pytest
from flux_texts import compared, config_map, failed, kustomization, rendered, side
from hypothesis import given, settings
from hypothesis import strategies as st

from gitops_bot.models.changes import FluxOutcome, Operation, Origin, OutcomeStatus, ResourceChange
from gitops_bot.models.kustomizations import KustomizationId, ObjectReference
from gitops_bot.models.reports import KustomizationReport, RowState, Verdict
from gitops_bot.rules.compare import Arriving, ComparisonInputs, Side, arriving_from, kustomization_report, moves
from gitops_bot.rules.verdict import cluster_verdict

WEB = ObjectReference("ConfigMap", "apps", "web")


def value_change(name: str, key: str, live: str, after: str) -> str:
    block = dyff_text.Block("± value change", (live,), (after,))
    return dyff_text.diffed_object(f"ConfigMap/apps/{name}", [dyff_text.difference(f"data.{key}", [block])])


def summary(report: KustomizationReport) -> list[str]:
    return [f"{change.operation} {change.object.name} {change.origin}" for change in report.changes]


def codes(report: KustomizationReport) -> list[str]:
    return [finding.code for finding in report.findings]


def report_of(
    base: Side | None, result: Side | None, inventory: tuple[str, ...] = (), **more: object
) -> KustomizationReport:
    owner = more.pop("kustomization", kustomization(inventory))
    return kustomization_report(ComparisonInputs(owner, base, result, **more))  # type: ignore[arg-type]


# ------------------------------------------------------------------ origins


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_origins_follow_the_definition(data: st.DataObject) -> None:
    """One key, every combination of what base, result, applied and live say of it."""
    values = st.sampled_from([None, "1", "2", "3"])
    b, r, a, live = (data.draw(values, label=label) for label in ("base", "result", "applied", "live"))
    ahead = data.draw(st.booleans(), label="main is ahead")
    a = a if ahead else b

    def entry(x: str | None) -> bool:
        # What Flux applied and the render leaves out is removed; what it never had is another owner's.
        return live is not None and a is not None if x is None else live != x

    def tree(x: str | None) -> Side:
        text = config_map("web", {"same": "x", **({"key": x} if x is not None else {})})
        if not entry(x):
            return side(text)
        if x is not None and live is not None:
            block = dyff_text.Block("± value change", (live,), (x,))
            return side(text, dyff_text.diffed_object(str(WEB), [dyff_text.difference("data.key", [block])]))
        lines = [f"key: {x or live}"]
        block = (dyff_text.added_entries if live is None else dyff_text.removed_entries)("map", lines, 1)
        return side(text, dyff_text.diffed_object(str(WEB), [dyff_text.difference("data", [block])]))

    report = report_of(tree(b), tree(r), ("ConfigMap/web",), applied=tree(a) if ahead else None)
    found = [field.origin for change in report.changes for field in change.fields]
    assert found == expected_origin(b, r, a, ahead=ahead, entry=entry)
    assert report.findings == ()


def expected_origin(b: object, r: object, a: object, *, ahead: bool, entry: object) -> list[Origin]:
    assert callable(entry)
    if not entry(b) and not entry(r):
        return []
    if b == r:
        return [Origin.PENDING if ahead and not entry(a) else Origin.DRIFT]
    if not entry(b):
        return [Origin.PULL_REQUEST]
    if not entry(r):
        return [Origin.WITHDRAWN if ahead and a == r else Origin.ADOPTED]
    return [Origin.PULL_REQUEST if ahead and not entry(a) else Origin.UNDONE]


def test_a_block_is_shown_whole_where_all_of_it_has_one_origin() -> None:
    block = dyff_text.added_entries("map", ["a: 1", "b: 2"], 2)
    diff = dyff_text.diffed_object(str(WEB), [dyff_text.difference("data", [block])])
    report = report_of(side(config_map("web")), side(config_map("web", {"a": "1", "b": "2"}), diff))
    (field,) = report.changes[0].fields
    assert (field.path, field.headline, field.after) == ("data", "+ two map entries added:", "a: 1\nb: 2")


def test_a_block_is_taken_apart_where_its_origins_differ() -> None:
    lost = dyff_text.diffed_object(
        str(WEB), [dyff_text.difference("data", [dyff_text.added_entries("map", ["a: 1"], 1)])]
    )
    both = dyff_text.added_entries("map", ["a: 1", "b: 2"], 2)
    diff = dyff_text.diffed_object(str(WEB), [dyff_text.difference("data", [both])])
    report = report_of(side(config_map("web", {"a": "1"}), lost), side(config_map("web", {"a": "1", "b": "2"}), diff))
    assert [(field.path, field.after, field.origin) for field in report.changes[0].fields] == [
        ("data.b", "2", Origin.PULL_REQUEST),
        ("data.a", "1", Origin.DRIFT),
    ]


def test_what_the_api_server_derives_from_the_pull_request_is_the_pull_requests() -> None:
    diff = dyff_text.diffed_object(
        str(WEB),
        [
            dyff_text.difference("spec", [dyff_text.added_entries("map", ["derived: 1"], 1)]),
            dyff_text.difference("data.type", [dyff_text.Block("± value change", ("a",), ("b",))]),
        ],
    )
    report = report_of(side(config_map("web", {"type": "a"})), side(config_map("web", {"type": "b"}), diff))
    assert {field.origin for field in report.changes[0].fields} == {Origin.PULL_REQUEST}


def test_two_diffs_that_contradict_each_other_are_named() -> None:
    """Both renders state the field alike, and only the later look sees it changed: live moved in between."""
    text = config_map("web", {"a": "1", "b": "1"})
    report = report_of(side(text), side(config_map("web", {"a": "1", "b": "2"}), value_change("web", "a", "9", "1")))
    (change,) = report.changes
    assert change.fields[0].origin is Origin.DRIFT
    assert len(change.notes) == 1


def test_the_generation_is_no_change() -> None:
    block = dyff_text.Block("± value change", ("1",), ("2",))
    diff = dyff_text.diffed_object(str(WEB), [dyff_text.difference("metadata.generation", [block])])
    assert report_of(side(config_map("web")), side(config_map("web"), diff)).changes == ()


def test_a_created_object_shows_its_body_and_a_secret_only_its_keys() -> None:
    text = (
        config_map("new", {"a": "1"})
        + "---\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {password: hunter2}\n"
    )
    report = report_of(side(""), side(text, "► ConfigMap/apps/new created\n► Secret/s created\n"))
    body, secret = (change.body for change in report.changes)
    assert "a: '1'" in body
    assert "password: '***'" in secret
    assert "hunter2" not in str(report)
    assert "aHVudGVyMg" not in str(report)


# ------------------------------------------------------------------ deletions


def test_a_failing_object_hides_no_deletion() -> None:
    result = Side(rendered(config_map("web")), failed("ConfigMap/apps/web dry-run failed (Invalid): no"))
    report = report_of(side(config_map("web") + config_map("old")), result, ("ConfigMap/web", "ConfigMap/old"))
    assert summary(report) == ["delete old pull_request"]
    assert report.state is RowState.FAILING


@pytest.mark.parametrize(
    ("spec", "changes", "findings"),
    [
        ({}, ["delete web pull_request"], []),
        ({"prune": False}, [], ["orphaned"]),
        ({"prune": False, "deletionPolicy": "Delete"}, ["delete web pull_request"], []),
        ({"deletionPolicy": "Orphan"}, [], ["orphaned"]),
        ({"deletionPolicy": "WaitForTermination"}, ["delete web pull_request"], []),
        ({"suspend": True}, [], ["orphaned"]),
    ],
)
def test_a_removed_kustomization_takes_its_inventory_along_or_not(
    spec: Mapping[str, object], changes: list[str], findings: list[str]
) -> None:
    owner = kustomization(["ConfigMap/web"], **spec)
    report = report_of(side(config_map("web")), None, kustomization=owner)
    assert (summary(report), codes(report)) == (changes, findings)
    assert report.state is RowState.REMOVED


@pytest.mark.parametrize(
    "metadata",
    [
        {"annotations": {"kustomize.toolkit.fluxcd.io/prune": "Disabled"}},
        {"labels": {"kustomize.toolkit.fluxcd.io/reconcile": "disabled"}},
        {
            "labels": {
                "kustomize.toolkit.fluxcd.io/name": "other",
                "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
            }
        },
    ],
)
def test_what_the_live_object_says_saves_it(metadata: dict[str, dict[str, str]]) -> None:
    live = {ObjectReference("ConfigMap", "apps", "old"): {"kind": "ConfigMap", "metadata": metadata}}
    report = report_of(side(config_map("old")), side(""), ("ConfigMap/old",), live_objects=live)
    assert (summary(report), codes(report)) == ([], ["orphaned"])


def test_a_deleted_object_tells_what_is_lost() -> None:
    labels = {"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}
    live = {
        ObjectReference("StatefulSet", "apps", "db", "apps"): {
            "kind": "StatefulSet",
            "metadata": {"labels": labels},
            "spec": {"replicas": 3, "volumeClaimTemplates": [{"metadata": {"name": "data"}}]},
        }
    }
    report = report_of(side(""), side(""), ("StatefulSet/db",), live_objects=live)
    assert report.changes[0].facts == ("3 replicas", "volume data per replica")


def test_a_child_meets_the_new_commit_with_its_old_spec() -> None:
    """The merge switches prune off and removes a file: the controller prunes first."""
    owner = kustomization(["ConfigMap/old"])
    after = replace(owner, spec={**owner.spec, "prune": False})
    report = report_of(
        side(config_map("old")), side(""), kustomization=owner, rendered=after, result_by_live_spec=side("")
    )
    assert summary(report) == ["delete old pull_request"]
    assert "orphaned" not in codes(report)
    assert report.changes[0].notes


# ------------------------------------------------------------------ one side fails


def test_a_result_that_does_not_build_deletes_nothing() -> None:
    result = Side(failed("kustomize build failed: accumulating resources"))
    report = report_of(side(config_map("web")), result, ("ConfigMap/web",))
    assert (report.changes, report.state, codes(report)) == ((), RowState.FAILING, ["build-failed"])


def test_a_base_that_does_not_build_creates_nothing() -> None:
    base = Side(failed("kustomize build failed: accumulating resources"))
    report = report_of(base, side(config_map("web"), "► ConfigMap/apps/web created\n"))
    assert (report.changes, report.state, codes(report)) == ((), RowState.NOT_ANALYSED, ["base-does-not-build"])
    assert cluster_verdict([report]) is Verdict.INCOMPLETE


def test_a_cluster_that_does_not_answer_says_nothing_about_the_pull_request() -> None:
    for outcome in (
        FluxOutcome(OutcomeStatus.UNAVAILABLE, message="token expired"),
        failed("failed to get server groups: dial tcp 127.0.0.1:1: connect: connection refused"),
    ):
        report = report_of(side(config_map("web")), Side(rendered(""), outcome), ("ConfigMap/web",))
        assert (report.changes, report.state, codes(report)) == ((), RowState.NOT_ANALYSED, ["cluster-unavailable"])
        assert cluster_verdict([report]) is Verdict.INCOMPLETE


def test_without_a_comparison_of_the_base_the_report_is_incomplete() -> None:
    base = Side(rendered(config_map("web", {"a": "1"})), failed("ConfigMap/apps/bad dry-run failed (Invalid): no"))
    report = report_of(base, side(config_map("web", {"a": "2"}), value_change("web", "a", "9", "2")))
    assert summary(report) == ["change web pull_request"]
    assert codes(report) == ["base-not-compared"]
    assert cluster_verdict([report]) is Verdict.INCOMPLETE


def test_what_mends_the_base_is_worth_telling_though_the_cluster_has_it_already() -> None:
    base = Side(rendered(config_map("web", {"a": "1"})), failed("ConfigMap/apps/web dry-run failed (Invalid): no"))
    report = report_of(base, side(config_map("web", {"a": "2"})))
    assert (report.state, codes(report)) == (RowState.UNCHANGED, ["base-not-compared"])
    assert report.tells_something
    assert not replace(report, findings=()).tells_something


def test_a_result_that_could_not_be_compared_is_told_from_the_files() -> None:
    base = side(config_map("web", {"a": "1", "b": "1"}), value_change("web", "b", "9", "1"))
    message = (
        '[Widget/apps/x dry-run failed: no matches for kind "Widget" in version "a.b/v1", '
        "Widget/apps/y dry-run failed: no]"
    )
    text = config_map("web", {"a": "2", "b": "1"}) + config_map("new")
    report = report_of(base, Side(rendered(text), failed(message)), ("ConfigMap/web",))
    assert summary(report) == ["change web pull_request", "create new pull_request"]
    assert [(field.path, field.origin) for field in report.changes[0].fields] == [
        ("data.a", Origin.PULL_REQUEST),
        ("data.b", Origin.DRIFT),
    ]
    assert all(change.notes for change in report.changes)
    assert cluster_verdict([report]) is Verdict.BLOCKED


def test_a_render_that_is_no_yaml_is_a_finding() -> None:
    report = report_of(side(config_map("web")), side("a: [b"))
    assert (report.state, codes(report)) == (RowState.NOT_ANALYSED, ["unreadable-render"])


# ------------------------------------------------------------------ forged and unread text


@pytest.mark.parametrize(
    "diff",
    [
        "► Secret/apps/never-rendered created\n",
        "► ConfigMap/apps/never-applied deleted\n",
        value_change("web", "a", "1", "2") * 2,
        "what is this\n",
        "► ConfigMap/apps/web drifted\n\ndata\n+ two map entries added:\n  a: 1\n\n",
        "► ConfigMap/apps/web drifted\n\nspec.args\n⇆ order changed\n- x, a\n► ConfigMap/apps/web created\n+ a\n\n",
    ],
)
def test_a_text_that_does_not_add_up_makes_the_report_incomplete(diff: str) -> None:
    report = report_of(
        side(config_map("web", {"a": "1"})), side(config_map("web", {"a": "2"}), diff), ("ConfigMap/web",)
    )
    assert "diff-not-understood" in codes(report)
    assert cluster_verdict([report]) is Verdict.INCOMPLETE


# ------------------------------------------------------------------ rows


def test_rows_of_every_state() -> None:
    text = config_map("web")
    created = side(text, "► ConfigMap/apps/web created\n")
    assert report_of(None, created).state is RowState.NEW
    assert report_of(side(text), side(text)).state is RowState.UNCHANGED
    suspended = report_of(side(""), created, kustomization=kustomization(suspend=True))
    assert (suspended.state, bool(suspended.notes)) == (RowState.SUSPENDED, True)
    remote = report_of(side(text), side(text), kustomization=kustomization(kubeConfig={"secretRef": {"name": "x"}}))
    assert (remote.state, codes(remote)) == (RowState.REMOTE, ["remote"])
    assert cluster_verdict([remote]) is Verdict.INCOMPLETE


def test_what_comes_along_is_waited_for() -> None:
    message = 'ConfigMap/new/web not found: namespaces "new" not found'
    render = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web, namespace: new}\n"
    alone = report_of(side(""), Side(rendered(render), failed(message)))
    assert (codes(alone), alone.state) == (["missing-namespace"], RowState.FAILING)
    parent = arriving_from("apiVersion: v1\nkind: Namespace\nmetadata: {name: new}\n")
    waiting = report_of(side(""), Side(rendered(render), failed(message)), arriving=parent)
    assert (codes(waiting), waiting.state) == (["pending-namespace"], RowState.CHANGED)
    assert cluster_verdict([waiting]) is Verdict.CHANGES
    assert arriving_from("a: [") == Arriving()


def test_a_move_between_two_kustomizations_is_named_on_both_rows() -> None:
    giver = report_of(side(config_map("web")), side(""), ("ConfigMap/web",))
    taker = report_of(side(""), side(config_map("web"), value_change("web", "a", "1", "2")))
    taker = replace(taker, id=KustomizationId("production", "flux-system", "other"))
    moved = moves([giver, taker])
    assert [codes(row) for row in moved] == [["moved"], ["moved"]]
    assert moves([giver]) == (giver,)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ([Origin.ADOPTED, Origin.WITHDRAWN, Origin.DRIFT, Origin.PENDING], Verdict.NO_EFFECT),
        ([Origin.UNDONE], Verdict.CHANGES),
    ],
)
def test_only_what_the_merge_makes_happen_is_an_effect(changes: list[Origin], verdict: Verdict) -> None:
    rows = [ResourceChange(WEB, Operation.CHANGE, origin) for origin in changes]
    report = replace(report_of(side(""), side("")), changes=tuple(rows))
    assert cluster_verdict([report]) is verdict


def test_the_diff_of_nothing_is_not_a_missing_diff() -> None:
    report = report_of(side(config_map("web")), Side(rendered(config_map("web", {"a": "1"}))))
    assert codes(report) == ["not-compared"]
    assert cluster_verdict([report]) is Verdict.INCOMPLETE
    assert compared().usable


def test_an_object_of_thousands_of_items_is_compared_in_a_moment() -> None:
    """A megabyte holds many, and whoever may push writes them."""
    names = [f"i{number}" for number in range(4_000)]

    def widget(value: str) -> str:
        items = [{"name": name, "v": value} for name in names]
        return json.dumps(
            {"apiVersion": "e.x/v1", "kind": "Widget", "metadata": {"name": "w", "namespace": "apps"}, "items": items}
        )

    changed = [
        dyff_text.difference(f"items.{name}.v", [dyff_text.Block("± value change", ("a",), ("b",))]) for name in names
    ]
    base, result = side(widget("a")), side(widget("b"), dyff_text.diffed_object("Widget/apps/w", changed))
    live = {ObjectReference("Widget", "apps", "w", "e.x"): json.loads(widget("a"))}
    before = time.process_time()
    report = report_of(base, result, ("Widget/w",), live_objects=live)
    assert len(report.changes[0].fields) == len(names)
    assert time.process_time() - before < 5
