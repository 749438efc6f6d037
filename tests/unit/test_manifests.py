import contextlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitops_bot.rules.manifests import (
    Reading,
    UnreadableManifestError,
    documents,
    first_reading,
    objects,
    readings,
)

_BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 9)
)
_MERGE_BOMB = "a0: &a0 {" + ", ".join(f"k{key}: 1" for key in range(10)) + "}\n" + "".join(
    f"a{level}: &a{level} {{{', '.join(f'k{key}: {{<<: *a{level - 1}}}' for key in range(10))}}}\n"
    for level in range(1, 9)
)  # fmt: skip


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(_BOMB, "grows beyond all bounds once its aliases are written out", id="alias bomb"),
        pytest.param(_MERGE_BOMB, "grows beyond all bounds once its aliases are written out", id="merge keys"),
        pytest.param("- " * 100_000 + "x", "is nested deeper than 200", id="nested lists"),
        pytest.param("[" * 100_000, "is nested deeper than 200", id="nested brackets"),
        pytest.param("{a: " * 100_000, "is nested deeper than 200", id="nested braces"),
        pytest.param("x: &x 1\ny: [" + "*x, " * 1001 + "]", "uses more than 1000 aliases", id="aliases"),
        pytest.param("---\na: b\n" * 10_001, "has more than 10000 documents", id="documents"),
        pytest.param(b"#" * ((1 << 20) + 1), "is larger than 1048576 bytes", id="size"),
    ],
)
def test_what_is_past_the_bounds_is_refused_at_once(content: str | bytes, reason: str) -> None:
    before = time.process_time()
    with pytest.raises(UnreadableManifestError) as caught:
        documents("a.yaml", content)
    assert (caught.value.file, caught.value.reason, caught.value.out_of_bounds) == ("a.yaml", reason, True)
    assert time.process_time() - before < 2
    with pytest.raises(UnreadableManifestError):
        first_reading("a.yaml", content)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a: \x00", "is not valid YAML: control characters are not allowed"),
        (b"a: \xff", "is not valid YAML: invalid leading UTF-8 octet"),
        ("a: [", "is not valid YAML: did not find expected node content in line 2"),
        ("a: b: c", "is not valid YAML: mapping values are not allowed in this context in line 1"),
        ("a:\n\tb: c", "is not valid YAML: found character that cannot start any token in line 2"),
        ("a: &x [*x]", "has an alias that refers to itself or to nothing"),
        ("a: *x", "has an alias that refers to itself or to nothing"),
        ("? [a]\n: b", "is not valid YAML: found unhashable key in line 1"),
        ("a: !!int x", "is not valid YAML: ValueError"),
        (
            "a: !python/id x",
            "is not valid YAML: could not determine a constructor for the tag '!python/id' in line 1",
        ),
    ],
)
def test_broken_files_give_a_reason_without_their_content(content: str | bytes, reason: str) -> None:
    with pytest.raises(UnreadableManifestError) as caught:
        documents("a.yaml", content)
    assert caught.value.reason == reason
    assert not caught.value.out_of_bounds


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_whatever_it_is_nothing_else_is_raised(content: bytes) -> None:
    for read in (documents, objects, lambda *both: [list(each.fields()) for each in readings(*both)]):
        with contextlib.suppress(UnreadableManifestError):
            read("a.yaml", content)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", ()),
        ("a: 1\na: 2", ({"a": 2},)),
        ("a: b\n---\nc: d\n", ({"a": "b"}, {"c": "d"})),
        ("---\n---\na: b\n", ({"a": "b"},)),
        (b"\xef\xbb\xbfa: b", ({"a": "b"},)),
        ("a: b".encode("utf-16"), ({"a": "b"},)),
        ("on: yes\nd: 2020-01-01\nt: true\nn: 0x10", ({"on": "yes", "d": "2020-01-01", "t": True, "n": 16},)),
        ("x: &x {a: 1}\ny: {<<: *x, b: 2}", ({"x": {"a": 1}, "y": {"a": 1, "b": 2}},)),
        ("kind: List\nitems:\n- kind: PodList\n  items: [{a: 1}]\n- {b: 2}", ({"b": 2}, {"a": 1})),
        ("kind: List\nitems: null", ()),
        ("kind: List\nitems: 5", ()),
    ],
)
def test_documents_are_read_as_kustomize_reads_them(content: str | bytes, expected: tuple[object, ...]) -> None:
    assert documents("a.yaml", content) == expected


def test_objects_are_what_has_a_kind_and_a_name() -> None:
    found = ["a: b", "kind: A\nmetadata: {name: n}", "kind: B\nmetadata: null", "kind: C\nmetadata: {name: ''}", "[]"]
    assert objects("a.yaml", "\n---\n".join(found)) == ({"kind": "A", "metadata": {"name": "n"}},)


def _reading(content: str | bytes) -> Reading:
    found = first_reading("a.yaml", content)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("resources: [a, b]", ["a", "b"]),
        ("resources: a", ["a"]),
        ("RESOURCES: [a]\nresources: [b]", ["a", "b"]),
        # Go folds these two letters as well (tried with flux): U+017F to s, U+212A to k.
        ("re\u017fources: [a]", ["a"]),
        ("resources: [a]\nresources: [b]", ["a", "b"]),
        ("<<: {resources: [a]}\nresources: [b]", ["a", "b"]),
        ("x: &x {resources: [a]}\ny: &y {resources: [b]}\n<<: [*x, *y]", ["a", "b"]),
        ("resources: [!!binary aHR0cDovL3g=, 5, 1.10, true, null, ~, '', {a: b}]", ["http://x", "5", "1.10", "true"]),
        ("resources: null", []),
        ("resources: !custom [!other a]", ["a"]),
        ("'resources': [\"a\"]", ["a"]),
        ("resources: [a]\n---\nresources: [b]", ["a"]),
        ("[]", []),
        ("just text", []),
    ],
)
def test_a_reading_gives_every_value_that_a_decoder_might_take(content: str, expected: list[str]) -> None:
    assert list(_reading(content).texts("resources")) == expected


def test_a_reading_follows_lists_on_the_way() -> None:
    reading = _reading("patches: [{path: a}, {PATH: b, patch: c}]\nPatches: {path: d}")
    assert list(reading.texts("patches", "path")) == ["a", "b", "d"]


def test_an_empty_file_has_no_reading() -> None:
    assert first_reading("a.yaml", b"# nothing\n") is None
