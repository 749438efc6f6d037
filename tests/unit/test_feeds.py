from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from gitops_bot.models.kustomizations import ClusterSnapshot, Kustomization, KustomizationId, Source
from gitops_bot.models.pull_requests import Repository
from gitops_bot.rules.feeds import fed_by, not_reviewable, watched_repositories
from gitops_bot.rules.repositories import following, repository_of, same_repository

GITHUB = "https://github.com"


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/Acme/Fleet",
        "https://github.com/Acme/Fleet.git",
        "https://github.com/Acme/Fleet.git/",
        "https://github.com//Acme//Fleet",
        "HTTPS://GitHub.com:443/Acme/Fleet",
        "http://github.com/Acme/Fleet",
        "https://user:token@github.com/Acme/Fleet.git",
        "https://www.github.com/Acme/Fleet",
        "ssh://git@github.com/Acme/Fleet",
        "ssh://git@github.com:22/Acme/Fleet.git",
        "ssh://git@ssh.github.com:443/Acme/Fleet.git",
        "ssh://org-123@github.com/Acme/Fleet",
        "git@github.com:Acme/Fleet.git",
        "github.com:Acme/Fleet",
        "git@github.com:/Acme/Fleet.git",
        " https://github.com/Acme/Fleet ",
    ],
)
def test_all_spellings_name_one_repository(url: str) -> None:
    assert repository_of(url, GITHUB) == Repository("Acme", "Fleet")
    assert same_repository(url, "git@github.com:acme/fleet")


@pytest.mark.parametrize(
    "url",
    [
        "", "https://", "https://github.com", "https://github.com/Acme", "https://github.com/a/b/c",
        "https://gitlab.com/a/b",
        "https://github.com.evil.example/a/b", "https://evil.example/github.com/a/b", "git@gitlab.com:a/b",
        "/srv/git/a/b",
        "file:///a/b", "https://github.com:8443/a/b", "https://[::1/a/b", "https://github.com:port/a/b", "./a/b",
        "C:\\a\\b",
    ],
)  # fmt: skip
def test_other_addresses_are_not_taken_for_ours(url: str) -> None:
    assert repository_of(url, GITHUB) is None


def test_servers_on_one_machine_are_told_apart_by_port_on_the_web_and_not_by_ssh() -> None:
    sandbox = "http://127.0.0.1:4242"
    assert repository_of("http://127.0.0.1:4242/acme/fleet.git", sandbox) == Repository("acme", "fleet")
    assert repository_of("http://127.0.0.1:4343/acme/fleet.git", sandbox) is None
    assert repository_of("http://127.0.0.1:4343/acme/fleet.git", sandbox, "http://127.0.0.1:4343/") is not None
    assert repository_of("ssh://git@127.0.0.1:2222/acme/fleet.git", sandbox) == Repository("acme", "fleet")


def test_a_server_below_a_path_is_understood() -> None:
    assert repository_of("https://host/git/a/b.git", "https://host/git") == Repository("a", "b")
    assert repository_of("https://host/other/a/b.git", "https://host/git") is None


@pytest.mark.parametrize(
    ("reference", "branch", "instead"),
    [
        (None, "master", ""),
        ({}, "master", ""),
        ({"branch": "main"}, "main", ""),
        ({"branch": "feature/x"}, "feature/x", ""),
        ({"name": "refs/heads/main", "branch": "other"}, "main", ""),
        ({"name": "refs/pull/7/head"}, "", "ref refs/pull/7/head"),
        ({"name": "refs/tags/v1"}, "", "ref refs/tags/v1"),
        ({"tag": "v1", "branch": "main"}, "", "tag v1"),
        ({"semver": ">=1.0", "branch": "main"}, "", "semver >=1.0"),
        ({"commit": "abc", "branch": "main", "name": "refs/heads/x"}, "", "commit abc"),
    ],
)
def test_what_a_source_follows(reference: Mapping[str, str] | None, branch: str, instead: str) -> None:
    found = following({"ref": reference})
    assert (found.branch, found.instead) == (branch, instead)


