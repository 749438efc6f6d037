"""GitHub's own command line against the stand-in: ``gh api``, which takes whole addresses.

Other commands of gh insist on https for every host but github.com, and the stand-in has no certificate.
"""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from github_world import World


class CommandLine:
    """gh, signed in as the bot."""

    def __init__(self, world: World) -> None:
        found = shutil.which("gh")
        assert found, "GitHub's command line is needed: install it, for example with the package gh."
        self._program = found
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(world.folder),
            "GH_HOST": world.standin.html_url.removeprefix("http://"),
            "GH_ENTERPRISE_TOKEN": world.tokens["bot"],
            "GH_NO_UPDATE_NOTIFIER": "1",
            "GH_PROMPT_DISABLED": "1",
        }

    async def api(self, address: str, *options: str) -> tuple[int, str]:
        """Call it; give exit code and output."""
        process = await asyncio.create_subprocess_exec(
            self._program,
            "api",
            *options,
            address,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output = (await process.communicate())[0].decode().strip()
        return process.returncode or 0, output


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    await made.start()
    yield made
    await made.stop()


async def test_gh_reads_all_pages_writes_and_queries(world: World) -> None:
    for name in ("one", "two", "three"):
        await world.pull_request(name, {name: "x\n"})
    gh, root = CommandLine(world), f"{world.standin.api_url}/repos/acme/fleet"
    assert await gh.api(f"{world.standin.api_url}/user", "--jq", ".login") == (0, "gitops-bot")
    assert await gh.api(f"{root}/pulls?per_page=1", "--paginate", "--jq", ".[].number") == (0, "3\n2\n1")
    assert await gh.api(f"{root}/issues/1/comments", "-f", "body=hello", "--jq", ".body") == (0, "hello")
    assert await gh.api(f"{root}/pulls/2/reviews", "-f", "event=APPROVE", "--jq", ".state") == (0, "APPROVED")
    graphql = world.standin.api_url.removesuffix("/v3") + "/graphql"
    assert await gh.api(graphql, "-f", "query={viewer{login}}", "--jq", ".data.viewer.login") == (0, "gitops-bot")
    code, words = await gh.api(f"{world.standin.api_url}/repos/acme/none")
    assert (code, "gh: Not Found (HTTP 404)" in words) == (1, True)
