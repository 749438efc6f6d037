"""The text of flux diff, read: flux2's own golden files, made-up change sets, and garbage."""

import json
import re
import subprocess
import time
from collections import Counter
from functools import cache
from pathlib import Path

import dyff_text
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitops_bot.models.changes import DiffedObject, ParsedDiff
from gitops_bot.models.kustomizations import ObjectReference
from gitops_bot.rules import changes
from gitops_bot.rules.changes import parse_diff


@cache
def golden_folder() -> Path:
    """flux2's module, from Go's module cache (or the module proxy)."""
    done = subprocess.run(
        ["go", "mod", "download", "-json", "github.com/fluxcd/flux2/v2@v2.9.5"],
        capture_output=True,
        check=True,
        timeout=240,
        cwd="/",
    )
    return Path(json.loads(done.stdout)["Dir"]) / "cmd/flux/testdata/diff-kustomization"


def golden(name: str) -> ParsedDiff:
    # Paths of templates in them are filled in by flux2's tests; nothing here depends on it.
    return parse_diff((golden_folder() / f"{name}.golden").read_text(encoding="utf-8"))


def entries(found: DiffedObject) -> list[tuple[str, str, str, str]]:
    return [(entry.path, entry.headline, entry.removed, entry.added) for entry in found.entries]


GOLDEN = {
    "diff-new-kustomization": (7, 0),
    "diff-new-namespace-only": (1, 0),
    "diff-taking-ownership": (2, 1),
    "diff-with-deployment": (6, 0),
    "diff-with-dockerconfigjson-sops-secret": (6, 0),
    "diff-with-drift-ignore": (7, 1),
    "diff-with-drifted-key-sops-secret": (7, 2),
    "diff-with-drifted-secret": (7, 1),
    "diff-with-drifted-service": (7, 1),
    "diff-with-drifted-stringdata-sops-secret": (7, 2),
    "diff-with-drifted-value-sops-secret": (6, 0),
    "diff-with-recursive": (2, 0),
}


def test_every_golden_file_of_flux_is_expected_here() -> None:
    assert {file.stem for file in golden_folder().glob("*.golden")} == set(GOLDEN)


@pytest.mark.parametrize("name", GOLDEN)
def test_a_golden_file_is_read_whole(name: str) -> None:
    found = golden(name)
    assert (len(found.objects), sum(len(item.entries) for item in found.objects)) == GOLDEN[name]
    assert found.unknown_lines == ()


def test_golden_values() -> None:
    service = golden("diff-with-drifted-service").objects[2]
    assert service.subject == ObjectReference("Service", "default", "podinfo")
    assert entries(service) == [("spec.ports.http.port", "± value change", "9899", "9898")]
    secret = golden("diff-with-drifted-key-sops-secret").objects[5]
    assert entries(secret) == [
        ("data", "- one map entry removed:", 'drift-key: "*****"', ""),
        ("data", "+ one map entry added:", "", 'token: "*****"'),
    ]
    child = golden("diff-with-recursive")
    assert [item.state for item in child.objects] == ["changed", "created"]
    assert child.objects[0].subject == ObjectReference("Kustomization", "default", "my-app")


def test_states_and_cluster_wide_objects() -> None:
    text = (
        "► Namespace/apps created\n► ConfigMap/apps/a deleted\n► ConfigMap/ skipped\n► ClusterRole/system:x skipped\n"
    )
    assert [(str(item.subject), item.state) for item in parse_diff(text).objects] == [
        ("Namespace/apps", "created"),
        ("ConfigMap/apps/a", "deleted"),
        ("ConfigMap/", "skipped"),
        ("ClusterRole/system:x", "skipped"),
    ]


def one(body: str) -> list[tuple[str, str, str, str]]:
    found = parse_diff(f"► ConfigMap/apps/web drifted\n\n{body}\n\n")
    assert found.unknown_lines == ()
    return entries(found.objects[0])


def test_order_in_one_line_and_in_a_table() -> None:
    assert one("spec.a\n⇆ order changed\n- x, y\n+ y, x") == [("spec.a", "⇆ order changed", "x, y", "y, x")]
    table = "spec.a\n⇆ order changed\n  long-one     other\n  other        long-one"
    assert one(table) == [("spec.a", "⇆ order changed", "long-one\nother", "other\nlong-one")]


def test_the_order_of_very_long_items_is_not_told_and_keeps_nobody_waiting() -> None:
    items = [letter * 150_000 for letter in "abc"]
    rows = "\n".join(f"  {left}   {right}" for left, right in zip(items, items[::-1], strict=True))
    before = time.process_time()
    assert one(f"spec.a\n⇆ order changed\n{rows}") == [("spec.a", "⇆ order changed", "", "")]
    assert time.process_time() - before < 3


