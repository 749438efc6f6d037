"""What the sandbox makes of a fleet repository: the sample, and somebody's own."""

import subprocess
from pathlib import Path

import pytest
import yaml

from gitops_bot.sandbox.errors import SandboxError
from gitops_bot.sandbox.fleet import sample
from gitops_bot.sandbox.fleet.checkout import Checkout, git, with_credentials
from gitops_bot.sandbox.fleet.gaps import find_gaps
from gitops_bot.sandbox.fleet.origin import own_fleet, own_name
from gitops_bot.sandbox.fleet.syncs import find_syncs, owner_and_name, point_at, read_tree
from gitops_bot.sandbox.tour import stories

URL = "http://127.0.0.1:1/acme/fleet.git"

SYNC = """
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: flux-system, namespace: flux-system}
spec: {interval: 1m, url: "ssh://git@github.com/acme/fleet", ref: {branch: live}, secretRef: {name: deploy-key}}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: flux-system, namespace: flux-system}
spec: {interval: 1m, path: ./clusters/one, prune: true, sourceRef: {kind: GitRepository, name: flux-system}}
"""
APPS = """
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: apps, namespace: flux-system}
spec:
  path: ./apps
  prune: true
  sourceRef: {kind: GitRepository, name: flux-system}
  postBuild:
    substituteFrom:
      - {kind: Secret, name: outside}
      - {kind: ConfigMap, name: inside}
      - {kind: ConfigMap, name: maybe, optional: true}
"""
INSIDE = "{apiVersion: v1, kind: ConfigMap, metadata: {name: inside, namespace: flux-system}}"
RELEASE = "{apiVersion: helm.toolkit.fluxcd.io/v2, kind: HelmRelease, metadata: {name: redis, namespace: apps}}"
ELSEWHERE = """
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: shared, namespace: flux-system}
spec: {url: "https://github.com/acme/shared.git"}
"""
ENCRYPTED = "{apiVersion: v1, kind: Secret, metadata: {name: s}, data: {a: 'ENC[x]'}, sops: {version: 3.9.0}}"


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture
def server(tmp_path: Path) -> Path:
    folder = tmp_path / "server.git"
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", str(folder))
    return folder


def repository(folder: Path, files: dict[str, str], remote: str = "") -> Path:
    write(folder, files)
    git(folder, "init", "--quiet", "--initial-branch=trunk")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message=first")
    if remote:
        git(folder, "remote", "add", "origin", remote)
    return folder


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/acme/fleet",
        "https://github.com/acme/fleet.git",
        "https://token@github.com/acme/fleet.git/",
        "ssh://git@github.com/acme/fleet",
        "ssh://git@github.com:22/acme/fleet.git",
        "git@github.com:acme/fleet.git",
    ],
)
def test_owner_and_name_are_read_from_every_spelling(url: str) -> None:
    assert owner_and_name(url) == ("acme", "fleet")


def test_the_sample_has_a_sync_for_each_of_its_clusters() -> None:
    found = read_tree(sample.FILES)
    syncs = find_syncs(found, URL, "main")
    assert [sync.found_in.split("/")[1] for sync in syncs] == list(sample.CLUSTERS)
    names = {f"{item.name}" for item in found if "clusters/production" in item.path and item.kind == "Kustomization"}
    assert names == set(sample.KUSTOMIZATIONS)


def test_every_variable_of_the_sample_is_given() -> None:
    given = {
        key
        for document in sample.values_outside_git("production")
        for key in (*document.get("data", ()), *document.get("stringData", ()))
    }
    used = {part.split("}")[0] for path in sample.FILES.rglob("*.yaml") for part in path.read_text().split("${")[1:]}
    assert used
    assert used == given


def test_secrets_of_the_sample_are_made_up_anew_each_time() -> None:
    first, second = (sample.values_outside_git("production")[1]["stringData"] for _ in range(2))
    assert set(first.values()).isdisjoint(second.values())


def test_the_stories_of_the_tour_change_the_sample_as_they_say(tmp_path: Path, server: Path) -> None:
    checkout = Checkout.of_files(sample.FILES, tmp_path / "fleet", str(server), author="alex", message="all")
    base = checkout.head()
    for story in stories(checkout.folder).values():
        checkout.change_on_branch(story.branch, base, story.files, story.title)
        changed = set(checkout.run("diff", "--name-only", base).split())
        assert changed == set(story.files)
    selector = yaml.safe_load((checkout.folder / "apps/base/web/deployment.yaml").read_text())["spec"]
    assert selector["selector"]["matchLabels"] == selector["template"]["metadata"]["labels"]
    with pytest.raises(SandboxError, match="does not say 'absent'"):
        checkout.change_on_branch("broken", base, {"README.md": ("absent", "x")}, "x")


