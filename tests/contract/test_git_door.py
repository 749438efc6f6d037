"""The git door against real repositories behind git's own HTTP server."""

import asyncio
import base64
import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
from git_over_http import TOKEN, GitServer, Link, Submodule, Upstream, always, git_server
from waiting import until

from gitops_bot.config import GitHubSettings, NetworkSettings
from gitops_bot.errors import GitError, GitUnavailable, TreeTooLarge
from gitops_bot.git import GitDoor
from gitops_bot.github import GitHubDoor
from gitops_bot.models.pull_requests import Repository
from gitops_bot.models.tree import TreeLimits

FLEET = Repository("Acme", "Fleet")
MAIN = "refs/heads/main"
PULL = "refs/pull/7/head"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[GitServer]:
    async with git_server(tmp_path / "upstream") as running:
        yield running


def door_to(server: GitServer, tmp_path: Path, *, limits: TreeLimits | None = None, deadline: float = 60) -> GitDoor:
    return GitDoor(
        tmp_path / "copies",
        url_for=lambda repository: f"{server.address}/{repository.owner}/{repository.name}.git",
        token=always(TOKEN),
        network=NetworkSettings(),
        limits=limits,
        fetch_deadline=deadline,
    )


@pytest.fixture
def door(server: GitServer, tmp_path: Path) -> GitDoor:
    return door_to(server, tmp_path)


async def test_base_and_head_are_fetched_merged_and_read(server: GitServer, door: GitDoor) -> None:
    fleet = server.upstream("Acme", "Fleet")
    first = fleet.commit(MAIN, {"a.yaml": b"1\n2\n3\n", "b.yaml": b"b", "folder/c.yaml": b"c"})
    head = fleet.commit(PULL, {"a.yaml": b"1\n2\nthree\n", "new.yaml": b"n"}, parent=first, remove=("b.yaml",))
    base = fleet.commit(MAIN, {"a.yaml": b"one\n2\n3\n"}, parent=first)

    await door.fetch(FLEET, {MAIN: base, PULL: head})
    merge = await door.merge(FLEET, base, head)

    assert merge.conflicts == ()
    assert dict((await door.tree(FLEET, merge.tree)).files) == {
        "a.yaml": b"one\n2\nthree\n",
        "folder/c.yaml": b"c",
        "new.yaml": b"n",
    }
    # The stale branch does not show what others changed on main.
    assert await door.changed_paths(FLEET, base, merge.tree) == {"a.yaml", "b.yaml", "new.yaml"}


async def test_commits_that_are_here_cost_no_request(server: GitServer, door: GitDoor, tmp_path: Path) -> None:
    fleet = server.upstream("Acme", "Fleet")
    base = fleet.commit(MAIN, {"a": b"a"})
    await door.fetch(FLEET, {MAIN: base})
    assert server.requests
    server.requests.clear()

    await door.fetch(FLEET, {MAIN: base})
    await door_to(server, tmp_path).fetch(FLEET, {MAIN: base})
    # GitHub ignores the case of names.
    await door.fetch(Repository("acme", "FLEET"), {MAIN: base})

    assert server.requests == []


async def test_concurrent_fetches_of_one_repository_follow_one_another(
    server: GitServer, door: GitDoor, tmp_path: Path
) -> None:
    fleet = server.upstream("Acme", "Fleet")
    base = fleet.commit(MAIN, {"a": b"a"})
    heads = [fleet.commit(f"refs/pull/{n}/head", {"a": b"%d" % n}, parent=base) for n in range(5)]
    doors = [door, door_to(server, tmp_path)]  # The second stands for another process.

    await asyncio.gather(
        *(
            doors[number % 2].fetch(FLEET, {MAIN: base, f"refs/pull/{number}/head": head})
            for number, head in enumerate(heads)
        ),
        *(door.fetch(FLEET, {MAIN: base}) for _ in range(5)),
    )

    assert {(await door.tree(FLEET, head))["a"] for head in heads} == {b"0", b"1", b"2", b"3", b"4"}
    # One announcement per pull request at most: the fetches of main alone found it there.
    assert sum("info/refs" in request for request in server.requests) <= 6


async def test_a_ref_that_moved_is_told_and_not_kept(server: GitServer, door: GitDoor) -> None:
    fleet = server.upstream("Acme", "Fleet")
    shown = fleet.commit(MAIN, {"a": b"1"})
    now = fleet.commit(MAIN, {"a": b"2"}, parent=shown)

    with pytest.raises(GitUnavailable, match=rf"Acme/Fleet: refs/heads/main shows {now[:12]} instead of {shown[:12]}"):
        await door.fetch(FLEET, {MAIN: shown})
    with pytest.raises(GitUnavailable, match="moved on"):
        await door.fetch(FLEET, {MAIN: shown})
    await door.fetch(FLEET, {MAIN: now})


