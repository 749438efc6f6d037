"""The shipped bot as a process in a running world: start, kill, look at what it left."""

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import psutil

from gitops_bot.sandbox.cluster import TRUSTS_NOBODY
from gitops_bot.sandbox.fleet.checkout import Checkout, with_credentials
from gitops_bot.sandbox.observer import Observer


class BotProcess:
    """`gitops-bot run`, nothing patched; only its interval and its folder are set, as a person would."""

    def __init__(
        self, world: Mapping[str, Any], folder: Path, *, interval: float = 1, settings: Mapping[str, str] | None = None
    ) -> None:
        """``settings``: by the names of the environment, without what they all begin with."""
        self._settings = world["settings_file"]
        self._folder = folder
        self._environment = {
            **os.environ,
            "GITOPS_BOT_WATCH__INTERVAL": str(interval),
            "GITOPS_BOT_STORE__FOLDER": str(folder / "bot"),
            "GITOPS_BOT_WEB__PORT": "0",
            **{f"GITOPS_BOT_{name}": value for name, value in (settings or {}).items()},
        }
        self._log = (folder / "bot.log").open("ab")
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it in a process group of its own."""
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gitops_bot", "run", "--settings", self._settings),
            env=self._environment,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )

    async def kill(self) -> None:
        """SIGKILL, as a node that loses power would."""
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
            await self.process.wait()

    async def stop(self) -> int:
        """SIGTERM, as Kubernetes would; gives the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), 30)

    def lines(self) -> list[dict[str, Any]]:
        """What it has logged so far, line by line."""
        return [json.loads(line) for line in self.log().splitlines() if line.startswith("{")]

    async def read(self, path: str) -> httpx.Response:
        """Ask for a page of it: ``/readyz``, ``/metrics``."""
        ports = [line["port"] for line in self.lines() if line.get("event") == "serving health and metrics"]
        async with plain_client() as client:
            return await client.get(f"http://127.0.0.1:{ports[-1]}{path}")

    async def problems(self) -> dict[str, str]:
        """What keeps it from being ready, by name."""
        found: dict[str, str] = (await self.read("/readyz")).json()["problems"]
        return found

    async def runs_of_flux(self, operation: str = "") -> int:
        """How often flux was run since the start: in all, or to ``build`` or to ``diff``."""
        wanted = (
            f'gitops_bot_flux_seconds_count{{operation="{operation}' if operation else "gitops_bot_flux_seconds_count"
        )
        metrics = (await self.read("/metrics")).text.splitlines()
        return sum(int(float(line.rpartition(" ")[2])) for line in metrics if line.startswith(wanted))

    def megabytes(self) -> float:
        """How much memory its own process has."""
        assert self.process is not None
        return float(psutil.Process(self.process.pid).memory_info().rss) / (1 << 20)

    def cages(self) -> int:
        """How many sessions of flux there are: nothing else is started by the bot but git, which is quick."""
        assert self.process is not None
        found = 0
        for process in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.Error):
                found += "gitops_bot.runner" in process.cmdline()
        return found

    def lose_the_database(self) -> None:
        """Delete what it remembers; the clones stay."""
        for file in (self._folder / "bot").glob("gitops-bot.sqlite*"):
            file.unlink()

    def log(self) -> str:
        """What it has logged so far."""
        return (self._folder / "bot.log").read_text(encoding="utf-8", errors="replace")

    async def close(self) -> None:
        """End it and close its log."""
        await self.kill()
        self._log.close()


class Fleet:
    """Somebody's clone of the fleet repository, and the pull requests that they open from it."""

    def __init__(self, observer: Observer, folder: Path) -> None:
        self.observer = observer
        github = observer.github
        self._url = with_credentials(
            f"{github['git_url']}/{observer.repository}.git", observer.author, github["tokens"][observer.author]
        )
        self._checkout = Checkout.of_repository(self._url, folder, self._url, author=observer.author)

    async def push(self, branch: str, color: str) -> str:
        """Push a commit that changes one field of one object; gives the commit."""
        return await asyncio.to_thread(self._push, branch, color)

    async def push_files(self, branch: str, files: Mapping[str, str], message: str) -> str:
        """Push a commit upon main that writes files; gives the commit. ``main`` itself may be the branch."""
        return await asyncio.to_thread(self._push_files, branch, files, message)

    def _push_files(self, branch: str, files: Mapping[str, str], message: str) -> str:
        self._checkout.run("fetch", "--quiet", "origin")
        self._checkout.run("checkout", "--quiet", "--force", "-B", branch, "origin/main")
        for name, text in files.items():
            path = self._checkout.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        commit = self._checkout.commit(message)
        self._checkout.push(branch)
        return commit

    def read(self, name: str) -> str:
        """A file as it is in the clone."""
        return (self._checkout.folder / name).read_text(encoding="utf-8")

    async def push_branches(self, names: Sequence[str]) -> None:
        """Push one commit under many names."""
        commit = await self.push_files(names[0], {"docs/many.md": "many\n"}, "One for many")
        await asyncio.to_thread(
            self._checkout.run, "push", "--quiet", "origin", *(f"{commit}:refs/heads/{name}" for name in names[1:])
        )

    async def change(self, branch: str, path: str, old: str, new: str) -> str:
        """Push a commit that replaces a text in a file, everywhere; gives the commit."""
        return await asyncio.to_thread(self._change, branch, path, old, new)

    def _change(self, branch: str, path: str, old: str, new: str) -> str:
        self._checkout.run("fetch", "--quiet", "origin")
        self._checkout.run("checkout", "--quiet", "--force", "-B", branch, "origin/main")
        file = self._checkout.folder / path
        text = file.read_text(encoding="utf-8")
        assert old in text, text
        file.write_text(text.replace(old, new), encoding="utf-8")
        commit = self._checkout.commit(f"Change {path}")
        self._checkout.push(branch)
        return commit

    def _push(self, branch: str, color: str) -> str:
        self._checkout.run("checkout", "--quiet", "--force", "-B", branch, "origin/main")
        file = self._checkout.folder / "apps" / "base" / "podinfo" / "deployment.yaml"
        # An earlier color may have been merged.
        text = re.sub(
            r"^  annotations: \{color: \w+\}\n| # \w+$", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE
        )
        text = text.replace("kind: Deployment", f"kind: Deployment # {color}", 1)
        first = text.index("metadata:")
        name = text.index("\n", text.index("  name:", first)) + 1
        file.write_text(f"{text[:name]}  annotations: {{color: {color}}}\n{text[name:]}", encoding="utf-8")
        commit = self._checkout.commit(f"Paint it {color}")
        self._checkout.push(branch)
        return commit


async def set_fault(origin: str, **values: Any) -> None:
    """Switch a fault of a stand-in on; ``origin`` is its address up to the port."""
    async with plain_client() as client:
        answer = await client.post(f"{origin}/_control/faults", json=values)
        assert answer.is_success, answer.text


async def clear_faults(origin: str) -> None:
    """Switch all faults of a stand-in off."""
    async with plain_client() as client:
        answer = await client.delete(f"{origin}/_control/faults")
        assert answer.is_success, answer.text


def plain_client(origin: str = "") -> httpx.AsyncClient:
    """Give a client for what speaks plain HTTP on this machine; ``origin`` comes before every path that it is asked."""
    return httpx.AsyncClient(base_url=origin, trust_env=False, verify=TRUSTS_NOBODY)


def origin_of(url: str) -> str:
    """``scheme://host:port`` of an address."""
    parts = httpx.URL(url)
    return f"{parts.scheme}://{parts.host}:{parts.port}"
