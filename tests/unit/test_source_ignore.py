"""The real source-controller is asked in tests/real/test_artifact.py; here stands what differs from git, by hand."""

import time

import pytest

from gitops_bot.models.tree import Tree
from gitops_bot.rules.artifact import differing_paths, pack, without_ignore_files
from gitops_bot.rules.source_ignore import IgnoreRules, parse_patterns


@pytest.mark.parametrize(
    ("patterns", "path", "ignored"),
    [
        ("a", "x/a/y", True),
        ("a/", "x/a", False),
        ("a/", "x/a/y", True),
        ("/a", "a/b", True),
        ("/a", "x/a", False),
        ("a/b", "a/b/c", True),
        ("a/b", "x/a/b", False),
        ("*.md", "docs/x.md", True),
        # git keeps what lies in an excluded folder; source-controller does not.
        ("a/\n!a/keep.yaml", "a/keep.yaml", False),
        ("!a\na", "a", True),
        ("**/b", "a/x/b/c", True),
        # The first b is taken; that no y follows it is final.
        ("**/b/y", "b/x/b/y", False),
        ("a/**", "a", True),
        ("/**", "a/b", False),
        ("a/x**/c", "a/xyz/c", False),
        ("x**", "a/xyz", True),
        ("[^a]b", "cb", True),
        ("[!a]b", "cb", False),
        ("[a", "a", False),
        ("a\\", "a\\", False),
        ("\\#a", "#a", True),
        ("# a", "# a", False),
        ("a   ", "a", True),
        ("a\\ ", "a ", True),
        ("*", "a\nb", True),
        ("a?c", "a\u00e4c", True),
        ("A", "a", False),
    ],
)
def test_patterns_mean_what_they_mean_to_source_controller(patterns: str, path: str, *, ignored: bool) -> None:
    assert IgnoreRules(parse_patterns(patterns)).ignores(path) is ignored


def test_patterns_hold_below_their_folder_only() -> None:
    rules = IgnoreRules(parse_patterns("*.yaml\n", "apps/web"))
    assert [
        path for path in ("a.yaml", "apps/a.yaml", "apps/web/a.yaml", "apps/web/b/c.yaml") if rules.ignores(path)
    ] == [
        "apps/web/a.yaml",
        "apps/web/b/c.yaml",
    ]


@pytest.mark.parametrize(
    "pattern", ["*a" * 60 + "b", "**/" * 60 + "b", "?*" * 60 + "b", "[a-z]*" * 60 + "B", "*" * 500 + "b"]
)
def test_a_hostile_pattern_does_not_run_for_years(pattern: str) -> None:
    before = time.process_time()
    IgnoreRules(parse_patterns(pattern)).ignores("a" * 255)
    IgnoreRules(parse_patterns(pattern)).ignores("/".join(["a"] * 60))
    assert time.process_time() - before < 1


def test_a_line_that_is_too_long_ends_the_file() -> None:
    assert len(parse_patterns("a\n" + "b" * 70_000 + "\nc")) == 1


def test_thousands_of_patterns_are_a_reason_not_to_pack() -> None:
    spec = {"ignore": "\n".join(f"a{count}" for count in range(2_001))}
    artifact = pack(Tree({"a.yaml": b""}), spec)
    assert artifact.reason.startswith("there are 20")


def test_patterns_of_megabytes_are_a_reason_not_to_pack() -> None:
    pattern = b"a*[b-c]?x" * 7_000
    tree = Tree({f"f{number}/.sourceignore": pattern for number in range(40)})
    before = time.process_time()
    assert "2520000 bytes" in pack(tree, {}).reason
    assert time.process_time() - before < 1


def test_flux_gets_a_tree_without_ignore_files_and_the_artifact_keeps_them() -> None:
    tree = pack(Tree({".sourceignore": b"x\n", "a/.sourceignore": b"", "a/b.yaml": b"", "x": b""}), {}).tree
    assert sorted(tree) == [".sourceignore", "a/.sourceignore", "a/b.yaml"]
    assert sorted(without_ignore_files(tree)) == ["a/b.yaml"]


def test_trees_differ_in_content_presence_and_size() -> None:
    one = Tree({"same": b"1", "changed": b"1", "goes": b"1"}, oversized=frozenset({"shrinks"}))
    other = Tree({"same": b"1", "changed": b"2", "comes": b"1", "shrinks": b"1"})
    assert differing_paths(one, other) == {"changed", "goes", "comes", "shrinks"}