async def test_two_refs_may_show_the_same_commit(server: GitServer, door: GitDoor) -> None:
    fleet = server.upstream("Acme", "Fleet")
    base = fleet.commit(MAIN, {"a": b"1"})
    fleet.git("update-ref", PULL, base)
    await door.fetch(FLEET, {MAIN: base, PULL: base})
    assert await door.changed_paths(FLEET, base, (await door.merge(FLEET, base, base)).tree) == frozenset()


async def test_what_did_not_move_is_kept_beside_what_did(server: GitServer, door: GitDoor) -> None:
    fleet = server.upstream("Acme", "Fleet")
    base = fleet.commit(MAIN, {"a": b"1"})
    fleet.commit(PULL, {"a": b"2"}, parent=base)
    with pytest.raises(GitUnavailable, match="refs/pull/7/head shows"):
        await door.fetch(FLEET, {MAIN: base, PULL: "2" * 40})
    server.requests.clear()
    await door.fetch(FLEET, {MAIN: base})
    assert server.requests == []
    with pytest.raises(GitUnavailable, match="refs/pull/7/head shows"):
        await door.fetch(FLEET, {MAIN: base, PULL: "2" * 40})


async def test_a_missing_ref_is_named(server: GitServer, door: GitDoor) -> None:
    base = server.upstream("Acme", "Fleet").commit(MAIN, {"a": b"1"})
    with pytest.raises(GitError, match="Acme/Fleet has no refs/pull/7/head any more") as caught:
        await door.fetch(FLEET, {MAIN: base, PULL: "2" * 40})
    assert not isinstance(caught.value, GitUnavailable)


async def test_a_repository_that_does_not_exist_is_named(server: GitServer, door: GitDoor) -> None:
    server.upstream("Acme", "Other")
    with pytest.raises(GitError, match="knows no repository Acme/Fleet"):
        await door.fetch(FLEET, {MAIN: "2" * 40})


@pytest.mark.parametrize("name", ["../../etc", "a b", "", "x\n", "-x/../y"])
async def test_a_name_that_no_repository_has_touches_no_disk(door: GitDoor, tmp_path: Path, name: str) -> None:
    with pytest.raises(GitError, match="not a name"):
        await door.fetch(Repository("acme", name), {MAIN: "2" * 40})
    with pytest.raises(GitError, match="not a name"):
        await door.fetch(Repository("..", "fleet"), {MAIN: "2" * 40})
    assert not (tmp_path / "copies").exists()


@pytest.mark.parametrize(
    "ref", ["--upload-pack=touch /tmp/x", "refs/heads/a b", "refs/heads/a:refs/heads/b", "refs/heads/*", "refs/tags/v1"]
)
async def test_a_ref_that_is_no_branch_is_refused(door: GitDoor, ref: str) -> None:
    with pytest.raises(GitError, match="not a branch or pull request"):
        await door.fetch(FLEET, {ref: "2" * 40})


@pytest.mark.parametrize("commit", ["main", "--help", "ABCDEF0123" * 4, "2" * 39, "2" * 40 + "\n"])
async def test_only_full_ids_reach_git(door: GitDoor, commit: str) -> None:
    for asked in (door.tree(FLEET, commit), door.merge(FLEET, commit, commit), door.fetch(FLEET, {MAIN: commit})):
        with pytest.raises(GitError, match="not a commit or tree id"):
            await asked


async def test_a_token_appears_in_no_error_and_in_no_argument(server: GitServer, tmp_path: Path) -> None:
    server.upstream("Acme", "Fleet").commit(MAIN, {"a": b"1"})
    wrong = "ghp_wrongTokenThatNobodyMaySee0123"
    door = GitDoor(
        tmp_path / "copies",
        url_for=lambda repository: f"{server.address}/{repository}.git",
        token=always(wrong),
        network=NetworkSettings(),
    )
    with pytest.raises(GitError, match="GitHub refused to give Acme/Fleet to git") as caught:
        await door.fetch(FLEET, {MAIN: "2" * 40})
    told = f"{caught.value} {caught.value!r} {caught.value.__cause__} {door!r} {vars(door)}"
    assert wrong not in told
    assert base64.b64encode(f"x-access-token:{wrong}".encode()).decode() not in told
    assert not isinstance(caught.value, GitUnavailable)


async def test_no_file_on_our_disk_holds_the_token(server: GitServer, door: GitDoor, tmp_path: Path) -> None:
    base = server.upstream("Acme", "Fleet").commit(MAIN, {"a": b"1"})
    await door.fetch(FLEET, {MAIN: base})
    secret = TOKEN.encode()
    for file in (tmp_path / "copies").rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert secret not in content
            assert base64.b64encode(b"x-access-token:" + secret) not in content


async def test_while_a_fetch_runs_its_arguments_tell_nothing(server: GitServer, door: GitDoor) -> None:
    base = server.upstream("Acme", "Fleet").commit(MAIN, {"a": b"1"})
    server.gate = asyncio.Event()
    fetching = asyncio.create_task(door.fetch(FLEET, {MAIN: base}))
    arguments = await _arguments_of_git(server)
    server.gate.set()
    await fetching
    assert "fetch" in arguments
    assert TOKEN not in arguments
    assert MAIN not in arguments


