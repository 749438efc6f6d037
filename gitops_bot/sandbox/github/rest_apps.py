"""https://docs.github.com/en/rest/apps: who an App is, where it is installed, and tokens for it."""

import base64
import json
import secrets
from datetime import timedelta
from typing import Any

from gitops_bot.sandbox.github.calls import Answer, Call
from gitops_bot.sandbox.github.front import Endpoint
from gitops_bot.sandbox.github.records import App, Token, now
from gitops_bot.sandbox.github.refusals import Refusal, not_found
from gitops_bot.sandbox.github.shapes import app_shape, moment, repository_shape, user_shape
from gitops_bot.sandbox.github.state import State

_LIFETIME = timedelta(hours=1)


class Apps:
    """GitHub Apps; called with the App's own JWT."""

    def __init__(self, state: State) -> None:
        self._state = state

    def endpoints(self) -> list[Endpoint]:
        """Give the endpoints."""
        return [
            Endpoint("GET", "/app", self.get),
            Endpoint("GET", "/app/installations", self.installations),
            Endpoint("GET", "/app/installations/{installation_id}", self.installation),
            Endpoint("POST", "/app/installations/{installation_id}/access_tokens", self.create_token),
            Endpoint("GET", "/repos/{owner}/{repo}/installation", self.of_repository),
            Endpoint("GET", "/installation/repositories", self.repositories),
        ]

    @staticmethod
    def _app(call: Call) -> App:
        if call.app is None:
            raise Refusal(401, "A JSON web token could not be decoded")
        return call.app

    async def get(self, call: Call) -> Answer:
        """Give the App that asks."""
        app = self._app(call)
        return Answer(app_shape(self._state, app) | {"installations_count": len(app.installations)})

    async def installations(self, call: Call) -> Answer:
        """List where it is installed."""
        app = self._app(call)
        page, headers = call.page([self._shape(app, number) for number in app.installations])
        return Answer(page, headers=headers)

    async def installation(self, call: Call) -> Answer:
        """Give one installation."""
        app = self._app(call)
        return Answer(self._shape(app, self._installed(call, app)))

    @staticmethod
    def _installed(call: Call, app: App) -> int:
        number = call.number("installation_id")
        if number not in app.installations:
            raise not_found()
        return number

    async def of_repository(self, call: Call) -> Answer:
        """Give the installation that covers a repository."""
        app = self._app(call)
        repository = self._state.repository(call.parameter("owner"), call.parameter("repo"))
        for number, owner in app.installations.items():
            if repository is not None and owner.lower() == repository.owner.login.lower():
                return Answer(self._shape(app, number))
        raise not_found()

    async def create_token(self, call: Call) -> Answer:
        """Make a token for an hour, for all repositories of the owner or for some."""
        app = self._app(call)
        number = self._installed(call, app)
        owner, names = app.installations[number], call.field("repositories")
        chosen = [self._state.repository(owner, str(name)) for name in names or ()]
        if None in chosen:
            words = (
                "There is at least one repository that does not exist or is not accessible to the parent installation."
            )
            raise Refusal(422, words)
        token = self._state.add_token(
            f"{app.slug}[bot]",
            _stateless(app),
            installation=number,
            scopes=(),
            expires_at=now() + _LIFETIME,
            repositories=frozenset(one.key for one in chosen if one) if names is not None else None,
        )
        body = {
            "token": token.value,
            "expires_at": moment(token.expires_at),
            "permissions": app.permissions,
            "repository_selection": "all" if names is None else "selected",
        }
        shapes = [repository_shape(self._state, one) for one in chosen if one]
        return Answer(body | ({"repositories": shapes} if shapes else {}), 201)

    async def repositories(self, call: Call) -> Answer:
        """List what a token of an installation may see."""
        if call.token is None or call.token.installation is None:
            raise Refusal(403, "You must authenticate with an installation access token in order to list repositories")
        seen = [one for one in self._state.repositories.values() if self._covers(call.token, one.owner.login, one.key)]
        page, headers = call.page(seen)
        shapes = [repository_shape(self._state, one) for one in page]
        selection = "all" if call.token.repositories is None else "selected"
        body = {"total_count": len(seen), "repositories": shapes, "repository_selection": selection}
        return Answer(body, headers=headers)

    def _covers(self, token: Token, owner: str, key: str) -> bool:
        of = {number: login for app in self._state.apps.values() for number, login in app.installations.items()}
        installed = of.get(token.installation or 0, "").lower() == owner.lower()
        return installed and (token.repositories is None or key in token.repositories)

    def _shape(self, app: App, number: int) -> dict[str, Any]:
        """Installation."""
        owner = self._state.users[app.installations[number].lower()]
        return {
            "id": number,
            "client_id": f"Iv23{app.id:016d}",
            "account": user_shape(self._state, owner),
            "repository_selection": "all",
            "access_tokens_url": f"{self._state.api}/app/installations/{number}/access_tokens",
            "repositories_url": f"{self._state.api}/installation/repositories",
            "html_url": f"{self._state.origin}/settings/installations/{number}",
            "app_id": app.id,
            "app_slug": app.slug,
            "target_id": owner.id,
            "target_type": owner.kind,
            "permissions": app.permissions,
            "events": [],
            "created_at": moment(app.created_at),
            "updated_at": moment(app.created_at),
            "single_file_name": None,
            "has_multiple_single_files": False,
            "single_file_paths": [],
            "suspended_by": None,
            "suspended_at": None,
        }


def _stateless(app: App) -> str:
    """Make a token of the form that GitHub rolls out in 2026: ``ghs_APPID_JWT``, much longer than 40 characters."""
    parts = ({"alg": "RS256", "typ": "JWT"}, {"iss": "github", "sub": str(app.id), "jti": secrets.token_hex(8)})
    jwt = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return f"ghs_{app.id}_{jwt}.{secrets.token_urlsafe(256)}"
