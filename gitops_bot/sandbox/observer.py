"""Looks at a sandbox from outside, as a person could: GitHub's API, Slack's history, the API server.

Works from what `gitops-bot sandbox --output json` prints, and nothing else: what is seen here never
comes from the bot.
"""

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar
from urllib.parse import urljoin

import aiohttp

from gitops_bot.sandbox.errors import SandboxError
from gitops_bot.sandbox.kubernetes_api import KubernetesApi

# Seconds between two looks.
_INTERVAL = 0.2
_PAGE = 100

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SeenMessage:
    """One message in the channel, with everything that hangs on it."""

    channel: str
    timestamp: str
    raw: Mapping[str, Any]
    # All its words, those of its thread and of the files in it.
    text: str
    # action_id of each button to its `value`.
    buttons: Mapping[str, str]

    def says(self, *words: str) -> bool:
        """Tell whether all of these stand in it, in whatever case."""
        text = self.text.casefold()
        return all(word.casefold() in text for word in words)


def _values_in(value: Any) -> Iterator[Any]:
    """Give a JSON value and every value in it, in their order; the history is gone through at every look."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        yield value
        if isinstance(value, dict):
            waiting += reversed(value.values())
        elif isinstance(value, list):
            waiting += reversed(value)


def strings_in(value: Any) -> Iterator[str]:
    """Give every string of a JSON value."""
    return (item for item in _values_in(value) if isinstance(item, str))


async def until(look: Callable[[], Awaitable[T]], is_enough: Callable[[T], bool], *, seconds: float) -> T:
    """Look until what is seen is enough, and give the last that was seen, enough or not."""
    deadline = time.monotonic() + seconds
    while True:
        seen = await look()
        if is_enough(seen) or time.monotonic() >= deadline:
            return seen
        await asyncio.sleep(_INTERVAL)


class _Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def content(self) -> Any:
        return json.loads(self.text)


class Observer:
    """Reads, and does what people do: opens, clicks, merges. Make it where a loop runs, as an async context manager."""

    def __init__(self, description: Mapping[str, Any]) -> None:
        self.github = description["github"]
        self.slack = description["slack"]
        self.repository: str = self.github["repositories"][0]
        self.author: str = self.github["author_login"]
        self.reviewer: str = self.github["reviewer_login"]
        self.bot: str = self.github["bot_login"]
        self.cluster = KubernetesApi.from_kubeconfig(Path(description["kubernetes"]["kubeconfig"]))
        # What waits asks often: this client needs a fifth of the processor time of the other that is at hand.
        self._session = aiohttp.ClientSession()
        # The text of each file that was read, by its address.
        self._files: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        """Nothing to open."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self._session.close()
        self.cluster.close()

    async def _ask(self, method: str, address: str, *, token: str = "", seconds: float = 30, **content: Any) -> _Answer:
        headers = {"Accept": "application/vnd.github+json, */*"} | (
            {"Authorization": f"Bearer {token}"} if token else {}
        )
        async with self._session.request(
            method,
            address,
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=seconds),
            allow_redirects=False,
            **content,
        ) as answer:
            return _Answer(answer.status, answer.headers, await answer.text(errors="replace"))

    async def call_github(self, method: str, path: str, *, login: str, body: Any = None) -> Any:
        """Make one request as somebody; SandboxError has GitHub's answer when it is not a success."""
        token = self.github["tokens"][login]
        answer = await self._ask(method, f"{self.github['api_url']}{path}", token=token, json=body)
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise SandboxError(f"GitHub: {method} {path}: {answer.status} {answer.text[:300]}")
        return answer.content if answer.text else None

    async def looks_of_bot(self) -> int:
        """Tell how often the bot asked GitHub for the repository's pull requests (by the stand-in's own record)."""
        path = f"/repos/{self.repository}/pulls"
        control = f"{self.github['html_url']}/_control/requests"
        requests = (await self._ask("GET", control, params={"login": self.bot, "path": path})).content["requests"]
        return sum(entry["path"] == path and entry["status"] is not None for entry in requests)

    async def list_github(self, path: str) -> list[Any]:
        """Read every entry of a list of this repository, as its author."""
        entries: list[Any] = []
        page = 1
        while True:
            full = f"/repos/{self.repository}{path}?per_page={_PAGE}&page={page}"
            part = await self.call_github("GET", full, login=self.author)
            entries += part
            if len(part) < _PAGE:
                return entries
            page += 1

    async def open_pull_request(self, branch: str, title: str, body: str, *, login: str = "", fork: str = "") -> int:
        """Open a pull request and give its number.

        By the author of the fleet, or ``login``; from a branch of the repository itself, or of somebody's ``fork``.
        """
        answer = await self.call_github(
            "POST",
            f"/repos/{self.repository}/pulls",
            login=login or self.author,
            body={
                "title": title,
                "body": body,
                "head": f"{fork}:{branch}" if fork else branch,
                "base": "main",
            },
        )
        return int(answer["number"])

    async def close_pull_requests(self) -> None:
        """Close every open pull request, as the author of the fleet: what comes next begins with none."""
        for pull in await self.list_github("/pulls"):
            path = f"/repos/{self.repository}/pulls/{pull['number']}"
            await self.call_github("PATCH", path, login=self.author, body={"state": "closed"})

    async def _call_slack(self, method: str, **arguments: str) -> Any:
        address = urljoin(self.slack["api_url"], method)
        answer = await self._ask("POST", address, token=self.slack["bot_token"], data=arguments)
        # The history is limited, and the bot reads it with the same token.
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            await asyncio.sleep(float(answer.headers.get("Retry-After", "1")))
            return await self._call_slack(method, **arguments)
        content = answer.content
        if not content.get("ok"):
            raise SandboxError(f"Slack: {method}: {content.get('error')}")
        return content

    async def messages(self) -> list[SeenMessage]:
        """Read the channel, oldest first, with threads and the text of files."""
        return [await self._with_thread(message) for message in await self._history()]

    async def messages_about(self, number: int) -> list[SeenMessage]:
        """Read the messages that are about one pull request (`owner/name#N` in text or metadata)."""
        mention = re.compile(rf"(?<![\w./-]){re.escape(self.repository)}#{number}(?!\d)")
        return [
            await self._with_thread(message)
            for message in await self._history()
            # Threads and files of the others need not be fetched.
            if mention.search("\n".join(strings_in({**message, "files": []})))
        ]

    async def _history(self) -> list[Mapping[str, Any]]:
        history = await self._call_slack(
            "conversations.history", channel=self.slack["channel"], limit=str(_PAGE), include_all_metadata="true"
        )
        return list(reversed(history["messages"]))

    async def _with_thread(self, message: Mapping[str, Any]) -> SeenMessage:
        parts: list[Any] = [message]
        if message.get("reply_count"):
            thread = await self._call_slack("conversations.replies", channel=self.slack["channel"], ts=message["ts"])
            parts = list(thread["messages"])
        words = list(strings_in(parts))
        for part in parts:
            words += [await self._file(file["url_private"]) for file in part.get("files", [])]
        buttons = {
            item["action_id"]: str(item.get("value", ""))
            for item in _values_in(message.get("blocks", []))
            if isinstance(item, dict) and item.get("type") == "button" and "action_id" in item
        }
        return SeenMessage(self.slack["channel"], str(message["ts"]), message, "\n".join(words), buttons)

    async def _file(self, url: str) -> str:
        """Read a file once: what was uploaded does not change."""
        if url not in self._files:
            answer = await self._ask("GET", url, token=self.slack["bot_token"])
            if answer.status >= HTTPStatus.BAD_REQUEST:
                return answer.text
            self._files[url] = answer.text
        return self._files[url]

    async def click(self, message: SeenMessage, action: str, login: str, *, wait_for_answer: float = 0.0) -> str:
        """Press a button as somebody; whether the bot acknowledged it is seen by what follows.

        Gives what this person alone was told within ``wait_for_answer`` seconds.
        """
        gesture = {
            "user": self.slack["users"][login],
            "channel": message.channel,
            "ts": message.timestamp,
            "action_id": action,
            "wait_for_answer": wait_for_answer,
        }
        answer = await self._ask("POST", self.slack["click_url"], json=gesture, seconds=30 + wait_for_answer)
        return "\n".join(str(told["text"]) for told in answer.content.get("ephemeral", ()))
