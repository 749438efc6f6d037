"""What a report comes to, in words."""

import time
from collections import Counter
from dataclasses import replace

import pytest
import sample_reports as samples

from gitops_bot.models.changes import Operation, Origin
from gitops_bot.models.reports import ClusterReport, RowState, Severity, Verdict
from gitops_bot.views.lines import Measure, alike, indented, object_lines, value_lines
from gitops_bot.views.summary import Tally, groups, headline, remarks, row_sign, sentence, sign, tally, tally_row
from gitops_bot.views.words import ACCEPTANCE, OPERATIONS, ORIGINS, ROW_STATES, SEVERITIES, VERDICTS, verdict_words


def test_every_word_of_the_models_has_words_here() -> None:
    assert set(VERDICTS) == set(ACCEPTANCE) == set(Verdict)
    assert set(ORIGINS) == set(Origin)
    assert set(OPERATIONS) == set(Operation)
    assert set(ROW_STATES) == set(RowState)
    assert set(SEVERITIES) == set(Severity)


@pytest.mark.parametrize(
    ("operations", "said"),
    [
        ({}, "nothing changes"),
        ({Operation.CHANGE: 1}, "1 object changes, nothing is deleted"),
        ({Operation.CHANGE: 2, Operation.CREATE: 1}, "2 objects change, 1 is created, nothing is deleted"),
        ({Operation.CREATE: 2}, "2 objects are created, nothing is deleted"),
        ({Operation.DELETE: 1}, "1 object is deleted"),
        ({Operation.CHANGE: 1, Operation.DELETE: 3}, "1 object changes, 3 are deleted"),
        ({Operation.RECREATE: 1}, "1 object is deleted and created anew"),
        ({Operation.RECREATE: 2, Operation.DELETE: 1}, "2 objects are deleted and created anew, 1 is deleted"),
        ({Operation.CHANGE: 1_500}, "1,500 objects change, nothing is deleted"),
        ({Operation.SKIP: 4}, "nothing changes"),
    ],
)
def test_the_sentence(operations: dict[Operation, int], said: str) -> None:
    assert sentence(Tally(Counter(operations))) == said


@pytest.mark.parametrize(
    ("sample", "said", "accepted"),
    [
        ("changes", "2 objects change, 1 is created, nothing is deleted", "The cluster accepts it."),
        ("no-effect", "No effect on what runs", "The cluster accepts it."),
        ("blocked", "Blocked", "It cannot be applied as it is."),
        ("conflict", "Blocked", "It cannot be applied as it is."),
        ("held", "Held", "Nothing was looked at, because it is not trusted yet."),
        (
            "unreachable",
            "Incomplete: 2 objects change, 1 is created, nothing is deleted, as far as could be seen",
            "Not everything could be looked at.",
        ),
        ("two-clusters", "4 objects change, 3 are created, nothing is deleted", "Every cluster accepts it."),
        (
            "destructive",
            "1 object changes, 1 is deleted and created anew, 3 are deleted",
            "The cluster accepts it.",
        ),
        ("every-state", "Blocked: 2 objects change, 1 is created, 1 is deleted", "It cannot be applied as it is."),
    ],
)
def test_the_headline_of_each_sample(sample: str, said: str, accepted: str) -> None:
    report = samples.SAMPLES[sample]()
    assert headline(report.verdict, tally(report.clusters)) == said
    assert verdict_words(report.verdict, len(report.clusters)) == accepted


def test_drift_is_counted_apart_from_the_pull_request() -> None:
    counts = tally(samples.changes_report().clusters)
    assert counts.objects == 3
    assert not counts.destroys
    assert remarks(counts) == ["Not from this pull request: drift in 2 objects."]


def test_each_origin_has_its_remark() -> None:
    report = samples.every_state_report()
    assert remarks(tally(report.clusters)) == [
        "1 object would change only when a suspended Kustomization is resumed.",
        "Overwrites what somebody changed in the cluster by hand, in 1 object.",
        "Not from this pull request: drift in 1 object and 1 object waiting on the base branch.",
        "Already so in the cluster: 1 object.",
        "Taken back before it was ever applied: 1 object.",
        "Left alone by Flux, so not reviewed: 1 object.",
    ]


def test_hidden_characters_are_told() -> None:
    said = remarks(tally(samples.hostile_report().clusters))
    assert said[0] == r"⚠️ Hidden characters in 3 objects, shown here as escapes like \u202e."


def test_a_suspended_deletion_is_still_a_deletion() -> None:
    row = samples.row("old", samples.deleted("Namespace", "a"), state=RowState.SUSPENDED)
    counts = tally_row(row)
    assert counts.objects == 0
    assert counts.destroys
    assert headline(Verdict.CHANGES, counts) == "Nothing changes at once"
    assert sign(Verdict.CHANGES, counts) == row_sign(row) == "🔴"


def test_the_same_in_many_places_is_one_group() -> None:
    (group,) = groups(samples.shared_base_report(40))
    assert len(group.places) == 40
    assert str(group.places[0]) == "flux-system/team-00"
    several = groups(samples.two_clusters_report())
    assert [[place.cluster for place in group.places] for group in several] == [["production", "staging"], ["staging"]]


def test_rows_that_differ_are_not_put_together() -> None:
    first = samples.row("a", samples.changed("ConfigMap", "c", samples.field_change("data.x", "1", "2")))
    other = samples.row("b", samples.changed("ConfigMap", "c", samples.field_change("data.x", "1", "3")))
    elsewhere = samples.row("c", samples.created("ConfigMap", "c", "a: 1", namespace="x"))
    again = samples.row("d", samples.created("ConfigMap", "c", "a: 1", namespace="y"))
    report = samples.report(ClusterReport("production", Verdict.CHANGES, (first, other, elsewhere, again)))
    assert len(groups(report)) == 4