def _kustomization(name: str, source: str = "fleet", kind: str = "GitRepository", **spec: Any) -> Kustomization:
    namespace, _, source = source.rpartition("/")
    reference = {"kind": kind, "name": source} | ({"namespace": namespace} if namespace else {})
    return Kustomization(KustomizationId("c", "apps", name), {"path": "./", "sourceRef": reference, **spec})


def _source(name: str, url: str, namespace: str = "apps", kind: str = "GitRepository", **spec: Any) -> Source:
    return Source(kind, namespace, name, {"url": url, "ref": {"branch": "main"}, **spec})


SNAPSHOT = ClusterSnapshot(
    "c",
    (
        _kustomization("own"),
        _kustomization("across", "flux-system/fleet"),
        _kustomization("tagged", "tagged"),
        _kustomization("next", "next"),
        _kustomization("other", "other"),
        _kustomization("lost", "lost"),
        _kustomization("oci", kind="OCIRepository"),
        _kustomization("external", kind="ExternalArtifact"),
        _kustomization("bucket", kind="Bucket"),
        _kustomization("remote", kubeConfig={"secretRef": {"name": "x"}}),
    ),
    (
        _source("fleet", "ssh://git@github.com/acme/fleet"),
        _source("fleet", "https://github.com/ACME/fleet.git", "flux-system"),
        _source("tagged", "https://github.com/acme/fleet", ref={"tag": "v1"}),
        _source("next", "https://github.com/acme/fleet", ref={"branch": "next"}),
        _source("other", "https://gitlab.com/acme/fleet"),
        _source("fleet", "oci://x", kind="OCIRepository"),
        _source("unused", "https://github.com/acme/unused"),
    ),
    datetime.now(UTC),
)


def test_what_a_branch_feeds_and_what_cannot_be_said() -> None:
    fed = fed_by(SNAPSHOT, Repository("ACME", "Fleet"), "main", github_url=GITHUB)
    assert [known.id.name for known in fed.kustomizations] == ["own", "across", "remote"]
    assert set(fed.sources) == {("GitRepository", "apps", "fleet"), ("GitRepository", "flux-system", "fleet")}
    assert {left.kustomization.id.name: left.reason for left in fed.not_looked_at} == {
        "tagged": "its source GitRepository apps/tagged follows tag v1, not a branch",
        "oci": "it is fed by OCIRepository apps/fleet, and what fills that is not known here",
        "external": "it is fed by ExternalArtifact apps/fleet, and what fills that is not known here",
        "bucket": "it is fed by Bucket apps/fleet, and what fills that is not known here",
    }
    assert [
        known.id.name
        for known in fed_by(SNAPSHOT, Repository("acme", "fleet"), "next", github_url=GITHUB).kustomizations
    ] == ["next"]
    assert fed_by(SNAPSHOT, Repository("acme", "elsewhere"), "main", github_url=GITHUB).kustomizations == ()


def test_repositories_to_watch_are_those_that_feed_something() -> None:
    assert watched_repositories([SNAPSHOT], github_url=GITHUB) == {
        Repository("acme", "fleet"): frozenset({"main", "next"}),
    }
    assert watched_repositories([SNAPSHOT], github_url=GITHUB, include=["Acme/*"], exclude=["*/fleet"]) == {}
    assert watched_repositories([SNAPSHOT], github_url=GITHUB, include=["other/*"]) == {}
    assert watched_repositories([], github_url=GITHUB) == {}


def test_what_can_never_be_reviewed_is_named_with_its_reason() -> None:
    found = {
        reason: [one.id.name for one in ones] for reason, ones in not_reviewable(SNAPSHOT, github_url=GITHUB).items()
    }
    assert found == {
        "its source GitRepository apps/tagged follows tag v1, not a branch": ["tagged"],
        "its source GitRepository apps/other is not on https://github.com": ["other"],
        "its source GitRepository apps/lost does not exist": ["lost"],
        "it is fed by OCIRepository apps/fleet, and what fills that is not known here": ["oci"],
        "it is fed by ExternalArtifact apps/fleet, and what fills that is not known here": ["external"],
        "it is fed by Bucket apps/fleet, and what fills that is not known here": ["bucket"],
        "spec.kubeConfig: it belongs to another cluster": ["remote"],
    }
