"""Charts that are not rendered: what changes, from where they are taken, and which address may become a link."""

from typing import Any

import pytest
import yaml

from gitops_bot.models.changes import ContentChange
from gitops_bot.models.kustomizations import KustomizationId, ObjectReference
from gitops_bot.rules.consequences import Objects
from gitops_bot.rules.helm_contents import LiveRelease, RowObjects, Surrounded, content_changes, https_address
from gitops_bot.rules.objects import load_objects

APPS = KustomizationId("c", "flux-system", "apps")
GROUPS = {"HelmRelease": "helm.toolkit.fluxcd.io/v2", "ConfigMap": "v1", "Secret": "v1"}


def document(kind: str, name: str = "web", /, **fields: Any) -> dict[str, Any]:
    version = GROUPS.get(kind, "source.toolkit.fluxcd.io/v1")
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "apps"}, **fields}


def release(version: str = "1.0", /, **spec: Any) -> dict[str, Any]:
    chart = {"spec": {"chart": "web", "version": version, "sourceRef": {"kind": "HelmRepository", "name": "web"}}}
    return document("HelmRelease", spec={"interval": "1h", "chart": chart, **spec})


def renders(*documents: dict[str, Any]) -> Objects:
    return load_objects(yaml.safe_dump_all(documents))


def changes(base: Objects, result: Objects, **known: Any) -> list[ContentChange]:
    found = content_changes(Surrounded((RowObjects(APPS, base, result),), **known))
    return [change for several in found.values() for change in several]


@pytest.mark.parametrize(
    ("spec", "what"),
    [
        ({"values": {"a": 1}}, ("spec.values",)),
        ({"valuesFrom": [{"kind": "ConfigMap", "name": "v"}]}, ("spec.valuesFrom",)),
        ({"postRenderers": []}, ("spec.postRenderers",)),
        ({"interval": "2h"}, None),
        ({"suspend": True}, None),
        ({"chart": None, "chartRef": {"kind": "OCIRepository", "name": "web"}}, ("spec.chart", "spec.chartRef")),
    ],
)
def test_fields_that_decide_the_content(spec: dict[str, Any], what: tuple[str, ...] | None) -> None:
    found = changes(renders(release()), renders(release(**spec)))
    assert [change.what for change in found] == ([what] if what else [])


def test_a_release_that_cannot_be_read_may_take_its_values_from_what_changes() -> None:
    """Not knowing it is no reason to call the report whole: the gate relies on that."""
    one, other = (renders(document("ConfigMap", "v", data={"a": value})) for value in ("1", "2"))
    owner = KustomizationId("c", "flux-system", "charts")
    web, far = (ObjectReference("HelmRelease", namespace, "web") for namespace in ("apps", "elsewhere"))
    (found,) = changes(one, other, unread=((web, owner), (far, owner)))
    assert (found.object, found.what, found.applied_by) == (web, ("ConfigMap/apps/v: its values",), str(owner))
    assert found.notes == ("it could not be read, so nobody knows whether it takes values from there",)
    assert changes(one, one, unread=((web, owner),)) == []


def test_a_release_that_comes_and_one_that_goes() -> None:
    (comes,) = changes({}, renders(release()))
    assert (comes.what, comes.before) == (("it is created",), None)
    (goes,) = changes(renders(release()), {})
    assert (goes.what, goes.after) == (("it is deleted",), None)
    assert goes.notes == ("Flux uninstalls it: what the chart installed goes, and is not listed here",)


def test_a_chart_by_reference_is_followed_to_its_source() -> None:
    chart = document(
        "HelmChart", spec={"chart": "web", "version": "1", "sourceRef": {"kind": "HelmRepository", "name": "web"}}
    )
    other = {**chart, "spec": {**chart["spec"], "version": "2"}}
    where = document("HelmRepository", spec={"url": "https://charts.example/stable"})
    by_reference = document("HelmRelease", spec={"chartRef": {"kind": "HelmChart", "name": "web"}})
    (found,) = changes(renders(by_reference, chart, where), renders(by_reference, other, where))
    assert found.what == ("HelmChart/apps/web: spec.version",)
    assert found.before is not None
    assert found.after is not None
    assert (found.before.version, found.after.version) == ("1", "2")
    assert found.after.link == "https://charts.example/stable"