def test_what_matters_most_comes_first() -> None:
    names = [group.row.id.name for group in groups(samples.every_state_report())]
    assert names == ["broken", "gone", "mixed", "added", "unseen", "paused", "elsewhere", "docs"]


def test_lines_of_an_object() -> None:
    change = samples.shop_row().changes[0]
    assert [indented(line) for line in object_lines(change)] == [
        "± Deployment/apps/web changes",
        "  spec.replicas",
        "  - 2",
        "  + 3",
        "  spec.template.spec.containers.web.image",
        "  - shop/web:1.8.2",
        "  + shop/web:1.9.0",
        "  metadata.labels.touched-by  - one map entry removed:  (drift that was there before)",
        "  - alice",
    ]
    brief = [indented(line) for line in object_lines(change, Measure(foreign=False))]
    assert brief[-1] == "  # 1 field: drift that was there before"
    assert len(brief) == 8


@pytest.mark.parametrize(
    ("before", "after"),
    [("x\n" * 740, "x\ny\n" * 370), ("a\nb\n" * 370, "a\na\nb\n" * 246), ("x\n" * 1300, "x\ny\n" * 99)],
    ids=["every other line", "a period", "long and short"],
)
def test_texts_of_equal_lines_are_compared_in_a_moment(before: str, after: str) -> None:
    """Hundreds of such texts go into a report of ordinary size."""
    began = time.process_time()
    shown = [str(line) for line in value_lines(before, after)]
    assert time.process_time() - began < 0.5
    assert sum(line.startswith("-") for line in shown) >= before.count("\n") - after.count("\n")


def test_of_two_long_texts_only_the_difference_is_shown() -> None:
    before = "\n".join(f"line {number}" for number in range(50))
    after = before.replace("line 25", "line twenty-five")
    assert [str(line) for line in value_lines(before, after)] == [
        "  # …",
        "    line 24",
        "- line 25",
        "+ line twenty-five",
        "    line 26",
    ]


def test_a_value_cannot_bring_a_line_of_its_own() -> None:
    nasty = replace(samples.field_change("a\n+ b", "x", "1\n@@ fake @@\n+ 2"), headline="h\n- c")
    shown = [indented(line) for line in object_lines(samples.changed("Config\nMap", "n\nm", nasty))]
    assert shown == [
        r"± Config\nMap/apps/n\nm changes",
        r"  a\n+ b  h\n- c",
        "  - x",
        "  + 1",
        "  + @@ fake @@",
        "  + + 2",
    ]


def test_long_values_are_counted_not_dropped() -> None:
    body = "\n".join(f"key-{number}: 1" for number in range(30))
    shown = object_lines(samples.created("ConfigMap", "c", body), Measure(value_lines=8))
    assert len(shown) == 10
    assert shown[-1].text == "… 22 more lines"


def test_what_is_switched_off_is_counted() -> None:
    report = samples.quiet_report()
    assert remarks(tally(report.clusters))[-1] == (
        "Hidden by your settings: 3 fields and 5 objects (noise.fields[0], noise.kinds[1], noise.kustomizations[0])."
    )


def test_what_only_settings_hide_is_still_a_change() -> None:
    report = samples.quiet_report()
    counts = tally_row(report.clusters[0].rows[1])
    assert headline(Verdict.CHANGES, counts) == "Nothing changes but what your settings hide"


def test_the_same_change_under_other_names_is_shown_once_with_the_names() -> None:
    one, other = groups(samples.component_report(5))
    assert [str(place) for place in one.places] == [f"flux-system/team-0{number}" for number in range(5)]
    assert [called for _, called in one.others()] == [
        "`Deployment/web`",
        "`Deployment/worker`",
        "`Deployment/mail`",
        "",
    ]
    assert len(other.places) == 1


def test_what_goes_is_not_the_same_under_another_name() -> None:
    rows = [samples.row(f"team-{name}", samples.deleted("ConfigMap", name)) for name in ("a", "b")]
    report = samples.report(ClusterReport("production", Verdict.CHANGES, tuple(rows)))
    assert len(groups(report)) == 2


def test_live_surroundings_do_not_keep_the_same_change_apart() -> None:
    field = samples.field_change("spec.replicas", "1", "2")
    rows = [samples.row(name, samples.changed("Deployment", "web", field, unified=name)) for name in ("a", "b")]
    assert len(groups(samples.report(ClusterReport("production", Verdict.CHANGES, tuple(rows))))) == 1


def test_objects_that_change_alike_are_shown_once_with_their_names() -> None:
    row = samples.component_report().clusters[0].rows[-1]
    ((first, others),) = alike(row.changes)
    lines = [indented(line) for line in object_lines(first, others=others)]
    assert lines == [
        "± ConfigMap/apps/part-00 changes",
        "  # the same in " + ", ".join(f"ConfigMap/apps/part-0{n}" for n in range(1, 5)) + " and 15 more",
        "  metadata.labels  + one map entry added:",
        "  + owner: shop",
    ]


def test_only_what_changes_in_the_same_way_is_alike() -> None:
    row = samples.shop_row()
    assert [others for _, others in alike((*row.changes, *row.contents))] == [()] * 4
    deleted = [samples.deleted("ConfigMap", name) for name in ("a", "b")]
    assert [others for _, others in alike(deleted)] == [(), ()]