def test_type_change_with_a_map_on_one_side() -> None:
    body = "spec.a\n± type change from string to map\n- x\n+ k: v\n  l: w"
    assert one(body) == [("spec.a", "± type change from string to map", "x", "k: v\nl: w")]


def test_lines_of_a_text() -> None:
    body = "data.x\n± value change in multiline text (two inserts, one deletion)\n+ a\n+ b\n- c\n"
    assert one(body) == [("data.x", "± value change in multiline text (two inserts, one deletion)", "c", "a\nb")]


def test_whitespace_in_two_columns_and_in_rows() -> None:
    headline = "± whitespace only change"
    assert one(f"data.x\n{headline}\n- a·b   + a·b·") == [("data.x", headline, "a·b", "a·b·")]
    assert one(f"data.x\n{headline}\n- a·b\n\n+ a·b·\n") == [("data.x", headline, "a·b\n", "a·b·")]


def test_certificates_in_two_columns() -> None:
    headline = "± certificate change"
    body = f"data.crt\n{headline}\n- Subject:           + Subject:\n    Common Name: a       Common Name: b\n"
    found = one(body)
    assert found[0][2:] == ("Subject:\n  Common Name: a", "Subject:\n  Common Name: b")


def test_colour_is_taken_out_before_anything_is_measured() -> None:
    text = "► ConfigMap/a/b \x1b[1mdrifted\x1b[0m\n\n\x1b[1mdata.a\x1b[0m\n\x1b[33m± value change\n- x\x1b[0m\n+ y\n"
    assert entries(parse_diff(text).objects[0]) == [("data.a", "± value change", "x", "y")]


@given(st.text("\x1b[m;1x\n", max_size=40))
def test_no_colour_is_left_however_it_was_put_together(text: str) -> None:
    wanted = text
    while (less := re.sub(r"\x1b\[[0-9;]*m", "", wanted)) != wanted:
        wanted = less
    assert changes._without_colour(text) == wanted


def test_colour_inside_of_colour_is_taken_out_in_a_moment() -> None:
    """A value may hold a megabyte of it, and nothing else runs in the meantime."""
    value = "\x1b[" * 100_000 + "m" * 100_000
    before = time.process_time()
    found = parse_diff(f"► ConfigMap/a/b drifted\n\ndata.a\n± value change\n- x\n+ {value}y\n")
    assert entries(found.objects[0]) == [("data.a", "± value change", "x", "y")]
    assert time.process_time() - before < 2


def test_blank_lines_behind_a_value_are_dropped_in_a_moment() -> None:
    before = time.process_time()
    assert one("data.a\n± value change\n- x\n+ y" + "\n" * 300_000) == [("data.a", "± value change", "x", "y")]
    assert time.process_time() - before < 4


def test_other_control_characters_stay_in_the_value() -> None:
    assert one("data.a\n± value change\n- a\rb\x85c\u2028d\n+ y") == [
        ("data.a", "± value change", "a\rb\x85c\u2028d", "y")
    ]


@pytest.mark.parametrize(
    "forged",
    ["  ► Secret/apps/x created", "\t► Secret/apps/x created", "► Secret/apps/x created ", "x ► A/b/c deleted"],
)
def test_a_heading_stands_in_column_0_and_fills_its_line(forged: str) -> None:
    text = f"► ConfigMap/apps/web drifted\n\ndata\n+ one map entry added:\n  a: |\n    x\n{forged}\n"
    assert len(parse_diff(text).objects) == 1


def test_a_heading_in_the_right_column_is_a_value() -> None:
    left = dyff_text.removed_entries("map", ["a: b"], 1)
    right = dyff_text.added_entries("map", ["c: |", "  ► Secret/x created"], 1)
    text = dyff_text.diffed_object("ConfigMap/apps/web", [dyff_text.difference("data", [left, right])])
    found = parse_diff(text)
    assert len(found.objects) == 1
    assert found.objects[0].entries[1].added == "c: |\n  ► Secret/x created"


def test_a_forged_heading_in_a_reordered_list_leaves_lines_that_fit_nowhere() -> None:
    """dyff prints reordered items raw; what the forgery cuts off does not vanish."""
    text = "► ConfigMap/apps/web drifted\n\nspec.args\n⇆ order changed\n- x, a\n► Secret/apps/x created\n+ a\n\n"
    assert parse_diff(text).unknown_lines != ()