async def _arguments_of_git(server: GitServer) -> str:
    await until(lambda: any("POST" in request for request in server.requests), "git asks for a pack")
    return " ".join(line for _, line in _git_processes())


def _git_processes() -> list[tuple[psutil.Process, str]]:
    """The git programs below this process, with their arguments. Other tests' clusters run below it too."""
    found = []
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):  # It may have just ended.
            if child.name().startswith("git"):
                found.append((child, " ".join(child.cmdline())))
    return found


async def test_a_server_that_hangs_is_given_up_and_nothing_is_left_running(server: GitServer, tmp_path: Path) -> None:
    base = server.upstream("Acme", "Fleet").commit(MAIN, {"a": b"1"})
    server.gate = asyncio.Event()
    door = door_to(server, tmp_path, deadline=1)
    with pytest.raises(GitUnavailable, match=r"Acme/Fleet: git fetch did not end within 1 s"):
        await door.fetch(FLEET, {MAIN: base})
    await _no_git_is_left()
    server.gate.set()
    await door_to(server, tmp_path).fetch(FLEET, {MAIN: base})


async def test_a_cancelled_fetch_takes_its_processes_with_it(server: GitServer, door: GitDoor) -> None:
    base = server.upstream("Acme", "Fleet").commit(MAIN, {"a": b"1"})
    server.gate = asyncio.Event()
    fetching = asyncio.create_task(door.fetch(FLEET, {MAIN: base}))
    await _arguments_of_git(server)
    fetching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetching
    await _no_git_is_left()
    server.gate.set()
    await door.fetch(FLEET, {MAIN: base})


async def _no_git_is_left() -> None:
    def fetching() -> bool:
        return any("fetch" in line for _, line in _git_processes())

    await until(lambda: not fetching(), "git is gone")


@pytest.mark.parametrize("moment", range(12))
async def test_a_kill_at_any_moment_of_a_fetch_is_repaired_by_the_next(
    server: GitServer, door: GitDoor, tmp_path: Path, moment: int
) -> None:
    fleet = server.upstream("Acme", "Fleet")
    base = fleet.commit(MAIN, {f"{number}.yaml": os.urandom(20_000) for number in range(150)})
    fetching = asyncio.create_task(door.fetch(FLEET, {MAIN: base}))
    await asyncio.sleep(moment * 0.01)  # Not to wait for anything: to be somewhere else each time.
    for child, line in _git_processes():
        with contextlib.suppress(psutil.Error):
            if "http-backend" not in line:
                child.send_signal(signal.SIGKILL)
    await asyncio.gather(fetching, return_exceptions=True)

    again = door_to(server, tmp_path)
    await again.fetch(FLEET, {MAIN: base})
    assert len(await again.tree(FLEET, base)) == 150
    assert not list((tmp_path / "copies").rglob("tmp_*"))


def _break_objects(copy: Path) -> None:
    for file in (*copy.glob("objects/pack/*.pack"), *copy.glob("objects/??/*")):
        file.chmod(0o600)
        file.write_bytes(b"")


def _break_head(copy: Path) -> None:
    (copy / "HEAD").write_bytes(b"")


def _break_config(copy: Path) -> None:
    (copy / "config").write_bytes(b"\0\0\0\0")


def _lose_objects(copy: Path) -> None:
    for file in (*copy.glob("objects/pack/*"), *copy.glob("objects/??/*")):
        file.unlink()


def _empty_refs(copy: Path) -> None:
    for file in (copy / "refs" / "commits").iterdir():
        file.write_bytes(b"")


def _leave_locks(copy: Path) -> None:
    for file in (copy / "refs" / "commits").iterdir():
        file.unlink()
        file.with_name(file.name + ".lock").touch()
    (copy / "packed-refs.lock").touch()
    (copy / "config.lock").touch()


def _leave_only_the_folder(copy: Path) -> None:
    for file in copy.rglob("*"):
        if file.is_file():
            file.unlink()


DAMAGES = [
    _break_objects,
    _break_head,
    _break_config,
    _lose_objects,
    _empty_refs,
    _leave_locks,
    _leave_only_the_folder,
]


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_damaged_copy_is_made_anew(server: GitServer, door: GitDoor, tmp_path: Path, damage: object) -> None:
    fleet = server.upstream("Acme", "Fleet")
    base = fleet.commit(MAIN, {"a": b"1", "folder/b": b"2"})
    head = fleet.commit(PULL, {"a": b"3"}, parent=base)
    await door.fetch(FLEET, {MAIN: base, PULL: head})
    assert callable(damage)
    damage(tmp_path / "copies" / "acme" / "fleet.git")

    # The first look may find the damage only when it reads; the second must work.
    await asyncio.gather(door.fetch(FLEET, {MAIN: base, PULL: head}), return_exceptions=True)
    await asyncio.gather(door.tree(FLEET, base), door.merge(FLEET, base, head), return_exceptions=True)
    await door.fetch(FLEET, {MAIN: base, PULL: head})
    merge = await door.merge(FLEET, base, head)
    assert dict((await door.tree(FLEET, merge.tree)).files) == {"a": b"3", "folder/b": b"2"}


