"""Somebody's own clone is read as it is, and not one byte of it changes."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from git_over_http import Upstream

from gitops_bot.errors import GitError
from gitops_bot.git import LocalClone


@pytest.fixture
def fleet(tmp_path: Path) -> Upstream:
    upstream = Upstream(tmp_path / "fleet.git")
    first = upstream.commit("refs/heads/main", {"a": b"1\n2\n3\n", "b": b"b"})
    upstream.commit("refs/heads/feature", {"a": b"1\n2\nthree\n"}, parent=first)
    upstream.commit("refs/heads/main", {"a": b"one\n2\n3\n", "c": b"c"}, parent=first)
    return upstream


@pytest.fixture(params=["bare", "work tree", "folder of it", "linked work tree"])
def clone(request: pytest.FixtureRequest, fleet: Upstream, tmp_path: Path) -> Iterator[Path]:
    if request.param == "bare":
        yield fleet.path
        return
    tree = tmp_path / "tree"
    fleet.git("clone", "--quiet", ".", str(tree))
    # A branch only of this clone, as `git checkout feature` makes it.
    subprocess.run(["git", "-C", str(tree), "branch", "--quiet", "feature", "origin/feature"], check=True)
    # What is in the work tree and in no commit does not count.
    (tree / "a").write_text("not committed")
    if request.param == "linked work tree":
        subprocess.run(["git", "-C", str(tree), "worktree", "add", "-q", "../linked", "feature"], check=True)
        yield tmp_path / "linked"
    elif request.param == "folder of it":
        (tree / "folder").mkdir()
        yield tree / "folder"
    else:
        yield tree


def snapshot(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


async def test_commits_are_named_merged_and_read(clone: Path, fleet: Upstream, tmp_path: Path) -> None:
    before = snapshot(tmp_path)
    async with LocalClone(clone) as opened:
        base, head = await opened.resolve("main"), await opened.resolve("feature")
        assert base == fleet.git("rev-parse", "main")
        merge = await opened.merge(base, head)
        assert dict((await opened.tree(merge.tree)).files) == {"a": b"one\n2\nthree\n", "b": b"b", "c": b"c"}
        assert await opened.changed_paths(base, merge.tree) == {"a"}
        assert await opened.resolve("main~1") == fleet.git("rev-parse", "main~1")
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("revision", ["nothing", "--all", "", "main\nfeature", "main:a", "f" * 40])
async def test_what_names_no_commit_is_told(fleet: Upstream, revision: str) -> None:
    async with LocalClone(fleet.path) as opened:
        with pytest.raises(GitError, match=r"commit|revision"):
            await opened.resolve(revision)


async def test_settings_and_hooks_of_the_clone_are_not_obeyed(fleet: Upstream, tmp_path: Path) -> None:
    witness = tmp_path / "was-run"
    fleet.git("config", "core.fsmonitor", f"touch {witness}")
    fleet.git("config", "alias.ls-tree", f"!touch {witness}")
    fleet.git("config", "diff.external", f"touch {witness}")
    async with LocalClone(fleet.path) as opened:
        base, head = await opened.resolve("main"), await opened.resolve("feature")
        await opened.tree((await opened.merge(base, head)).tree)
    assert not witness.exists()


async def test_a_folder_that_is_no_clone(tmp_path: Path) -> None:
    with pytest.raises(GitError, match="not in a git repository"):
        LocalClone(tmp_path)
