"""Writes by PyGithub, each in a thread, one after the other, and never a second time by itself."""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import requests
from github import GithubException
from github.Auth import Auth
from github.Requester import HTTPRequestsConnectionClass, HTTPSRequestsConnectionClass, Requester
from requests.adapters import HTTPAdapter

import gitops_bot
from gitops_bot import telemetry
from gitops_bot.errors import GitHubRateLimited, GitHubRefused
from gitops_bot.github.answers import read
from gitops_bot.github.credentials import Credential, Credentials, credential_of, owner_in
from gitops_bot.github.limits import RateLimits
from gitops_bot.github.translation import PYGITHUB_ERRORS, TokenRefused, broken, refusal, words_of

# Seconds without a byte.
_TIMEOUT = 30

Kind = TypeVar("Kind")


class _TokenOfTheMoment(Auth):
    """Whatever token the writer has read for this request."""

    def __init__(self) -> None:
        self.credential: Credential | None = None

    @property
    def token_type(self) -> str:
        """How GitHub wants it to be announced."""
        return "Bearer"

    @property
    def token(self) -> str:
        """The token."""
        return self.credential.token if self.credential else ""


class Writer:
    """Changes things on GitHub."""

    def __init__(
        self,
        api_url: str,
        credentials: Credentials,
        limits: RateLimits,
        *,
        proxy: str | None,
        certificates: ssl.SSLContext,
        seconds_between_writes: float,
    ) -> None:
        self._credentials = credentials
        self._limits = limits
        self._auth = _TokenOfTheMoment()
        self._alone = asyncio.Lock()
        self._requester = _requester_class(proxy, certificates)(
            auth=self._auth,
            base_url=api_url.rstrip("/"),
            timeout=_TIMEOUT,
            user_agent=f"gitops-bot/{gitops_bot.__version__}",
            per_page=100,
            verify=True,
            # PyGithub's own default repeats POST, PUT and DELETE ten times on any 5xx, which makes ten comments.
            retry=0,
            pool_size=None,
            seconds_between_writes=seconds_between_writes,
            api_version="2022-11-28",
        )

    async def close(self) -> None:
        """Wait for a write that is under way, then close the connections."""
        async with self._alone:
            self._requester.close()

    async def write(
        self,
        verb: str,
        path: str,
        content: Mapping[str, Any],
        reading: Callable[[Any], Kind],
        subject: str,
        *,
        token: str = "",
    ) -> Kind:
        """Send one write and read GitHub's answer. GitHubUnavailable: it may or may not have happened.

        ``token``: of the person whose write it is; "" for our own. A cancelled caller does not cancel it:
        the next write begins only when this one is over.
        """
        task = asyncio.create_task(self._write(verb, path, content, subject, token), name=f"write to GitHub: {subject}")
        # When the caller is gone, nobody else asks how it ended.
        task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        return read(await asyncio.shield(task), reading, subject)

    async def _write(self, verb: str, path: str, content: Mapping[str, Any], subject: str, token: str) -> Any:
        async with self._alone:
            if token:
                return await self._write_as_person(token, verb, path, content, subject)
            credential = await self._credentials.for_writing(owner_in(path))
            try:
                return await self._write_as(credential, verb, path, content, subject)
            except TokenRefused:
                # Nothing was written: a token of an App may have ended in this minute.
                another = await self._credentials.renewed(credential, owner_in(path))
                if another is None:
                    raise
                return await self._write_as(another, verb, path, content, subject)

    async def _write_as_person(self, token: str, verb: str, path: str, content: Mapping[str, Any], subject: str) -> Any:
        try:
            return await self._write_as(credential_of(token), verb, path, content, subject)
        except TokenRefused as error:
            words = "GitHub does not take the account that you linked any more: type /link again, or /link off."
            raise GitHubRefused(f"{subject}: {words}") from error

    async def _write_as(
        self, credential: Credential, verb: str, path: str, content: Mapping[str, Any], subject: str
    ) -> Any:
        self._limits.check(credential.account, "core")
        self._auth.credential = credential
        try:
            headers, document = await asyncio.to_thread(
                self._requester.requestJsonAndCheck, verb, path, input=dict(content)
            )
        except GithubException as error:
            self._note(credential, error.status, error.headers or {}, words_of(error.data), subject)
            raise refusal(error.status, words_of(error.data), subject) from error
        except PYGITHUB_ERRORS as error:
            telemetry.github_requests.labels("none").inc()
            raise broken(error, subject) from error
        self._note(credential, 200, headers, "", subject)
        return document

    def _note(self, credential: Credential, status: int, headers: Mapping[str, str], words: str, subject: str) -> None:
        telemetry.github_requests.labels(str(status)).inc()
        until = self._limits.note(credential.account, "core", status, headers, words)
        if until is not None:
            raise GitHubRateLimited(
                f"{subject}: GitHub asks to wait until {until:%H:%M:%S} UTC. {words}".strip(), until
            )


def _requester_class(proxy: str | None, certificates: ssl.SSLContext) -> type[Requester]:
    """Make a Requester whose connections obey our network settings, and nothing of the environment.

    PyGithub has no such settings; it lets a class of connections be injected into a class of requesters.
    """

    class Certified(HTTPAdapter):
        def init_poolmanager(self, *arguments: Any, **settings: Any) -> None:
            super().init_poolmanager(*arguments, **settings, ssl_context=certificates)

        def proxy_manager_for(self, proxy: str, **settings: Any) -> Any:
            return super().proxy_manager_for(proxy, **settings, ssl_context=certificates)

    def set_up(session: requests.Session) -> None:
        session.trust_env = False
        session.proxies = {"http": proxy, "https": proxy} if proxy else {}
        session.mount("https://", Certified(max_retries=0))

    class PlainConnection(HTTPRequestsConnectionClass):
        def __init__(self, *arguments: Any, **settings: Any) -> None:
            super().__init__(*arguments, **settings)
            set_up(self.session)

    class SecureConnection(HTTPSRequestsConnectionClass):
        def __init__(self, *arguments: Any, **settings: Any) -> None:
            super().__init__(*arguments, **settings)
            set_up(self.session)

    class OurRequester(Requester):
        """The injection stays with this class."""

    OurRequester.injectConnectionClasses(PlainConnection, SecureConnection)
    return OurRequester