def _unpack(copy: Path) -> None:
    for pack in copy.glob("objects/pack/*.pack"):
        content = pack.read_bytes()
        pack.unlink()
        subprocess.run(["git", "-C", str(copy), "unpack-objects", "-q"], input=content, check=True)


async def test_one_lost_file_is_not_taken_for_a_deleted_one(server: GitServer, door: GitDoor, tmp_path: Path) -> None:
    fleet = server.upstream("Acme", "Fleet")
    base = fleet.commit(MAIN, {"a": b"1", "b": b"2"})
    await door.fetch(FLEET, {MAIN: base})
    copy = tmp_path / "copies" / "acme" / "fleet.git"
    _unpack(copy)
    blob = fleet.git("rev-parse", f"{base}:b")
    (copy / "objects" / blob[:2] / blob[2:]).unlink()

    with pytest.raises(GitUnavailable, match="our copy is damaged"):
        await door.tree(FLEET, base)
    await door.fetch(FLEET, {MAIN: base})
    assert dict((await door.tree(FLEET, base)).files) == {"a": b"1", "b": b"2"}


async def test_conflicts_are_told_by_path(server: GitServer, door: GitDoor) -> None:
    fleet = server.upstream("Acme", "Fleet")
    first = fleet.commit(MAIN, {"a": b"1\n", "gone": b"g\n", "line\nfeed": b"1\n", "kept": b"k\n"})
    head = fleet.commit(PULL, {"a": b"head\n", "gone": b"changed\n", "line\nfeed": b"h\n"}, parent=first)
    base = fleet.commit(MAIN, {"a": b"base\n", "line\nfeed": b"b\n"}, parent=first, remove=("gone",))
    await door.fetch(FLEET, {MAIN: base, PULL: head})
    assert (await door.merge(FLEET, base, head)).conflicts == ("a", "gone", "line\nfeed")


async def test_a_rename_is_followed_as_git_does(server: GitServer, door: GitDoor) -> None:
    fleet = server.upstream("Acme", "Fleet")
    text = b"".join(b"line %d\n" % number for number in range(30))
    first = fleet.commit(MAIN, {"old.yaml": text})
    head = fleet.commit(PULL, {"new.yaml": text}, parent=first, remove=("old.yaml",))
    base = fleet.commit(MAIN, {"old.yaml": text.replace(b"line 3\n", b"line three\n")}, parent=first)
    await door.fetch(FLEET, {MAIN: base, PULL: head})
    merge = await door.merge(FLEET, base, head)
    assert dict((await door.tree(FLEET, merge.tree)).files) == {"new.yaml": text.replace(b"line 3\n", b"line three\n")}
    assert await door.changed_paths(FLEET, base, merge.tree) == {"old.yaml", "new.yaml"}


async def test_unrelated_histories_are_explained(server: GitServer, door: GitDoor) -> None:
    fleet = server.upstream("Acme", "Fleet")
    base = fleet.commit(MAIN, {"a": b"1"})
    head = fleet.commit(PULL, {"b": b"1"})
    await door.fetch(FLEET, {MAIN: base, PULL: head})
    with pytest.raises(GitError, match="no common history"):
        await door.merge(FLEET, base, head)


async def test_an_empty_commit_changes_nothing(server: GitServer, door: GitDoor) -> None:
    fleet = server.upstream("Acme", "Fleet")
    base = fleet.commit(MAIN, {"a": b"1"})
    head = fleet.commit(PULL, {}, parent=base)
    await door.fetch(FLEET, {MAIN: base, PULL: head})
    merge = await door.merge(FLEET, base, head)
    assert await door.changed_paths(FLEET, base, merge.tree) == frozenset()


async def test_what_was_never_fetched_is_an_error_not_an_empty_tree(server: GitServer, door: GitDoor) -> None:
    base = server.upstream("Acme", "Fleet").commit(MAIN, {"a": b"1"})
    await door.fetch(FLEET, {MAIN: base})
    for asked in (
        door.tree(FLEET, "3" * 40),
        door.merge(FLEET, base, "3" * 40),
        door.changed_paths(FLEET, base, "3" * 40),
    ):
        with pytest.raises(GitError, match="Acme/Fleet"):
            await asked
    # None of that was damage: nothing has to be fetched again.
    server.requests.clear()
    await door.fetch(FLEET, {MAIN: base})
    assert server.requests == []


