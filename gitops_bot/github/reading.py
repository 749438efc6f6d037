"""Reads by httpx: one request at a time, conditional where it saves GitHub the work, pages all or none."""

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

import httpx

import gitops_bot
from gitops_bot import telemetry
from gitops_bot.errors import GitHubRateLimited, GitHubRefused, GitHubUnavailable
from gitops_bot.github.answers import items, read
from gitops_bot.github.credentials import Credential, Credentials, owner_in
from gitops_bot.github.limits import RateLimits
from gitops_bot.github.translation import HTTPX_ERRORS, TokenRefused, broken, refusal, words_of
from gitops_bot.github.validators import KeptAnswer, Validators

# Constant, because GitHub's ETags depend on it.
_HEADERS = {
    "Accept": "application/vnd.github+json",
    "X-GitHub-Api-Version": "2022-11-28",
    "User-Agent": f"gitops-bot/{gitops_bot.__version__}",
}
# A hundred pull requests with the longest texts are some ten megabytes.
_MOST_BYTES = 64 << 20
_MOST_PAGES = 100
_MOST_REDIRECTS = 3
# A repository that was renamed or transferred.
_MOVED = frozenset({301, 302, 307, 308})
# GraphQL's word for each error: https://docs.github.com/en/graphql/guides/using-graphql-clients
_GRAPHQL_REFUSALS = frozenset({"NOT_FOUND", "FORBIDDEN", "INSUFFICIENT_SCOPES"})


Kind = TypeVar("Kind")


@dataclass(frozen=True)
class Answer:
    """What GitHub answered, read to the end."""

    status: int
    headers: Mapping[str, str]
    document: Any
    # The fingerprint of the token that it was given to.
    asked_by: str = ""


@dataclass(frozen=True)
class Pages:
    """All pages of one look, and whether GitHub answered 304 to each."""

    values: tuple[Any, ...]
    unchanged: bool


