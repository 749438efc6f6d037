"""A person lets the bot act as them: GitHub's device flow, which needs no address that GitHub could call.

https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps#device-flow
"""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import httpx

import gitops_bot
from gitops_bot.config import NetworkSettings
from gitops_bot.errors import GitHubRefused, GitHubUnavailable
from gitops_bot.github.answers import account, read
from gitops_bot.github.translation import HTTPX_ERRORS, broken, refusal
from gitops_bot.models.records import DeviceCode, LinkedAccount

_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
# Reviews need no less: a classic token has no smaller scope for private repositories.
_SCOPE = "repo"
# Seconds for one answer.
_TIMEOUT = 20.0
# GitHub's words for "not yet"; the second asks for a longer pause, which is one try more at worst.
_NOT_YET = {"authorization_pending", "slow_down"}


class DeviceFlow:
    """DeviceFlow of journeys/ports.py."""

    def __init__(self, html_url: str, api_url: str, client_id: str, network: NetworkSettings) -> None:
        self._html_url = html_url.rstrip("/")
        self._api_url = api_url.rstrip("/")
        self._client_id = client_id
        self._client = httpx.AsyncClient(
            headers={"Accept": "application/json", "User-Agent": f"gitops-bot/{gitops_bot.__version__}"},
            proxy=network.proxy_for(html_url),
            verify=network.certificates,
            trust_env=False,
            timeout=httpx.Timeout(_TIMEOUT, connect=10),
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def start(self) -> DeviceCode:
        """Ask GitHub for a code that a person types in there."""
        said = await self._post("/login/device/code", {"scope": _SCOPE})
        try:
            return DeviceCode(
                secret=str(said["device_code"]),
                user_code=str(said["user_code"]),
                address=self._own_address(str(said["verification_uri"])),
                interval=float(said.get("interval", 5)),
                seconds=float(said["expires_in"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise GitHubUnavailable(
                "The device flow: GitHub's answer cannot be read. Is github.html_url right?"
            ) from error

    async def token(self, code: DeviceCode) -> str:
        """Give the person's token; "" as long as they have not typed the code in. GitHubRefused: they said no."""
        said = await self._post("/login/oauth/access_token", {"device_code": code.secret, "grant_type": _GRANT})
        error = str(said.get("error") or "")
        if error in _NOT_YET:
            return ""
        if error:
            raise GitHubRefused(f"GitHub did not give a token: {error[:80]}. Type /link again for another code.")
        token = said.get("access_token")
        if not isinstance(token, str) or not token:
            raise GitHubUnavailable("The device flow: GitHub's answer has no token.")
        return token

    async def account(self, token: str) -> LinkedAccount:
        """Ask whose token it is."""
        subject = "The account that was linked"
        headers = {"Authorization": f"Bearer {token}", "X-GitHub-Api-Version": "2022-11-28"}
        document = await self._ask("GET", f"{self._api_url}/user", subject, headers=headers)
        login, user_id = read(document, account, subject)
        return LinkedAccount(login, user_id, token)

    def _own_address(self, address: str) -> str:
        """People are sent nowhere but to the GitHub of the settings."""
        if urlsplit(address)[:2] != urlsplit(self._html_url)[:2]:
            raise ValueError(address)
        return address

    async def _post(self, path: str, content: Mapping[str, str]) -> Mapping[str, Any]:
        form = {"client_id": self._client_id, **content}
        said = await self._ask("POST", self._html_url + path, "The device flow", data=form)
        if not isinstance(said, Mapping):
            raise GitHubUnavailable("The device flow: GitHub's answer is no JSON object. Is github.html_url right?")
        if said.get("error") in {"incorrect_client_credentials", "device_flow_disabled", "unauthorized_client"}:
            raise GitHubRefused(f"The device flow: GitHub said {said['error']}. Check github.oauth_client_id.")
        return said

    async def _ask(self, method: str, url: str, subject: str, **content: Any) -> Any:
        try:
            async with asyncio.timeout(_TIMEOUT):
                answer = await self._client.request(method, url, **content)
        except (*HTTPX_ERRORS, TimeoutError) as error:
            raise broken(error, subject) from error
        if answer.status_code >= HTTPStatus.MULTIPLE_CHOICES:
            raise refusal(answer.status_code, "", subject)
        try:
            return answer.json()
        except ValueError as error:
            raise GitHubUnavailable(f"{subject}: GitHub's answer is not JSON. Is github.html_url right?") from error