async def test_odd_names_are_kept_apart_and_unchanged(server: GitServer, door: GitDoor) -> None:
    names = [
        "line\nfeed.yaml", "tab\there", "\x1b[31mred\x1b[0m.yaml", "-rf", "--help", "dot.", "space ", "Case.yaml",
        "case.yaml", "caf\u00e9", "cafe\u0301", "quote\"'`$(x)", "back\\slash", "\u202egnp.yaml", "a" * 250, "*", "?",
        "#", "%2e%2e", "\U0001f600",
    ]  # fmt: skip
    fleet = server.upstream("Acme", "Fleet")
    base = fleet.commit(MAIN, {"x": b"x"})
    head = fleet.commit(PULL, {name: name.encode() for name in names}, parent=base)
    await door.fetch(FLEET, {MAIN: base, PULL: head})
    tree = await door.tree(FLEET, head)
    assert dict(tree.files) == {name: name.encode() for name in names} | {"x": b"x"}
    assert await door.changed_paths(FLEET, base, head) == set(names)


async def test_a_name_that_is_not_utf_8_is_named_and_left_out(server: GitServer, door: GitDoor) -> None:
    fleet = server.upstream("Acme", "Fleet")
    base = fleet.commit(MAIN, {"x": b"x"})
    head = fleet.commit(PULL, {b"apps/\xff\xfe.yaml": b"1"}, parent=base)
    await door.fetch(FLEET, {MAIN: base, PULL: head})
    tree = await door.tree(FLEET, head)
    assert dict(tree.files) == {"x": b"x"}
    assert tree.oversized == {"apps/\\xff\\xfe.yaml"}
    assert await door.changed_paths(FLEET, base, head) == {"apps/\\xff\\xfe.yaml"}


async def test_a_path_of_4_kilobytes(server: GitServer, door: GitDoor) -> None:
    path = "/".join(["d" * 80] * 50) + "/file.yaml"
    base = server.upstream("Acme", "Fleet").commit(MAIN, {path: b"1"})
    await door.fetch(FLEET, {MAIN: base})
    assert (await door.tree(FLEET, base))[path] == b"1"


async def test_links_and_submodules_are_named_and_never_followed(server: GitServer, door: GitDoor) -> None:
    fleet = server.upstream("Acme", "Fleet")
    base = fleet.commit(
        MAIN,
        {
            "a": b"1",
            "loop": Link(b"loop"),
            "apps/passwd": Link(b"/etc/passwd"),
            "apps/up": Link(b"../.."),
            "module": Submodule(),
            ".gitmodules": f'[submodule "m"]\n path = module\n url = {server.address}/Acme/Other.git\n'.encode(),
        },
    )
    server.upstream("Acme", "Other")
    await door.fetch(FLEET, {MAIN: base})
    tree = await door.tree(FLEET, base)
    assert set(tree) == {"a", ".gitmodules"}
    assert tree.links == {"loop", "apps/passwd", "apps/up", "module"}
    assert not any("Other" in request for request in server.requests)


async def test_content_is_what_git_keeps_not_what_attributes_make_of_it(server: GitServer, door: GitDoor) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"
    files = {
        ".gitattributes": b"* text=auto eol=crlf\n*.u16 working-tree-encoding=UTF-16\n*.id ident\n"
        b"*.bin filter=lfs diff=lfs merge=lfs\nhidden export-ignore\n*.x filter=evil\n",
        "text.yaml": b"a\nb\r\nc\n",
        "x.u16": b"plain",
        "x.id": b"$Id$",
        "big.bin": pointer,
        "hidden": b"seen",
        "a.x": b"x",
    }
    fleet = server.upstream("Acme", "Fleet")
    base = fleet.commit(MAIN, files)
    head = fleet.commit(PULL, {"more": b"m"}, parent=base)
    await door.fetch(FLEET, {MAIN: base, PULL: head})
    merge = await door.merge(FLEET, base, head)
    assert dict((await door.tree(FLEET, merge.tree)).files) == files | {"more": b"m"}


async def test_nothing_that_a_repository_carries_is_run(server: GitServer, door: GitDoor, tmp_path: Path) -> None:
    witness = tmp_path / "was-run"
    script = f"#!/bin/sh\ntouch {witness}\n".encode()
    config = f"[core]\n fsmonitor = touch {witness}\n sshCommand = touch {witness}\n bare = true\n".encode()
    fleet = server.upstream("Acme", "Fleet")
    base = fleet.commit(
        MAIN,
        {
            "embedded/HEAD": b"ref: refs/heads/main\n",
            "embedded/config": config,
            "embedded/objects/x": b"",
            "embedded/refs/x": b"",
            "embedded/hooks/post-checkout": script,
            "hooks/reference-transaction": script,
            "hooks/post-merge": script,
            "config": config,
            "HEAD": b"ref: refs/heads/evil\n",
            ".gitattributes": b"* filter=evil merge=evil diff=evil\n",
        },
    )
    head = fleet.commit(PULL, {"embedded/config": config + b"\n", "a": b"1"}, parent=base)
    moved = fleet.commit(MAIN, {"b": b"1"}, parent=base)
    await door.fetch(FLEET, {MAIN: moved, PULL: head})
    merge = await door.merge(FLEET, moved, head)
    tree = await door.tree(FLEET, merge.tree)
    assert {"embedded/hooks/post-checkout", "a", "b", "HEAD"} <= set(tree)
    assert not witness.exists()