def test_an_artifact_by_tag_and_digest() -> None:
    by_reference = document("HelmRelease", spec={"chartRef": {"kind": "OCIRepository", "name": "web"}})
    url = "oci://registry.example/charts/web"
    one, two = (
        document("OCIRepository", spec={"url": url, "ref": ref})
        for ref in ({"tag": "1.0"}, {"tag": "1.0", "digest": "sha256:abc"})
    )
    (found,) = changes(renders(by_reference, one), renders(by_reference, two))
    assert found.what == ("OCIRepository/apps/web: spec.ref",)
    assert found.before is not None
    assert found.after is not None
    assert (found.before.chart, found.before.version, found.after.version) == ("web", "1.0", "sha256:abc")
    assert found.after.link == ""


def test_values_of_a_secret_that_changes_unseen() -> None:
    reads = release(valuesFrom=[{"kind": "Secret", "name": "v"}])
    both = renders(reads, document("Secret", "v", data={"a": "MQ=="}))
    sealed = frozenset({ObjectReference("Secret", "apps", "v")})
    assert [change.what for change in changes(both, both, sealed=sealed)] == [("Secret/apps/v: its values",)]
    assert changes(both, both) == []


def test_a_source_that_no_release_uses_is_told_by_itself() -> None:
    one, two = (document("HelmRepository", spec={"url": f"https://charts.example/{name}"}) for name in "ab")
    (found,) = changes(renders(one), renders(two))
    assert (str(found.object), found.notes) == (
        "HelmRepository/apps/web",
        ("no HelmRelease known here takes a chart from it",),
    )
    live = LiveRelease(
        ObjectReference("HelmRelease", "apps", "web", "helm.toolkit.fluxcd.io"),
        release()["spec"],
        KustomizationId("c", "x", "other"),
    )
    (found,) = changes(renders(one), renders(two), releases=(live,))
    assert (found.object.kind, found.applied_by) == ("HelmRelease", "x/other")


def test_pages_on_our_github() -> None:
    chart = {"spec": {"chart": "./charts/../web (1)", "sourceRef": {"kind": "GitRepository", "name": "web"}}}
    one = document("GitRepository", spec={"url": "ssh://git@github.com/acme/charts.git", "ref": {"tag": "v1"}})
    two = {**one, "spec": {**one["spec"], "ref": {"tag": "v2)<"}}}
    where = document("HelmRelease", spec={"chart": chart})
    (found,) = changes(renders(where, one), renders(where, two), github_url="https://github.com")
    assert found.before is not None
    assert found.after is not None
    assert found.before.link == "https://github.com/acme/charts/tree/v1/charts/web%20%281%29"
    assert found.after.link == "https://github.com/acme/charts/tree/v2%29%3C/charts/web%20%281%29"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://charts.example/stable", "https://charts.example/stable"),
        ("https://charts.example:8443/a|b>(c)", "https://charts.example:8443/a%7Cb%3E%28c%29"),
        ("http://charts.example", ""),
        ("oci://registry.example/a", ""),
        ("javascript://charts.example/%0aalert(1)", ""),
        ("HTTPS://charts.example", "https://charts.example"),
        ("https://github.com@evil.example/", ""),
        ("https://github.com:token@evil.example/", ""),
        ("https://charts.example/?x=1", ""),
        ("https://charts.example/#x", ""),
        ("https://xn--e1awd7f.example/", "https://xn--e1awd7f.example/"),
        ("https://\u0435\u0445\u0430mple.com/", ""),
        ("https://charts.example/\n", ""),
        (" https://charts.example/", ""),
        ("https://[::1]/", ""),
        ("https://charts.example:99999/", ""),
        ("https:///path", ""),
        ("", ""),
    ],
)
def test_only_plain_https_becomes_a_link(url: str, address: str) -> None:
    assert https_address(url) == address
