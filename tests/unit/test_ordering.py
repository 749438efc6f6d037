"""The order of a report."""

import pytest
from sample_reports import row

from gitops_bot.models.kustomizations import Kustomization, KustomizationId
from gitops_bot.rules.ordering import in_order, order_of


def id_of(name: str) -> KustomizationId:
    return KustomizationId("production", "flux-system", name)


def ordered(names: str, depends: dict[str, str], children: dict[str, str] | None = None) -> list[str]:
    known = [
        Kustomization(id_of(name), {"dependsOn": [{"name": other} for other in depends.get(name, "")]})
        for name in {*names, *depends}
    ]
    renders = {id_of(parent): map(id_of, rendered) for parent, rendered in (children or {}).items()}
    rows = in_order([row(name) for name in names], order_of(known, renders))
    return [one.id.name + "!" * len(one.findings) for one in rows]


@pytest.mark.parametrize(
    ("names", "depends", "children", "expected"),
    [
        ("abc", {}, {}, "a b c"),
        ("abc", {"a": "c"}, {}, "b c a"),
        # Through one that has no row.
        ("abc", {"a": "x", "x": "c"}, {}, "b c a"),
        # A parent before its children, and one that renders itself.
        ("abz", {}, {"z": "abz"}, "z a b"),
        ("abcd", {"a": "b", "b": "c", "c": "a"}, {}, "d a! c! b!"),
        # A circle among those that have no row, and one that waits for it.
        ("ab", {"a": "x", "x": "y", "y": "x"}, {}, "a b"),
        ("a", {"a": "a"}, {}, "a"),
    ],
)
def test_order(names: str, depends: dict[str, str], children: dict[str, str], expected: str) -> None:
    assert " ".join(ordered(names, depends, children)) == expected


def test_odd_dependencies_say_nothing() -> None:
    for odd in ("a", [1, None, "a"], {"name": "a"}, [{"name": ""}], None):
        known = [Kustomization(id_of("b"), {"dependsOn": odd})]
        assert [one.id.name for one in in_order([row("b"), row("a")], order_of(known, {}))] == ["b", "a"]
    other = [Kustomization(id_of("a"), {"dependsOn": [{"name": "b", "namespace": "elsewhere"}]})]
    assert [one.id.name for one in in_order([row("a"), row("b")], order_of(other, {}))] == ["a", "b"]


def test_a_long_chain_and_a_large_circle_end() -> None:
    names = [f"k{number}" for number in range(300)]
    chain = [
        Kustomization(id_of(name), {"dependsOn": [{"name": other}]})
        for name, other in zip(names, [*names[1:], names[0]], strict=True)
    ]
    rows = in_order([row(name) for name in names], order_of(chain[:-1], {}))
    assert [one.id.name for one in rows] == names[::-1]
    assert all(one.findings for one in in_order([row(name) for name in names], order_of(chain, {})))