async def test_hooks_and_settings_of_this_machine_do_not_count(
    server: GitServer, door: GitDoor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    witness = tmp_path / "was-run"
    hooks = tmp_path / "template" / "hooks"
    hooks.mkdir(parents=True)
    hook = hooks / "reference-transaction"
    hook.write_text(f"#!/bin/sh\ntouch {witness}\n")
    hook.chmod(0o700)
    settings = tmp_path / "gitconfig"
    settings.write_text(
        f'[init]\n templateDir = {hooks.parent}\n[core]\n hooksPath = {hooks}\n[url "http://127.0.0.1:9/"]\n'
        f" insteadOf = {server.address}/\n[fetch]\n prune = true\n"
    )
    for name, value in {
        "GIT_CONFIG_GLOBAL": str(settings),
        "GIT_CONFIG_SYSTEM": str(settings),
        "GIT_TEMPLATE_DIR": str(hooks.parent),
        "HOME": str(tmp_path),
        "GIT_TRACE": str(tmp_path / "trace"),
        "GIT_TRACE_CURL": str(tmp_path / "trace"),
        "HTTP_PROXY": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)
    base = server.upstream("Acme", "Fleet").commit(MAIN, {"a": b"1"})
    await door.fetch(FLEET, {MAIN: base})
    assert dict((await door.tree(FLEET, base)).files) == {"a": b"1"}
    assert not witness.exists()
    assert not (tmp_path / "trace").exists()


async def test_redirects_are_not_followed(server: GitServer, door: GitDoor, tmp_path: Path) -> None:
    async with git_server(tmp_path / "elsewhere") as elsewhere:
        other = elsewhere.upstream("Acme", "Fleet").commit(MAIN, {"a": b"1"})
        server.broken = (302, {"Location": f"{elsewhere.address}/Acme/Fleet.git/info/refs?service=git-upload-pack"})
        with pytest.raises(GitError):
            await door.fetch(FLEET, {MAIN: other})
        assert elsewhere.requests == []


@pytest.mark.parametrize("status", [500, 502, 503, 429])
async def test_an_outage_is_worth_another_try(server: GitServer, door: GitDoor, status: int) -> None:
    base = server.upstream("Acme", "Fleet").commit(MAIN, {"a": b"1"})
    server.broken = (status, {})
    with pytest.raises(GitUnavailable, match="Acme/Fleet could not be fetched"):
        await door.fetch(FLEET, {MAIN: base})
    server.broken = None
    await door.fetch(FLEET, {MAIN: base})


async def test_a_server_that_is_not_there_is_worth_another_try(server: GitServer, tmp_path: Path) -> None:
    server.address = "http://127.0.0.1:9"
    with pytest.raises(GitUnavailable, match="Acme/Fleet could not be fetched"):
        await door_to(server, tmp_path).fetch(FLEET, {MAIN: "2" * 40})


@pytest.mark.parametrize(
    "address", ["ext::sh -c 'touch /tmp/x' ", "ssh://host", "git://host", "/a/path", "https+x://h"]
)
async def test_other_transports_are_refused(tmp_path: Path, address: str) -> None:
    door = GitDoor(tmp_path / "copies", url_for=lambda _: f"{address}/x.git", token=None, network=NetworkSettings())
    with pytest.raises(GitError, match="cannot fetch over"):
        await door.fetch(FLEET, {MAIN: "2" * 40})


async def test_a_sha_256_repository_is_refused_with_the_reason(server: GitServer, door: GitDoor) -> None:
    server.upstream("Acme", "Fleet", object_format="sha256").commit(MAIN, {"a": b"1"})
    with pytest.raises(GitError, match="SHA-256"):
        await door.fetch(FLEET, {MAIN: "2" * 40})


async def test_objects_that_could_harm_a_disk_are_refused_at_the_door(server: GitServer, door: GitDoor) -> None:
    fleet = server.upstream("Acme", "Fleet")
    blob = fleet.git("hash-object", "-w", "--stdin", stdin=b"x")
    for name in (b".git", b"..", b"a/b"):
        raw = b"100644 " + name + b"\0" + bytes.fromhex(blob)
        tree = fleet.git("hash-object", "-w", "-t", "tree", "--literally", "--stdin", stdin=raw)
        commit = fleet.git("commit-tree", tree, "-m", "x")
        fleet.git("update-ref", PULL, commit)
        with pytest.raises(GitError, match="refuses to take over") as caught:
            await door.fetch(FLEET, {PULL: commit})
        assert not isinstance(caught.value, GitUnavailable)
    # The rest of the repository is as before.
    base = fleet.commit(MAIN, {"a": b"1"})
    await door.fetch(FLEET, {MAIN: base})


async def test_a_file_that_is_too_large_is_named_and_left_out(server: GitServer, tmp_path: Path) -> None:
    base = server.upstream("Acme", "Fleet").commit(MAIN, {"small": b"12345678", "large": b"123456789"})
    door = door_to(server, tmp_path, limits=TreeLimits(file_bytes=8))
    await door.fetch(FLEET, {MAIN: base})
    tree = await door.tree(FLEET, base)
    assert dict(tree.files) == {"small": b"12345678"}
    assert tree.oversized == {"large"}


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (TreeLimits(files=9), "more than 9 files"),
        (TreeLimits(total_bytes=9), "more than 9 bytes of files"),
        (TreeLimits(depth=2), "more than 2 deep: 'a/b/c/deep'"),
    ],
)
async def test_a_tree_past_a_limit_is_refused(
    server: GitServer, tmp_path: Path, limits: TreeLimits, reason: str
) -> None:
    files: dict[str | bytes, bytes | Link | Submodule] = {f"{number}": b"x" for number in range(9)}
    base = server.upstream("Acme", "Fleet").commit(MAIN, files | {"a/b/c/deep": b"y"})
    door = door_to(server, tmp_path, limits=limits)
    await door.fetch(FLEET, {MAIN: base})
    with pytest.raises(TreeTooLarge, match=reason):
        await door.tree(FLEET, base)


