"""A GitHub stand-in with a repository, people and a git client, for tests of it and of what talks to it."""

import asyncio
import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import github
import httpx
from github_schema import assert_answers_keep_githubs_schema

from gitops_bot.sandbox.github import GitHubStandIn

REPOSITORY = "/repos/acme/fleet"
# To read what the system trusts, for every client anew, would take longer than what most of them are made for.
_CERTIFICATES = ssl.create_default_context()


class World:
    """``acme/fleet`` (private) with one commit on main; author and reviewer may write, bot too, stranger nothing."""

    def __init__(self, folder: Path, *, private: bool = True) -> None:
        self.folder = folder
        self.standin = GitHubStandIn(folder / "github")
        # The author sets scenes, faster than GitHub would let a person.
        self.tokens = {"author": self.standin.create_user("author", unlimited=True)}
        self.tokens |= {login: self.standin.create_user(login) for login in ("reviewer", "stranger", "admin")}
        self.tokens["bot"] = self.standin.create_user("gitops-bot")
        self.standin.create_repository("acme", "fleet", private=private)
        for login, permission in (
            ("author", "write"),
            ("reviewer", "write"),
            ("gitops-bot", "write"),
            ("admin", "admin"),
        ):
            self.standin.grant("acme", "fleet", login, permission)
        self.clients: dict[str, httpx.AsyncClient] = {}

    async def start(self) -> None:
        await self.standin.start()
        await self.push("main", {"app.yaml": "a: 1\n", "README.md": "# Fleet\n"}, message="first")

    async def stop(self) -> None:
        """Stop, and hold every answer that was given to GitHub's description."""
        for client in self.clients.values():
            await client.aclose()
        await self.standin.stop()
        assert_answers_keep_githubs_schema(self.folder / "github")

    def api(self, login: str = "bot") -> httpx.AsyncClient:
        """A client with somebody's token; "" for nobody's."""
        if login not in self.clients:
            headers = {"Accept": "application/vnd.github+json"}
            if login:
                headers["Authorization"] = f"Bearer {self.tokens[login]}"
            self.clients[login] = httpx.AsyncClient(
                base_url=self.standin.api_url, headers=headers, timeout=20, verify=_CERTIFICATES
            )
        return self.clients[login]

    def pygithub(self, login: str = "bot") -> github.Github:
        return github.Github(
            auth=github.Auth.Token(self.tokens[login]),
            base_url=self.standin.api_url,
            retry=None,
            seconds_between_requests=None,
            seconds_between_writes=None,
        )

    def url(self, login: str = "author", name: str = "acme/fleet") -> str:
        """An address for git, with somebody's token in it."""
        scheme, _, host = self.standin.git_url.partition("://")
        user = f"x-access-token:{self.tokens[login]}@" if login else ""
        return f"{scheme}://{user}{host}/{name}.git"

    async def git(self, *arguments: str, cwd: Path | None = None, check: bool = True) -> str:
        """Run git as a person would, without this machine's settings; give its output (both streams)."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_AUTHOR_NAME": "author",
            "GIT_AUTHOR_EMAIL": "author@example.com",
            "GIT_COMMITTER_NAME": "author",
            "GIT_COMMITTER_EMAIL": "author@example.com",
        }
        process = await asyncio.create_subprocess_exec(
            "git",
            *arguments,
            cwd=cwd or self.folder,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output = (await process.communicate())[0].decode()
        if check:
            assert process.returncode == 0, output
        return output.strip()

    @property
    def clone(self) -> Path:
        """A work tree of the author's."""
        return self.folder / "clone"

    async def push(
        self,
        branch: str,
        files: Mapping[str, str | None],
        *,
        message: str = "change",
        start: str = "origin/main",
        to: str = "",
        force: bool = False,
    ) -> str:
        """Commit files (None: delete) on a branch and push it; give the commit. ``to``: an address, else the origin."""
        if not self.clone.exists():
            await self.git("clone", "--quiet", self.url(), str(self.clone))
        await self.git("fetch", "--quiet", "origin", cwd=self.clone)
        known = await self.git("branch", "--list", branch, cwd=self.clone)
        first = not await self.git("branch", "--remotes", cwd=self.clone)
        if first:
            await self.git("checkout", "--quiet", "-B", branch, cwd=self.clone)
        elif known and not force:
            await self.git("checkout", "--quiet", branch, cwd=self.clone)
        else:
            await self.git("checkout", "--quiet", "-B", branch, start, cwd=self.clone)
        for name, text in files.items():
            path = self.clone / name
            if text is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
        await self.git("add", "--all", cwd=self.clone)
        await self.git("commit", "--quiet", "--allow-empty", "-m", message, cwd=self.clone)
        options = ["--force"] if force else []
        await self.git("push", "--quiet", *options, to or "origin", f"HEAD:refs/heads/{branch}", cwd=self.clone)
        return await self.git("rev-parse", "HEAD", cwd=self.clone)

    async def pull_request(self, branch: str, files: Mapping[str, str | None], **fields: Any) -> dict[str, Any]:
        """Push a branch and open a pull request for it, as the author."""
        await self.push(branch, files)
        body = {"title": branch, "head": branch, "base": "main"} | fields
        answer = await self.api("author").post(f"{REPOSITORY}/pulls", json=body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def get(self, path: str, login: str = "bot", **query: Any) -> Any:
        """Read something below the repository."""
        answer = await self.api(login).get(REPOSITORY + path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def fault(self, **values: Any) -> None:
        """Switch a fault on."""
        async with httpx.AsyncClient(verify=_CERTIFICATES) as client:
            answer = await client.post(f"{self.standin.control_url}/faults", json=values)
        assert answer.status_code == 201, answer.text

    async def control(self, path: str, **values: Any) -> Any:
        """Tell the control API something."""
        async with httpx.AsyncClient(verify=_CERTIFICATES) as client:
            answer = await client.post(f"{self.standin.control_url}/{path}", json=values)
        assert answer.is_success, answer.text
        return answer.json()
