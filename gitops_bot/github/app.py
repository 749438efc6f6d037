"""A GitHub App: its key signs a proof of ten minutes, which buys a token of an hour for each installation.

https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

import httpx
from github.Auth import AppAuth

import gitops_bot
from gitops_bot import telemetry
from gitops_bot.errors import GitHubRateLimited, GitHubRefused, SettingsError
from gitops_bot.github import answers
from gitops_bot.github.credentials import Credential, credential_of
from gitops_bot.github.limits import RateLimits
from gitops_bot.github.translation import HTTPX_ERRORS, broken, refusal, words_of

# A token lives an hour. Renewed well before its end, and kept until then: each new one makes every ETag useless.
_RENEWED_BEFORE = timedelta(minutes=5)
# An owner in whose account the App is not installed is asked about again after this time.
_ASKED_AGAIN = timedelta(minutes=5)
_PAGE = 100
_MOST_PAGES = 100


@dataclass(frozen=True)
class _Bought:
    credential: Credential
    expires_at: datetime


class InstallationTokens:
    """Credentials of an App, one installation for each account that owns repositories."""

    def __init__(
        self,
        api_url: str,
        app: str,
        read_key: Callable[[], str],
        limits: RateLimits,
        *,
        clock: Callable[[], datetime],
        proxy: str | None,
        certificates: ssl.SSLContext,
    ) -> None:
        """``app`` is the App's id or client id; ``read_key`` gives its private key (PEM), anew for each proof."""
        self._api_url = api_url.rstrip("/")
        self._app = app
        self._read_key = read_key
        self._limits = limits
        self._clock = clock
        self._bought: dict[str, _Bought] = {}
        self._missing: dict[str, tuple[datetime, str]] = {}
        # Several requests that need a new token at once buy one.
        self._alone = asyncio.Lock()
        self._slug = ""
        self._client = httpx.AsyncClient(
            headers={"User-Agent": f"gitops-bot/{gitops_bot.__version__}", "X-GitHub-Api-Version": "2022-11-28"},
            proxy=proxy,
            verify=certificates,
            trust_env=False,
            timeout=httpx.Timeout(30, connect=10),
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def for_reading(self, owner: str, resource: str, *, holder: str = "") -> Credential:
        """Give the token of the owner's installation."""
        del holder, resource
        return await self._token(owner)

    async def for_writing(self, owner: str) -> Credential:
        """Give the token of the owner's installation."""
        return await self._token(owner)

    async def renewed(self, refused: Credential, owner: str) -> Credential | None:
        """Buy another token after a 401: the clock may be wrong, or somebody has revoked it."""
        known = self._bought.get(owner.lower())
        if known is not None and known.credential == refused:
            del self._bought[owner.lower()]
        return await self._token(owner)

    async def login(self) -> str:
        """Give the login of the App's bot (``gitops-bot[bot]``)."""
        if not self._slug:
            document = await self._ask("GET", "/app", "The GitHub App")
            self._slug = answers.read(document, lambda found: answers.need(found, "slug", str), "The GitHub App")
        return f"{self._slug}[bot]"

    async def _token(self, owner: str) -> Credential:
        async with self._alone:
            # For what is about no repository any installation will do.
            key = owner.lower() or await self._anybody()
            now = self._clock()
            known = self._bought.get(key)
            if known is not None and known.expires_at - _RENEWED_BEFORE > now:
                return known.credential
            asked_at, words = self._missing.get(key, (None, ""))
            if asked_at is not None and now - asked_at < _ASKED_AGAIN:
                raise GitHubRefused(words)
            self._bought[key] = await self._buy(key)
            return self._bought[key].credential

    async def _anybody(self) -> str:
        """Give an account in which the App is installed."""
        if self._bought:
            return next(iter(self._bought))
        found = await self._installations()
        if not found:
            raise GitHubRefused("The GitHub App is installed nowhere. Install it where the repositories are.")
        return next(iter(found))

    async def _buy(self, owner: str) -> _Bought:
        number = await self._installation(owner)
        subject = f"A token of the GitHub App for {owner}"
        document = await self._ask("POST", f"/app/installations/{number}/access_tokens", subject)
        token, expires_at = answers.read(document, answers.installation_token, subject)
        return _Bought(credential_of(token, f"app {self._app} installation {number}"), expires_at)

    async def _installation(self, owner: str) -> int:
        number = (await self._installations()).get(owner)
        if number is None:
            words = f"The GitHub App is not installed for {owner}. Install it there, or exclude its repositories."
            self._missing[owner] = (self._clock(), words)
            raise GitHubRefused(words)
        return number

    async def _installations(self) -> dict[str, int]:
        """Give the numbers of all installations by the account, in lower case."""
        subject = "The installations of the GitHub App"
        found: dict[str, int] = {}
        for page in range(1, _MOST_PAGES + 1):
            document = await self._ask("GET", f"/app/installations?per_page=100&page={page}", subject)
            listed = answers.read(document, answers.installations, subject)
            found |= listed
            if len(listed) < _PAGE:
                break
        return found

    def _proof(self) -> str:
        try:
            key = self._read_key()
        except SettingsError as error:
            raise GitHubRefused(str(error)) from error
        try:
            return AppAuth(self._app, key).token
        except Exception:  # noqa: BLE001 # PyJWT's and cryptography's own; their words may quote the key
            raise GitHubRefused(
                "github.app.private_key_file is no private key in PEM form. Make a new one in the App's settings."
            ) from None

    async def _ask(self, method: str, path: str, subject: str) -> Any:
        """Ask as the App itself."""
        account = f"app {self._app}"
        self._limits.check(account, "core")
        headers = {"Authorization": f"Bearer {self._proof()}"}
        try:
            response = await self._client.request(method, self._api_url + path, headers=headers)
            document = _document(response)
        except HTTPX_ERRORS as error:
            telemetry.github_requests.labels("none").inc()
            raise broken(error, subject) from error
        telemetry.github_requests.labels(str(response.status_code)).inc()
        words = words_of(document)
        found: Mapping[str, str] = {name.lower(): value for name, value in response.headers.items()}
        until = self._limits.note(account, "core", response.status_code, found, words)
        if until is not None:
            raise GitHubRateLimited(f"{subject}: GitHub asks to wait until {until:%H:%M:%S} UTC.", until)
        if response.status_code == HTTPStatus.UNAUTHORIZED:
            raise GitHubRefused(
                f"{subject}: GitHub said 401: {words}. github.app.id and github.app.private_key_file do not belong "
                "together, or this machine's clock is wrong."
            )
        if not response.is_success:
            raise refusal(response.status_code, words, subject)
        return document


def _document(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None