def test_the_repositorys_own_address_is_replaced_and_others_are_kept(tmp_path: Path) -> None:
    folder = write(
        tmp_path, {"clusters/one/flux-system/gotk-sync.yaml": SYNC, "sources.yaml": ELSEWHERE, "broken.yaml": "{a: ["}
    )
    assert point_at(folder, read_tree(folder), ("acme", "fleet"), URL) == ["clusters/one/flux-system/gotk-sync.yaml"]
    text = (folder / "clusters/one/flux-system/gotk-sync.yaml").read_text()
    assert URL in text
    assert "github.com" not in text
    assert (folder / "sources.yaml").read_text() == ELSEWHERE


def test_without_a_bootstrap_the_kustomizations_of_the_tree_are_taken_and_get_a_source(tmp_path: Path) -> None:
    folder = write(tmp_path, {"flux/apps.yaml": APPS, "apps/kustomization.yaml": "kind: Kustomization\nresources: []"})
    (sync,) = find_syncs(read_tree(folder), URL, "trunk")
    source, kustomization = sync.documents
    assert source["kind"] == "GitRepository"
    assert source["metadata"] == {"name": "flux-system", "namespace": "flux-system"}
    assert source["spec"]["url"] == URL
    assert source["spec"]["ref"] == {"branch": "trunk"}
    assert kustomization["metadata"]["name"] == "apps"


def test_what_cannot_be_reproduced_is_told(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        {"a.yaml": APPS, "b.yaml": INSIDE, "c.yaml": RELEASE, "d.yaml": ELSEWHERE, "e.yaml": ENCRYPTED},
    )
    told = "\n".join(find_gaps(read_tree(folder), URL))
    assert "1 HelmRelease: no helm-controller runs" in told
    assert "flux-system/shared (https://github.com/acme/shared.git)" in told
    assert "SOPS, and the key is not here: e.yaml" in told
    assert "Secret flux-system/outside" in told
    assert "inside" not in told
    assert "maybe" not in told


def test_somebodys_own_repository_is_pushed_with_one_commit_on_top(tmp_path: Path, server: Path) -> None:
    files = {"clusters/one/flux-system/gotk-sync.yaml": SYNC, "clusters/one/apps.yaml": APPS}
    source = repository(tmp_path / "mine", files, remote="git@github.com:acme/fleet.git")
    before = git(source, "rev-parse", "HEAD")
    assert own_name(source) == ("acme", "fleet")
    fleet = own_fleet(source, tmp_path / "work", f"file://{server}", "alex", "token")
    # On the branch where its owner works, and on the one that its cluster follows.
    for branch in ("trunk", "live"):
        assert git(server, "rev-list", "--count", branch).strip() == "2"
        assert git(server, "rev-parse", f"{branch}~1") == before
    assert [sync.found_in for sync in fleet.syncs] == ["clusters/one/flux-system/gotk-sync.yaml"]
    assert git(source, "rev-parse", "HEAD") == before
    assert git(source, "status", "--porcelain") == ""


def test_a_repository_without_anything_for_flux_is_refused(tmp_path: Path, server: Path) -> None:
    source = repository(tmp_path / "mine", {"README.md": "hello"})
    assert own_name(source) == ("local", "mine")
    with pytest.raises(SandboxError, match="nothing that Flux could apply"):
        own_fleet(source, tmp_path / "work", f"file://{server}", "alex", "token")


def test_a_folder_without_git_is_refused_in_gits_words(tmp_path: Path, server: Path) -> None:
    (tmp_path / "plain").mkdir()
    with pytest.raises(SandboxError, match="not a git repository"):
        own_fleet(tmp_path / "plain", tmp_path / "work", f"file://{server}", "alex", "token")


def test_git_does_not_read_the_settings_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gitconfig").write_text("[alias]\n\tmine = !echo reached\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    with pytest.raises(SandboxError, match="mine"):
        git(tmp_path, "mine")
    assert subprocess.run(["git", "mine"], cwd=tmp_path, capture_output=True, check=True).stdout == b"reached\n"


def test_credentials_with_odd_characters_survive_the_address() -> None:
    assert with_credentials("http://host:1/a/b.git", "a b", "t@k/n") == "http://a%20b:t%40k%2Fn@host:1/a/b.git"
