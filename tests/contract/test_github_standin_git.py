"""Git over HTTP of the GitHub stand-in: real git pushes, fetches and forks, and what follows for pull requests."""

import asyncio
import base64
import gzip
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from github_world import REPOSITORY, World
from waiting import until


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    await made.start()
    yield made
    await made.stop()


async def remote_refs(world: World, login: str = "bot", name: str = "acme/fleet") -> dict[str, str]:
    lines = (await world.git("ls-remote", world.url(login, name))).splitlines()
    return {ref: sha for sha, ref in (line.split("\t") for line in lines)}


async def test_the_head_of_a_pull_request_follows_its_branch(world: World) -> None:
    pull = await world.pull_request("change", {"app.yaml": "a: 2\n"})
    assert (await remote_refs(world))["refs/pull/1/head"] == pull["head"]["sha"]
    moved = await world.push("change", {"app.yaml": "a: 3\n"})
    assert (await world.get("/pulls/1"))["head"]["sha"] == moved
    assert (await remote_refs(world))["refs/pull/1/head"] == moved
    forced = await world.push("change", {"app.yaml": "a: 4\n"}, force=True)
    assert (await world.get("/pulls"))[0]["head"]["sha"] == forced
    await world.git("init", "--quiet", "--bare", "other.git")
    other = world.folder / "other.git"
    await world.git("fetch", "--quiet", world.url("bot"), "refs/pull/1/head", cwd=other)
    assert await world.git("show", "FETCH_HEAD:app.yaml", cwd=other) == "a: 4"
    # Any commit can be asked for by its id, as on GitHub.
    await world.git("fetch", "--quiet", world.url("bot"), moved, cwd=other)


async def test_forks(world: World) -> None:
    world.standin.grant("acme", "fleet", "stranger", "read")
    forked = await world.api("stranger").post(f"{REPOSITORY}/forks", json={})
    assert (forked.status_code, forked.json()["full_name"], forked.json()["fork"]) == (202, "stranger/fleet", True)
    commit = await world.push("idea", {"app.yaml": "a: 9\n"}, to=world.url("stranger", "stranger/fleet"))
    body = {"title": "Idea", "head": "stranger:idea", "base": "main"}
    made = await world.api("stranger").post(f"{REPOSITORY}/pulls", json=body)
    assert made.status_code == 201, made.text
    assert (made.json()["head"]["repo"]["full_name"], made.json()["head"]["label"]) == (
        "stranger/fleet",
        "stranger:idea",
    )
    assert made.json()["head"]["sha"] == commit
    moved = await world.push("idea", {"app.yaml": "a: 10\n"}, to=world.url("stranger", "stranger/fleet"))
    assert (await remote_refs(world))["refs/pull/1/head"] == moved
    assert (await world.get("/pulls/1"))["head"]["sha"] == moved
    assert [file["filename"] for file in await world.get("/pulls/1/files")] == ["app.yaml"]
    # The fork disappears: the pull request stays, without a head repository.
    assert (await world.api("stranger").delete("/repos/stranger/fleet")).status_code == 204
    pull = await world.get("/pulls/1")
    assert (pull["head"]["repo"], pull["state"], pull["head"]["sha"]) == (None, "open", moved)
    assert (await world.get("/pulls"))[0]["head"]["repo"] is None


async def test_a_push_by_path_is_noticed_too(world: World) -> None:
    pull = await world.pull_request("change", {"app.yaml": "a: 2\n"})
    folder = world.standin.repository_folder("acme", "fleet")
    moved = await world.push("change", {"app.yaml": "a: 3\n"}, to=str(folder))
    assert moved != pull["head"]["sha"]
    assert (await world.get("/pulls/1"))["head"]["sha"] == moved
    assert (await remote_refs(world))["refs/pull/1/head"] == moved
    await world.git("pack-refs", "--all", cwd=folder)
    assert (await world.get("/branches/change"))["commit"]["sha"] == moved


