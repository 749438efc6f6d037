"""Files that SOPS encrypted, compared without a key: names only."""

import json

import pytest
import yaml

from gitops_bot.models.kustomizations import ObjectReference
from gitops_bot.models.tree import Tree
from gitops_bot.rules.sealed_files import sealed_changes


def sealed(text: str) -> str:
    return f"ENC[AES256_GCM,data:{text},iv:aXY=,tag:dGFn,type:str]"


def secret(name: str = "db", /, *, mac: str = "m", **data: str) -> str:
    metadata = {"name": name, "namespace": "apps"}
    value = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data, "sops": {"mac": sealed(mac)}}
    return "---\n" + yaml.safe_dump(value)


def compared(before: str, after: str, path: str = "s.yaml") -> list[tuple[tuple[str, ...], ...]]:
    base, result = (Tree({path: text.encode()} if text else {}) for text in (before, after))
    found = sealed_changes([path], base, result)
    assert "ENC[" not in repr(found)
    assert "q1" not in repr(found)
    return [(one.added, one.removed, one.changed) for one in found]


def test_keys_that_come_go_and_change() -> None:
    before = secret(same=sealed("q0"), other=sealed("q1"), gone=sealed("q2"))
    after = secret(same=sealed("q0"), other=sealed("q3"), new=sealed("q4"))
    assert compared(before, after) == [(("data.new",), ("data.gone",), ("data.other",))]
    (found,) = sealed_changes(["s.yaml"], Tree({"s.yaml": before.encode()}), Tree({"s.yaml": after.encode()}))
    assert found.object == ObjectReference("Secret", "apps", "db")


def test_a_file_that_comes_and_one_that_goes() -> None:
    text = secret(a=sealed("q1"))
    assert compared("", text) == [(("data.a",), (), ())]
    assert compared(text, "") == [((), ("data.a",), ())]


def test_objects_of_one_file_are_told_apart_and_those_that_stay_are_not_named() -> None:
    one, two = secret("one", a=sealed("q1")), secret("two", a=sealed("q2"))
    assert compared(one + two, one + secret("two", a=sealed("q5"))) == [((), (), ("data.a",))]


def test_new_recipients_are_no_new_values() -> None:
    found = sealed_changes(
        ["s.yaml"],
        Tree({"s.yaml": secret(mac="m", a=sealed("q1")).encode()}),
        Tree({"s.yaml": secret(mac="n", a=sealed("q1")).encode()}),
    )
    assert [(one.changed, one.notes) for one in found] == [
        ((), ("only what SOPS says of itself changes, for instance who can decrypt it",))
    ]


def test_a_value_that_is_written_in_clear_is_said_and_not_shown() -> None:
    base, result = (Tree({"s.yaml": secret(a=text).encode()}) for text in (sealed("q1"), "cGxhaW4tcGFzc3dvcmQ="))
    (opened,) = sealed_changes(["s.yaml"], base, result)
    assert opened.changed == ("data.a",)
    assert opened.notes == ("it is in clear now: whoever reads the repository reads its values",)
    assert "cGxhaW4" not in repr(opened)
    (closed,) = sealed_changes(["s.yaml"], result, base)
    assert closed.notes == ("it was in clear before: its old values stay readable in the history",)


@pytest.mark.parametrize(
    ("path", "before", "after", "expected"),
    [
        (
            "app.env",
            f"A={sealed('q1')}\nB={sealed('q2')}\nsops_mac={sealed('m')}\n",
            f"A={sealed('q3')}\nC={sealed('q2')}\nsops_mac={sealed('n')}\n",
            (("C",), ("B",), ("A",)),
        ),
        (
            "app.ini",
            f"[db]\nuser = {sealed('q1')}\n[sops]\nmac = {sealed('m')}\n",
            f"[db]\nuser = {sealed('q3')}\n[sops]\nmac = {sealed('n')}\n",
            ((), (), ("db.user",)),
        ),
        (
            "key.json",
            json.dumps({"data": sealed("q1"), "sops": {"mac": sealed("m")}}),
            json.dumps({"data": sealed("q2"), "sops": {"mac": sealed("n")}}),
            ((), (), ("data",)),
        ),
    ],
)
def test_other_formats_of_sops(path: str, before: str, after: str, expected: tuple[tuple[str, ...], ...]) -> None:
    assert compared(before, after, path) == [expected]


def test_what_cannot_be_read_is_said() -> None:
    (found,) = sealed_changes(["s.yaml"], Tree({}), Tree({"s.yaml": f"a: [{sealed('q1')}".encode()}))
    assert found.notes == ("it cannot be read, so its keys are not known",)
    # No encrypted file, no word.
    assert sealed_changes(["s.yaml"], Tree({}), Tree({"s.yaml": b"a: 1"})) == ()