def _bomb(fleet: Upstream, base: str) -> str:
    """Ten folders that are one, ten levels deep: ten thousand million files in a dozen objects."""
    entry = fleet.git("hash-object", "-w", "--stdin", stdin=b"x")
    kind = "100644 blob"
    for _ in range(10):
        entry = fleet.git("mktree", stdin="".join(f"{kind} {entry}\t{n}\n" for n in range(10)).encode())
        kind = "040000 tree"
    head = fleet.git("commit-tree", entry, "-p", base, "-m", "bomb")
    fleet.git("update-ref", PULL, head)
    return head


async def test_a_bomb_of_folders_is_stopped(server: GitServer, tmp_path: Path) -> None:
    fleet = server.upstream("Acme", "Fleet")
    base = fleet.commit(MAIN, {"a": b"1"})
    head = _bomb(fleet, base)
    door = door_to(server, tmp_path, limits=TreeLimits(files=2000))
    await door.fetch(FLEET, {MAIN: base, PULL: head})
    async with asyncio.timeout(20):
        with pytest.raises(TreeTooLarge):
            await door.tree(FLEET, head)
        with pytest.raises(TreeTooLarge):
            await door.changed_paths(FLEET, base, head)
        merge = await door.merge(FLEET, base, head)
        with pytest.raises(TreeTooLarge):
            await door.tree(FLEET, merge.tree)


