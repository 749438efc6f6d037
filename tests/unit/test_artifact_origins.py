"""Sources that are no GitRepository: mapped by the operator, or tied to a repository by what they say of themselves."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from gitops_bot.cluster.flux_objects import read_kustomization, read_source
from gitops_bot.journeys.applied_trees import applied_commit
from gitops_bot.models.kustomizations import ClusterSnapshot, Kustomization, KustomizationId, Source
from gitops_bot.models.pull_requests import Repository
from gitops_bot.models.tree import Tree
from gitops_bot.rules.affected import Surroundings
from gitops_bot.rules.feeds import ArtifactOrigin, fed_by, not_reviewable, watched_repositories
from gitops_bot.rules.left_out import left_out_of

GITHUB = "https://github.com"
FLEET = Repository("acme", "fleet")


def snapshot(*sources: Source, path: str = "./web") -> ClusterSnapshot:
    """One Kustomization for each source, named like it."""
    kustomizations = tuple(
        Kustomization(
            KustomizationId("one", "apps", source.name),
            {"path": path, "sourceRef": {"kind": source.kind, "name": source.name}},
        )
        for source in sources
    )
    return ClusterSnapshot("one", kustomizations, sources, datetime(2026, 11, 21, tzinfo=UTC))


def source(kind: str, name: str, /, origin: str = "", **spec: Any) -> Source:
    return Source(kind, "apps", name, spec, origin=origin)


def plausible(*sources: Source) -> set[str]:
    fed = fed_by(snapshot(*sources), FLEET, "main", github_url=GITHUB)
    return {left.kustomization.id.name for left in fed.not_looked_at if left.plausible}


MAIN = source("GitRepository", "main", url=f"{GITHUB}/acme/fleet", ref={"branch": "main"})


@pytest.mark.parametrize(
    ("one", "found"),
    [
        (source("OCIRepository", "x", url="oci://ghcr.io/acme/fleet-manifests"), True),
        (source("OCIRepository", "x", url="oci://ghcr.io/acme/podinfo"), False),
        # What the artifact says of itself counts more than its name.
        (source("OCIRepository", "x", "https://github.com/acme/fleet.git", url="oci://ghcr.io/acme/podinfo"), True),
        (source("OCIRepository", "x", "https://github.com/acme/other", url="oci://ghcr.io/acme/fleet"), False),
        (source("OCIRepository", "x", "not an address", url="oci://ghcr.io/acme/fleet"), False),
        (source("Bucket", "x", bucketName="acme-fleet"), True),
        (source("Bucket", "x", bucketName="backups", prefix="other/"), False),
        (source("ExternalArtifact", "x"), False),
        (source("GitRepository", "x", url=f"{GITHUB}/acme/fleet", ref={"tag": "v1"}), True),
        (source("GitRepository", "x", url=f"{GITHUB}/acme/fleet", ref={"branch": "next"}), False),
        (source("GitRepository", "x", url=f"{GITHUB}/acme/other", ref={"tag": "v1"}), False),
    ],
)
def test_what_ties_a_source_to_a_repository(one: Source, found: bool) -> None:  # noqa: FBT001 # a column of the table
    assert plausible(one) == ({"x"} if found else set())


def test_an_artifact_made_inside_of_the_cluster_may_be_made_of_what_the_cluster_has() -> None:
    assert plausible(MAIN, source("ExternalArtifact", "x")) == {"x"}


def test_the_origin_is_what_flux_writes_into_the_status() -> None:
    metadata = {"org.opencontainers.image.source": "https://github.com/acme/fleet", "other": "x"}
    item = {"metadata": {"name": "x", "namespace": "apps"}, "status": {"artifact": {"metadata": metadata}}}
    assert read_source("OCIRepository", item).origin == "https://github.com/acme/fleet"
    assert read_source("OCIRepository", {"metadata": {}}).origin == ""


def test_the_commit_that_an_artifact_was_made_of() -> None:
    status = {"lastAppliedRevision": "latest@sha256:abc", "lastAppliedOriginRevision": "main@sha1:c0ffee"}
    of_artifact = read_kustomization("c", {"metadata": {"name": "x"}, "status": status})
    assert applied_commit(of_artifact) == "c0ffee"
    assert applied_commit(replace(of_artifact, origin_revision="")) == ""
    assert applied_commit(replace(of_artifact, applied_revision="main@sha1:beef")) == "beef"


def test_what_an_operator_says_comes_before_everything_else() -> None:
    clusters = snapshot(source("OCIRepository", "x", url="oci://ghcr.io/acme/fleet"), MAIN)
    told = ArtifactOrigin("OCIRepository", "apps", "x", FLEET, "release", "./deploy/")
    fed = fed_by(clusters, FLEET, "release", github_url=GITHUB, artifacts=[told])
    assert [one.id.name for one in fed.kustomizations] == ["x"]
    assert fed.roots == {("OCIRepository", "apps", "x"): "deploy"}
    # Of another branch it is known that it is not concerned.
    other = fed_by(clusters, FLEET, "main", github_url=GITHUB, artifacts=[told])
    assert ([one.id.name for one in other.kustomizations], other.not_looked_at) == (["main"], ())
    assert watched_repositories([clusters], github_url=GITHUB, artifacts=[told]) == {
        FLEET: frozenset({"main", "release"})
    }
    assert not_reviewable(clusters, github_url=GITHUB, artifacts=[told]) == {}
    elsewhere = ArtifactOrigin("OCIRepository", "apps", "x", FLEET, "release", cluster="two")
    assert watched_repositories([clusters], github_url=GITHUB, artifacts=[elsewhere]) == {FLEET: frozenset({"main"})}
    # What nobody uses is not watched, nor what is excluded.
    unused = ArtifactOrigin("Bucket", "apps", "y", Repository("acme", "more"), "main")
    assert watched_repositories([clusters], github_url=GITHUB, artifacts=[unused], exclude=["*/fleet"]) == {}


def test_a_mapped_folder_is_built_from_its_own_root() -> None:
    told = ArtifactOrigin("OCIRepository", "apps", "x", FLEET, "main", "deploy")
    fed = fed_by(snapshot(source("OCIRepository", "x")), FLEET, "main", github_url=GITHUB, artifacts=[told])
    base = Tree({"deploy/web/a.yaml": b"kind: A", "web/a.yaml": b"kind: A"})

    def touched(*changed: str) -> list[str]:
        result = Tree({path: b"kind: B" if path in changed else text for path, text in base.files.items()})
        return [one.because for one in Surroundings(fed, base, result, frozenset(changed)).candidates()]

    assert touched("deploy/web/a.yaml") == ["web/a.yaml changes"]
    assert touched("web/a.yaml") == []
    # Nobody may read the result: the paths that git names decide.
    for changed, found in (({"deploy/web/a.yaml"}, ["web/a.yaml changes"]), ({"web/a.yaml"}, [])):
        held = Surroundings(fed, base, None, frozenset(changed))
        assert [one.because for one in held.candidates()] == found


def test_a_tag_is_named_only_where_the_next_one_brings_something() -> None:
    tagged = source("GitRepository", "x", url=f"{GITHUB}/acme/fleet", ref={"semver": "*"})
    fed = fed_by(snapshot(tagged), FLEET, "main", github_url=GITHUB)
    base = Tree({"web/a.yaml": b"kind: A", "other.yaml": b"kind: A"})
    for path, names in (("web/a.yaml", ["x"]), ("other.yaml", [])):
        result = Tree({**base.files, path: b"kind: B"})
        found = left_out_of(Surroundings(fed, base, result, frozenset({path})))
        assert [(one.id.name, one.at_once) for one in found] == [(name, False) for name in names]