@pytest.mark.parametrize("method", ["merge", "squash"])
async def test_merging_for_real(world: World, method: str) -> None:
    pull = await world.pull_request("change", {"app.yaml": "a: 2\n"})
    await world.push("main", {"other.txt": "1\n"})
    path = f"{REPOSITORY}/pulls/1/merge"
    old = await world.api("reviewer").put(path, json={"sha": "0" * 40})
    assert (old.status_code, old.json()["message"]) == (
        409,
        "Head branch was modified. Review and try the merge again.",
    )
    assert (await world.api("reviewer").get(path)).status_code == 404
    done = await world.api("reviewer").put(path, json={"sha": pull["head"]["sha"], "merge_method": method})
    assert (done.status_code, done.json()["merged"]) == (200, True)
    assert (await world.api("reviewer").get(path)).status_code == 204
    tip = (await world.get("/branches/main"))["commit"]
    assert tip["sha"] == done.json()["sha"]
    assert len(tip["parents"]) == (2 if method == "merge" else 1)
    merged = await world.get("/pulls/1")
    assert (merged["state"], merged["merged"], merged["merged_by"]["login"]) == ("closed", True, "reviewer")
    assert merged["merge_commit_sha"] == done.json()["sha"]
    assert (merged["commits"], merged["changed_files"]) == (1, 1)
    await world.git("fetch", "--quiet", "origin", cwd=world.clone)
    assert await world.git("show", "origin/main:app.yaml", cwd=world.clone) == "a: 2"
    again = await world.api("reviewer").put(path, json={})
    assert again.status_code == 405


async def test_conflicts_and_drafts_are_not_merged(world: World) -> None:
    await world.pull_request("change", {"app.yaml": "a: 2\n"})
    await world.pull_request("draft", {"draft.txt": "1\n"}, draft=True)
    await world.push("main", {"app.yaml": "a: 3\n"})
    answers = [await world.api("reviewer").put(f"{REPOSITORY}/pulls/{number}/merge", json={}) for number in (1, 2)]
    assert [(one.status_code, one.json()["message"]) for one in answers] == [
        (405, "Pull Request is not mergeable"),
        (405, "Pull Request is still a draft"),
    ]
    rebase = await world.api("reviewer").put(f"{REPOSITORY}/pulls/1/merge", json={"merge_method": "rebase"})
    assert rebase.status_code == 405


async def test_merged_by_hand_and_deleted_branches(world: World) -> None:
    await world.pull_request("change", {"app.yaml": "a: 2\n"})
    await world.pull_request("other", {"other.txt": "1\n"})
    await world.git("checkout", "--quiet", "main", cwd=world.clone)
    await world.git("merge", "--quiet", "--no-ff", "--no-edit", "change", cwd=world.clone)
    await world.git("push", "--quiet", "origin", "main", cwd=world.clone)
    pull = await world.get("/pulls/1")
    assert (pull["state"], pull["merged"]) == ("closed", True)
    assert (await world.get("/pulls/2"))["state"] == "open"
    await world.git("push", "--quiet", "origin", ":other", cwd=world.clone)
    pull = await world.get("/pulls/2")
    assert (pull["state"], pull["merged"]) == ("closed", False)
    gone = await world.api("author").patch(f"{REPOSITORY}/pulls/2", json={"state": "open"})
    assert gone.status_code == 422


async def test_closed_ones_do_not_follow_and_reopen_at_the_tip(world: World) -> None:
    pull = await world.pull_request("change", {"app.yaml": "a: 2\n"})
    await world.api("author").patch(f"{REPOSITORY}/pulls/1", json={"state": "closed"})
    moved = await world.push("change", {"app.yaml": "a: 3\n"})
    assert (await world.get("/pulls/1"))["head"]["sha"] == pull["head"]["sha"]
    opened = await world.api("author").patch(f"{REPOSITORY}/pulls/1", json={"state": "open"})
    assert (opened.status_code, opened.json()["head"]["sha"]) == (200, moved)
    await world.api("author").patch(f"{REPOSITORY}/pulls/1", json={"state": "closed"})
    await world.push("change", {"app.yaml": "a: 4\n"}, force=True)
    refused = await world.api("author").patch(f"{REPOSITORY}/pulls/1", json={"state": "open"})
    assert (refused.status_code, "force-pushed" in refused.text) == (422, True)