async def test_one_pull_request_does_not_fill_the_volume(
    server: GitServer, door: GitDoor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody may open one from a fork; a volume that is nearly full cannot be made here."""
    fleet = server.upstream("Acme", "Fleet")
    base = fleet.commit(MAIN, {"a": b"1"})
    head = fleet.commit(PULL, {f"large-{number}": os.urandom(1 << 20) for number in range(3)}, parent=base)
    small = fleet.commit("refs/pull/8/head", {"a": b"2"}, parent=base)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=4 << 20))
    with pytest.raises(GitError, match="half of what is free"):
        await door.fetch(FLEET, {MAIN: base, PULL: head})
    assert sum(file.stat().st_size for file in (tmp_path / "copies").rglob("*") if file.is_file()) < 1 << 20
    await door.fetch(FLEET, {MAIN: base, "refs/pull/8/head": small})
    assert (await door.tree(FLEET, small))["a"] == b"2"


async def test_a_merge_that_needs_endless_memory_is_stopped(server: GitServer, door: GitDoor) -> None:
    """main changes a file that the bomb deletes: git looks for its new name among all the bomb's files."""
    fleet = server.upstream("Acme", "Fleet")
    base = fleet.commit(MAIN, {"a": b"1"})
    head = _bomb(fleet, base)
    moved = fleet.commit(MAIN, {"a": b"2"}, parent=base)
    await door.fetch(FLEET, {MAIN: moved, PULL: head})
    async with asyncio.timeout(60):
        with pytest.raises(GitError, match="Acme/Fleet: git merge-tree ended with"):
            await door.merge(FLEET, moved, head)
    # Nothing was wrong with our copy.
    server.requests.clear()
    await door.fetch(FLEET, {MAIN: moved, PULL: head})
    assert server.requests == []


async def test_tidying_up_forgets_what_nobody_asks_for(server: GitServer, door: GitDoor, tmp_path: Path) -> None:
    fleet = server.upstream("Acme", "Fleet")
    base = fleet.commit(MAIN, {"a": b"1"})
    old = fleet.commit(PULL, {"a": b"2"}, parent=base)
    await door.fetch(FLEET, {MAIN: base, PULL: old})
    await door.tidy()
    new = fleet.commit(PULL, {"a": b"3"}, parent=base)
    await door.fetch(FLEET, {MAIN: base, PULL: new})
    await door.tidy()

    refs = (tmp_path / "copies" / "acme" / "fleet.git" / "packed-refs").read_text()
    assert base in refs
    assert new in refs
    assert old not in refs
    # It is only forgotten: whoever asks again gets it again.
    fleet.git("update-ref", PULL, old)
    await door.fetch(FLEET, {PULL: old})
    assert (await door.tree(FLEET, old))["a"] == b"2"


async def test_tidying_up_deletes_a_copy_that_nobody_uses(server: GitServer, door: GitDoor, tmp_path: Path) -> None:
    base = server.upstream("Acme", "Fleet").commit(MAIN, {"a": b"1"})
    await door.fetch(FLEET, {MAIN: base})
    os.utime(tmp_path / "copies" / "acme" / "fleet.lock", (0, 0))
    await door.tidy()
    assert not list((tmp_path / "copies").rglob("*.git"))
    await door.fetch(FLEET, {MAIN: base})


async def test_a_token_is_read_anew_at_each_fetch(server: GitServer, tmp_path: Path) -> None:
    fleet = server.upstream("Acme", "Fleet")
    tokens = ["ghp_old0123456789", TOKEN]

    async def next_token(_repository: Repository) -> str:
        return tokens.pop(0)

    door = GitDoor(
        tmp_path / "copies",
        url_for=lambda repository: f"{server.address}/{repository}.git",
        token=next_token,
        network=NetworkSettings(),
    )
    base = fleet.commit(MAIN, {"a": b"1"})
    with pytest.raises(GitError, match="refused"):
        await door.fetch(FLEET, {MAIN: base})
    await door.fetch(FLEET, {MAIN: base})


async def test_the_proxy_and_its_exceptions_are_obeyed(server: GitServer, tmp_path: Path) -> None:
    base = server.upstream("Acme", "Fleet").commit(MAIN, {"a": b"1"})

    def door(no_proxy: tuple[str, ...], address: str) -> GitDoor:
        # The git server stands for the proxy: it is asked for a path either way.
        return GitDoor(
            tmp_path / "copies",
            url_for=lambda repository: f"{address}/{repository}.git",
            token=always(TOKEN),
            network=NetworkSettings(proxy=server.address, no_proxy=no_proxy),
        )

    await door((), "http://github.test").fetch(FLEET, {MAIN: base})
    shutil.rmtree(tmp_path / "copies")
    with pytest.raises(GitUnavailable, match="Could not resolve host"):
        await door((".test",), "http://github.test").fetch(FLEET, {MAIN: base})
    await door(("127.0.0.0/8",), server.address).fetch(FLEET, {MAIN: base})


async def test_a_token_file_that_is_missing_is_named(server: GitServer, tmp_path: Path) -> None:
    github = GitHubDoor(GitHubSettings(token_file=tmp_path / "token"), NetworkSettings())
    door = GitDoor(
        tmp_path / "copies",
        url_for=lambda repository: f"{server.address}/{repository}.git",
        token=github.git_token,
        network=NetworkSettings(),
    )
    with pytest.raises(GitError, match=r"Acme/Fleet: github\.token_file"):
        await door.fetch(FLEET, {MAIN: "2" * 40})


async def test_an_old_git_is_told(door: GitDoor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await door.program_version() >= "2."
    old = tmp_path / "bin" / "git"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho git version 2.30.2\n")
    old.chmod(0o700)
    monkeypatch.setenv("PATH", str(old.parent))
    with pytest.raises(GitError, match=r"git version 2\.30\.2\. Install git 2\.38"):
        await GitDoor(tmp_path, url_for=str, token=None, network=NetworkSettings()).program_version()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitError, match="not on PATH"):
        GitDoor(tmp_path, url_for=str, token=None, network=NetworkSettings())


async def test_a_branch_that_is_no_commit(server: GitServer, door: GitDoor) -> None:
    fleet = server.upstream("Acme", "Fleet")
    base = fleet.commit(MAIN, {"a": b"1"})
    fleet.git("tag", "--annotate", "-m", "x", "v1", base)
    tag = fleet.git("rev-parse", "refs/tags/v1")
    (fleet.path / "refs" / "pull" / "7").mkdir(parents=True)
    (fleet.path / "refs" / "pull" / "7" / "head").write_text(f"{tag}\n")
    with pytest.raises(GitError, match="refs/pull/7/head: what lies there is no commit"):
        await door.fetch(FLEET, {PULL: tag})


async def test_a_folder_that_cannot_be_written_is_explained(server: GitServer, tmp_path: Path) -> None:
    (tmp_path / "copies").write_text("a file is in the way")
    with pytest.raises(GitError, match=r"store\.folder"):
        await door_to(server, tmp_path).fetch(FLEET, {MAIN: "2" * 40})