def test_a_redacted_value_that_is_longer_than_its_column_is_kept_apart() -> None:
    text = (
        "► ConfigMap/apps/web drifted\n\ndata\n- one map entry removed:   + one map entry added:\n"
        "a: [redacted:0123456789abcdef-and-more]     b: c\n\n"
    )
    found = entries(parse_diff(text).objects[0])
    assert [item[2:] for item in found] == [("a: [redacted:0123456789abcdef-and-more]", ""), ("", "b: c")]


words = st.text("abcdefghijklmnop-_/0123456789", min_size=1, max_size=12)
# Any text but line ends, and colour, which is taken out. dyff itself cuts spaces at the end.
anything = st.characters(exclude_characters="\n\x1b", exclude_categories=["Cs"])
values = st.text(anything, max_size=40).map(lambda text: text.rstrip(" "))
plain = st.text("abcdefghij klm.", min_size=1, max_size=30).map(str.strip).filter(bool)


@st.composite
def map_lines(draw: st.DrawFn) -> tuple[list[str], int]:
    keys = draw(st.lists(words, min_size=1, max_size=14, unique=True))
    lines = []
    for key in keys:
        if draw(st.booleans()):
            lines.append(f"{key}: {draw(plain)}")
        else:
            lines += [f"{key}: |", *(f"  {line}" for line in draw(st.lists(plain, min_size=1, max_size=3)))]
    return lines, len(keys)


@st.composite
def differences(draw: st.DrawFn) -> tuple[str, list[dyff_text.Block]]:
    path = draw(st.lists(words, max_size=4).map(".".join))
    kind = draw(st.sampled_from(["value", "map", "list", "order"]))
    if kind == "value":
        return path, [dyff_text.Block("± value change", (draw(values),), (draw(values),))]
    if kind == "order":
        items = draw(st.lists(words, min_size=2, max_size=4, unique=True))
        return path, [dyff_text.Block("⇆ order changed", (", ".join(items),), (", ".join(items[::-1]),))]
    blocks = []
    for make in (dyff_text.removed_entries, dyff_text.added_entries):
        if kind == "map":
            lines, number = draw(map_lines())
        else:
            lines = [f"- {line}" for line in draw(st.lists(plain, min_size=1, max_size=14))]
            number = len(lines)
        blocks.append(make(kind, lines, number))
    return path, draw(st.sampled_from([blocks, blocks[:1], blocks[1:]]))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(words, st.lists(differences(), min_size=1, max_size=4)), max_size=4))
def test_what_dyff_prints_is_read_back(objects: list[tuple[str, list[tuple[str, list[dyff_text.Block]]]]]) -> None:
    text = "".join(
        dyff_text.diffed_object(
            f"ConfigMap/apps/{name.replace('/', '-')}", [dyff_text.difference(path, blocks) for path, blocks in found]
        )
        for name, found in objects
    )
    parsed = parse_diff(text)
    expected = [
        [
            (path, block.headline, _joined(block.removed, block), _joined(block.added, block))
            for path, blocks in found
            for block in blocks
        ]
        for _, found in objects
    ]
    assert parsed.unknown_lines == ()
    assert [entries(item) for item in parsed.objects] == expected


def _joined(lines: tuple[str, ...], block: dyff_text.Block) -> str:
    text = "\n".join(lines)
    return text if block.headline.startswith("±") else text.rstrip("\n")


garbage = st.one_of(
    st.text(),
    st.lists(
        st.one_of(
            st.sampled_from(
                [
                    "► ConfigMap/apps/a drifted",
                    "► ConfigMap/apps/a created",
                    "📁 Kustomization/a/b changed",
                    "",
                    "data",
                    "± value change",
                    "⇆ order changed",
                    "- one map entry removed:",
                    "- one map entry removed:   + one map entry added:",
                    "+ two list entries added:",
                    "- x",
                    "+ y",
                    "  z",
                    "- x   + y",
                    "⚠️ Kustomization/a/b skipped: diff not supported for remote clusters",
                ]
            ),
            st.text(anything),
        )
    ).map("\n".join),
)


@settings(max_examples=500, deadline=None)
@given(garbage)
def test_garbage_never_raises_and_no_line_is_lost(text: str) -> None:
    parsed = parse_diff(text)
    kept = Counter(line for item in parsed.objects for entry in item.entries for line in entry.lines)
    kept += Counter(parsed.unknown_lines)
    headings = 0
    for line in filter(None, changes._without_colour(text).split("\n")):
        heading = changes._HEADING.fullmatch(line) is not None
        headings += heading
        assert heading or line in kept
    assert headings == len(parsed.objects)