async def test_who_may_fetch_and_push(world: World) -> None:
    for login, words in (("", "could not read Username"), ("stranger", "not found")):
        assert words in await world.git("ls-remote", world.url(login), check=False)
    world.standin.grant("acme", "fleet", "stranger", "read")
    await remote_refs(world, "stranger")
    refused = await world.git("push", world.url("stranger"), "HEAD:refs/heads/mine", cwd=world.clone, check=False)
    assert "403" in refused
    bad = world.url("author").replace(world.tokens["author"], "ghp_wrong")
    assert "Authentication failed" in await world.git("ls-remote", bad, check=False)
    hidden = await world.git("push", world.url(), "HEAD:refs/pull/7/head", cwd=world.clone, check=False)
    assert "deny updating a hidden ref" in hidden
    world.standin.create_repository("acme", "open", private=False)
    await world.git(
        "push", "--quiet", world.url("author", "acme/open"), "HEAD:refs/heads/main", cwd=world.clone, check=False
    )
    world.standin.grant("acme", "open", "author", "write")
    await world.git("push", "--quiet", world.url("author", "acme/open"), "HEAD:refs/heads/main", cwd=world.clone)
    # Public: anybody may read, with or without .git, in any case.
    await world.git("ls-remote", f"{world.standin.git_url}/acme/open")
    await world.git("ls-remote", f"{world.standin.git_url}/Acme/OPEN.git")


async def test_pushes_of_many_megabytes_and_packed_requests(world: World) -> None:
    text = "".join(f"{n * 7919 % 104729} {n}\n" for n in range(400_000))
    commit = await world.push("large", {"large.txt": text})
    assert (await world.get("/git/ref/heads/large"))["object"]["sha"] == commit
    body = gzip.compress(b"0014command=ls-refs\n0001000bsymrefs0000")
    headers = {
        "Content-Type": "application/x-git-upload-pack-request",
        "Content-Encoding": "gzip",
        "Git-Protocol": "version=2",
    }
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{world.url('bot')}/git-upload-pack", content=body, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-git-upload-pack-result"
    assert f"{commit} refs/heads/large".encode() in answer.content


async def test_many_at_once_do_not_hold_up_the_rest(world: World) -> None:
    async def clone(number: int) -> None:
        await world.git("clone", "--quiet", world.url("bot"), f"clone{number}")

    await asyncio.gather(*(clone(number) for number in range(8)), *(world.get("/pulls") for _ in range(20)))
    assert world.standin.counters("gitops-bot")["git"] >= 16


async def test_a_client_that_goes_in_the_middle_of_a_push_leaves_no_program_behind(world: World) -> None:
    host, _, port = world.standin.git_url.removeprefix("http://").partition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    token = base64.b64encode(f"x:{world.tokens['author']}".encode()).decode()
    writer.write(
        f"POST /acme/fleet.git/git-receive-pack HTTP/1.1\r\nHost: {host}\r\nAuthorization: Basic {token}\r\n"
        "Content-Type: application/x-git-receive-pack-request\r\nContent-Length: 100000\r\n\r\n0032".encode()
    )
    await writer.drain()

    def programs() -> list[psutil.Process]:
        found = []
        for one in psutil.Process().children():
            # It may end while it is looked at.
            with suppress(psutil.Error):
                if "http-backend" in " ".join(one.cmdline()):
                    found.append(one)
        return found

    await until(programs, "git http-backend runs")
    writer.close()
    await until(lambda: not programs(), "git http-backend has ended")


async def test_no_hook_of_a_repository_runs(world: World) -> None:
    folder = world.standin.repository_folder("acme", "fleet")
    (folder / "hooks").mkdir()
    for name in ("pre-receive", "update", "post-receive", "post-update"):
        hook = folder / "hooks" / name
        hook.write_text(f"#!/bin/sh\ntouch {world.folder}/ran\nexit 1\n")
        hook.chmod(0o755)
    await world.push("change", {"app.yaml": "a: 2\n"})
    assert not (world.folder / "ran").exists()


async def test_a_push_that_arrives_though_the_answer_is_lost(world: World) -> None:
    await world.pull_request("change", {"app.yaml": "a: 2\n"})
    await world.fault(kind="reset", method="POST", path="/acme/fleet.git/git-receive-pack", when="after")
    (world.clone / "app.yaml").write_text("a: 3\n")
    await world.git("commit", "--quiet", "--all", "-m", "lost", cwd=world.clone)
    output = await world.git("push", "origin", "HEAD:refs/heads/change", cwd=world.clone, check=False)
    assert "fatal" in output or "error" in output
    head: dict[str, Any] = await world.get("/pulls/1")
    assert head["head"]["sha"] == await world.git("rev-parse", "HEAD", cwd=world.clone)
    await world.fault(kind="status", status=503, path="/acme/fleet.git/*")
    assert "503" in await world.git("ls-remote", world.url(), check=False)
    await world.fault(kind="latency", seconds=0.1, path="/acme/fleet.git/*")
    assert await remote_refs(world)