class Reader:
    """Asks GitHub. Every method raises GitHubError and nothing else of its own."""

    def __init__(
        self,
        api_url: str,
        credentials: Credentials,
        limits: RateLimits,
        validators: Validators,
        *,
        proxy: str | None,
        certificates: ssl.SSLContext,
        deadline: float,
    ) -> None:
        """``deadline``: seconds for the whole of one answer."""
        self._deadline = deadline
        self._api_url = api_url.rstrip("/")
        self._credentials = credentials
        self._limits = limits
        self._validators = validators
        self._client = httpx.AsyncClient(
            headers=_HEADERS,
            proxy=proxy,
            verify=certificates,
            # The settings decide, not whatever the environment holds.
            trust_env=False,
            timeout=httpx.Timeout(30, connect=10),
            limits=httpx.Limits(max_connections=10),
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _reader_of(self, path: str) -> Credential:
        return await self._credentials.for_reading(owner_in(path), "core")

    async def get(self, path: str, reading: Callable[[Any], Kind], subject: str, *, as_writer: bool = False) -> Kind:
        """Read fresh what lies at ``path``. ``subject`` is what errors call it.

        ``as_writer``: with the credential that writes, where the answer is about whose it is.
        """
        owner = owner_in(path)
        credential = await (self._credentials.for_writing(owner) if as_writer else self._reader_of(path))
        answer = await self._ask("GET", self._api_url + path, subject, credential, owner)
        return read(answer.document, reading, subject)

    async def each(self, path: str, subject: str) -> AsyncGenerator[Any, None]:
        """Read a list fresh, item after item, page after page, as far as the caller goes."""
        url: str | None = self._api_url + path
        pages = 0
        while url is not None:
            answer = await self._ask("GET", url, subject, await self._reader_of(path), owner_in(path))
            for item in read(answer.document, items, subject):
                yield item
            url, pages = _next(answer), pages + 1
            if pages == _MOST_PAGES:
                raise GitHubUnavailable(f"{subject}: more than {_MOST_PAGES} pages.")

    async def look(self, path: str, cut: Callable[[Any], Any], subject: str) -> Pages:
        """Read all pages by conditional requests. ``cut`` makes of a document what is worth keeping, as JSON.

        Nothing is remembered unless every page was answered and ``cut`` took every document.
        """
        found: dict[str, KeptAnswer] = {}
        news: set[str] = set()
        url: str | None = self._api_url + path
        while url is not None:
            if url in found or len(found) == _MOST_PAGES:
                raise GitHubUnavailable(f"{subject}: the pages of GitHub's answer have no end.")
            # The addresses of further pages name the repository by number.
            found[url], is_new = await self._look_at(url, cut, subject, owner_in(path))
            news |= {url} if is_new else set()
            url = found[url].next_url
        for address in news:
            self._validators.put(address, found[address])
        return Pages(tuple(answer.value for answer in found.values()), unchanged=not news)

    async def _look_at(self, url: str, cut: Callable[[Any], Any], subject: str, owner: str) -> tuple[KeptAnswer, bool]:
        holder = self._validators.holder(url)
        credential = await self._credentials.for_reading(owner, "core", holder=holder)
        kept = self._validators.get(url, credential.fingerprint)
        condition = {"If-None-Match": kept.etag} if kept is not None else {}
        answer = await self._ask("GET", url, subject, credential, owner, condition)
        if answer.status != HTTPStatus.NOT_MODIFIED:
            value = read(answer.document, cut, subject)
            etag = answer.headers.get("etag", "")
            return KeptAnswer(answer.asked_by, etag, value, _next(answer)), True
        if kept is None:
            raise GitHubUnavailable(f"{subject}: GitHub said 304 to a question that had no condition.")
        return kept, False

    async def graphql(
        self, query: str, variables: Mapping[str, Any], reading: Callable[[Any], Kind], subject: str
    ) -> Kind:
        """Ask a GraphQL question that changes nothing. Errors come with status 200."""
        owner = str(variables.get("owner", ""))
        credential = await self._credentials.for_reading(owner, "graphql")
        content = {"query": query, "variables": dict(variables)}
        answer = await self._ask(
            "POST", self._graphql_url, subject, credential, owner, content=content, resource="graphql"
        )
        errors = answer.document.get("errors") if isinstance(answer.document, Mapping) else None
        if not errors:
            return read(answer.document, reading, subject)
        words = words_of({"errors": errors})
        kinds = {error.get("type") for error in errors if isinstance(error, Mapping)}
        if "RATE_LIMITED" in kinds:
            self._note(credential, "graphql", HTTPStatus.TOO_MANY_REQUESTS, answer.headers, words, subject)
        if kinds & _GRAPHQL_REFUSALS:
            raise GitHubRefused(f"{subject}: GitHub said: {words}. The name is wrong, or the token may not see it.")
        raise GitHubUnavailable(f"{subject}: GitHub said: {words}.")

    @property
    def _graphql_url(self) -> str:
        """https://docs.github.com/en/enterprise-server/graphql/guides/forming-calls-with-graphql#the-graphql-endpoint."""
        return self._api_url.removesuffix("/v3") + "/graphql"

    def _check_origin(self, url: str, subject: str) -> None:
        """Some addresses come out of GitHub's answers, or out of our own memory: the token goes to no other server."""
        try:
            theirs, ours = urlsplit(url), urlsplit(self._api_url)
            if (theirs.scheme, theirs.hostname, theirs.port) == (ours.scheme, ours.hostname, ours.port):
                return
        except ValueError:
            theirs = urlsplit("")
        raise GitHubUnavailable(
            f"{subject}: GitHub refers to {theirs.scheme or 'something'}://{theirs.hostname}. Check github.api_url."
        )

    async def _ask(
        self,
        method: str,
        url: str,
        subject: str,
        credential: Credential,
        owner: str,
        condition: Mapping[str, str] | None = None,
        *,
        content: Any = None,
        resource: str = "core",
    ) -> Answer:
        """Ask once and follow a repository that was renamed. Gives 2xx and 304, raises everything else."""
        try:
            return await self._ask_as(credential, method, url, subject, condition, content, resource)
        except TokenRefused:
            another = await self._credentials.renewed(credential, owner)
            if another is None:
                raise
            # The condition was the other token's.
            return await self._ask_as(another, method, url, subject, None, content, resource)

    async def _ask_as(
        self,
        credential: Credential,
        method: str,
        url: str,
        subject: str,
        condition: Mapping[str, str] | None,
        content: Any,
        resource: str,
    ) -> Answer:
        headers = {"Authorization": credential.authorization, **(condition or {})}
        for _ in range(_MOST_REDIRECTS + 1):
            self._check_origin(url, subject)
            self._limits.check(credential.account, resource)
            try:
                request = self._client.build_request(method, url, headers=headers, json=content)
                answer = await self._send(request, subject)
            except (*HTTPX_ERRORS, TimeoutError) as error:
                telemetry.github_requests.labels("none").inc()
                raise broken(error, subject) from error
            telemetry.github_requests.labels(str(answer.status)).inc()
            words = words_of(answer.document)
            self._note(credential, resource, answer.status, answer.headers, words, subject)
            if answer.status == HTTPStatus.NOT_MODIFIED or answer.status < HTTPStatus.MULTIPLE_CHOICES:
                return replace(answer, asked_by=credential.fingerprint)
            if answer.status not in _MOVED or "location" not in answer.headers or method != "GET":
                raise refusal(answer.status, words, subject)
            url = urljoin(url, answer.headers["location"])
        raise GitHubUnavailable(f"{subject}: GitHub sends us in circles.")

    def _note(
        self, credential: Credential, resource: str, status: int, headers: Mapping[str, str], words: str, subject: str
    ) -> None:
        until = self._limits.note(credential.account, resource, status, headers, words)
        if until is not None:
            raise GitHubRateLimited(
                f"{subject}: GitHub asks to wait until {until:%H:%M:%S} UTC. {words}".strip(), until
            )

    async def _send(self, request: httpx.Request, subject: str) -> Answer:
        async with asyncio.timeout(self._deadline):
            response = await self._client.send(request, stream=True)
            try:
                body = await _read(response, subject)
            finally:
                await response.aclose()
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, headers, _parse(response.status_code, headers, body, subject))


def _next(answer: Answer) -> str | None:
    """Give the next page's address from the Link header (RFC 8288)."""
    links = httpx.Response(HTTPStatus.OK, headers={"Link": answer.headers.get("link", "")}).links
    return links.get("next", {}).get("url")


async def _read(response: httpx.Response, subject: str) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise GitHubUnavailable(f"{subject}: GitHub's answer is larger than {_MOST_BYTES >> 20} MiB.")
    return bytes(body)


def _parse(status: int, headers: Mapping[str, str], body: bytes, subject: str) -> Any:
    """Read JSON. A refusal may be a page of a proxy; an answer may not."""
    try:
        if "json" in headers.get("content-type", ""):
            return json.loads(body)
    except ValueError as error:
        if status < HTTPStatus.MULTIPLE_CHOICES:
            raise GitHubUnavailable(f"{subject}: GitHub's answer breaks off or is not JSON.") from error
    if status < HTTPStatus.MULTIPLE_CHOICES and status != HTTPStatus.NO_CONTENT:
        kind = headers.get("content-type", "something without a type").split(";")[0]
        raise GitHubUnavailable(f"{subject}: {kind} came where JSON was asked for. Is github.api_url right?")
    return None
