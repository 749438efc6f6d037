"""Values that a change makes, and those who substitute them."""

from typing import Any

import yaml

from gitops_bot.models.changes import SealedChange
from gitops_bot.models.kustomizations import Kustomization, KustomizationId, ObjectReference
from gitops_bot.rules.affected import Candidate, Reason
from gitops_bot.rules.consequences import Objects
from gitops_bot.rules.new_values import NewValues, merged, new_values, unseen_values, value_notes, with_values
from gitops_bot.rules.objects import load_objects

VARS = ObjectReference("ConfigMap", "apps", "vars")


def renders(*documents: dict[str, Any]) -> Objects:
    return load_objects(yaml.safe_dump_all(documents))


def config_map(name: str = "vars", /, *, labels: dict[str, str] | None = None, **data: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "apps", "labels": labels or {}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def candidate(name: str, *reads: str, sealed: tuple[SealedChange, ...] = (), **spec: Any) -> Candidate:
    references = [{"kind": kind, "name": what} for kind, _, what in (one.partition("/") for one in reads)]
    whole = {"prune": True, "postBuild": {"substituteFrom": references}, **spec}
    known = Kustomization(KustomizationId("c", "apps", name), whole)
    return Candidate(known.id, Reason.CHANGED, "", known, known, sealed_changes=sealed)


GIVER = candidate("infra")


def test_a_reader_gets_the_values_of_base_and_of_result() -> None:
    values = new_values(GIVER, renders(config_map(a="1", b="1")), renders(config_map(a="2", b="1")))
    assert values.changed == {VARS}
    reader = with_values(candidate("web", "ConfigMap/vars", "ConfigMap/other"), values)
    assert reader.base is not None
    assert reader.result is not None
    assert reader.base.given_values == {"vars": {"a": "1", "b": "1"}}
    assert reader.result.given_values == {"vars": {"a": "2", "b": "1"}}
    # Putting them in once more changes nothing: the loop over readers ends.
    assert with_values(reader, values) == reader
    assert with_values(reader, NewValues()) == candidate("web", "ConfigMap/vars", "ConfigMap/other")


def test_a_new_config_map_is_looked_for_in_the_cluster_at_base() -> None:
    values = new_values(GIVER, {}, renders(config_map(a="2")))
    reader = with_values(candidate("web", "ConfigMap/vars"), values)
    assert reader.base is not None
    assert reader.result is not None
    assert (reader.base.given_values, reader.result.given_values) == ({}, {"vars": {"a": "2"}})


def test_one_that_goes_is_gone_only_where_it_is_pruned() -> None:
    values = new_values(GIVER, renders(config_map(a="1")), {})
    reader = with_values(candidate("web", "ConfigMap/vars"), values)
    assert reader.result is not None
    assert reader.result.given_values == {"vars": None}
    assert new_values(candidate("infra", prune=False), renders(config_map(a="1")), {}).changed == frozenset()
    keeps = config_map(a="1", labels={"kustomize.toolkit.fluxcd.io/prune": "disabled"})
    assert new_values(GIVER, renders(keeps), {}).changed == frozenset()


def test_one_that_moves_from_one_to_another_has_a_before_and_an_after() -> None:
    one = new_values(GIVER, renders(config_map(a="1")), {})
    other = new_values(candidate("taker"), {}, renders(config_map(a="2")))
    for both in (merged([one, other]), merged([other, one])):
        assert (both.config_maps[VARS].before, both.config_maps[VARS].after) == ({"a": "1"}, {"a": "2"})


def test_when_the_new_values_take_effect() -> None:
    values = new_values(GIVER, renders(config_map(a="1")), renders(config_map(a="2")))
    watched = renders(config_map(a="2", labels={"reconcile.fluxcd.io/watch": "Enabled"}))
    start = "shown with the values that ConfigMap/apps/vars will have: "
    assert [value_notes(one, values) for one in (candidate("infra", "ConfigMap/vars"), candidate("web"))] == [
        (f"{start}Flux reads them before it applies them, so their effect comes one interval later",),
        (),
    ]
    after = candidate("web", "ConfigMap/vars", dependsOn=[{"name": "infra"}])
    assert value_notes(after, values) == (f"{start}it is applied after apps/infra, which brings them",)
    at_once = new_values(GIVER, renders(config_map(a="1")), watched)
    assert value_notes(candidate("web", "ConfigMap/vars"), at_once) == (
        f"{start}Flux looks at it at once when they change",
    )
    (race,) = value_notes(candidate("web", "ConfigMap/vars"), values)
    assert "the old ones may be applied first" in race


def test_what_secrets_change_is_named_and_not_shown() -> None:
    base = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "apps"}, "data": {"a": "MQ=="}}
    plain = new_values(GIVER, renders(base), renders({**base, "data": {"a": "Mg=="}}))
    (finding,) = unseen_values(candidate("web", "Secret/s"), plain)
    assert finding.message == "Variables of Secret apps/s change (a), and their effect is not visible."
    assert finding.incomplete
    assert with_values(candidate("web", "Secret/s"), plain).always_compare
    assert unseen_values(candidate("web", "Secret/other"), plain) == ()
    # Renders of an encrypted file are equal: the file says which keys differ.
    sealed = SealedChange("s.yaml", ObjectReference("Secret", "", "s"), changed=("data.token",))
    encrypted = new_values(candidate("infra", sealed=(sealed,)), renders(base), renders(base))
    (finding,) = unseen_values(candidate("web", "Secret/s"), encrypted)
    assert "(token)" in finding.message
    # Another object of that file is not concerned.
    other = SealedChange("s.yaml", ObjectReference("Secret", "", "t"), changed=("data.token",))
    assert new_values(candidate("infra", sealed=(other,)), renders(base), renders(base)).changed == frozenset()


def test_a_value_with_a_secret_in_it_is_never_given_on_as_its_placeholder() -> None:
    base, result = (renders(config_map(url=f"x:«secret:p#{mark}»", plain=mark)) for mark in ("11", "22"))
    values = new_values(GIVER, base, result)
    reader = candidate("web", "ConfigMap/vars")
    given = with_values(reader, values)
    assert given.result is not None
    assert given.result.given_values == {"vars": {"url": None, "plain": "22"}}
    (finding,) = unseen_values(reader, values)
    assert finding.message == "Variables of ConfigMap apps/vars change (url), and their effect is not visible."
