"""Everything that the stand-in remembers, and the questions that the whole of it is asked."""

import itertools
import secrets
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

from gitops_bot.sandbox.github import bare
from gitops_bot.sandbox.github.records import (
    PERMISSIONS,
    App,
    BranchRule,
    Event,
    Label,
    PullRequest,
    Repository,
    Token,
    User,
    UserKind,
    now,
)
from gitops_bot.sandbox.github.refusals import bad_credentials

_DEFAULT_LABELS = (
    ("bug", "d73a4a", "Something isn't working"),
    ("documentation", "0075ca", "Improvements or additions to documentation"),
    ("enhancement", "a2eeef", "New feature or request"),
)


class State:
    """Users, tokens and repositories. Names are looked up without regard to case, as GitHub does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.origin = ""
        self._ids = itertools.count(1001)
        self.users: dict[str, User] = {}
        self.tokens: dict[str, Token] = {}
        self.apps: dict[int, App] = {}
        self.repositories: dict[str, Repository] = {}
        # What a fleet of real accounts differs in, switchable by the control API.
        # Of an organisation: (address, login) of its single sign-on, and the logins that may read them.
        self.single_sign_on: dict[str, tuple[list[tuple[str, str]], set[str]]] = {}
        self.settings: dict[str, Any] = {
            # An App's approval satisfies required reviews (public evidence is contradictory).
            "app_approvals_count": False,
            # After a force-push, reviews of commits that are gone are shown at the new head.
            "force_push_repoints_reviews": True,
            # Seconds until the job that tries a merge has its answer.
            "mergeable_seconds": 0.0,
        }

    @property
    def api(self) -> str:
        """Root of the REST API, as a GitHub Enterprise Server has it."""
        return f"{self.origin}/api/v3"

    def next_id(self) -> int:
        """Give a number that was never given before."""
        return next(self._ids)

    def add_user(self, login: str, *, kind: UserKind = "User", name: str | None = None) -> User:
        """Make an account, or give the one that is there."""
        known = self.users.get(login.lower())
        if known is not None:
            return known
        user = User(self.next_id(), login, kind, now(), name)
        self.users[login.lower()] = user
        return user

    def add_token(self, login: str, value: str | None = None, **details: Any) -> Token:
        """Make a token for an account; ``details`` are fields of Token."""
        token = Token(value or f"ghp_{secrets.token_hex(18)}", self.users[login.lower()].login, **details)
        self.tokens[token.value] = token
        return token

    def token(self, value: str) -> Token:
        """Give a valid token by its value. Refusal 401."""
        token = self.tokens.get(value)
        if token is None or (token.expires_at is not None and token.expires_at <= now()):
            raise bad_credentials()
        return token

    def add_repository(self, owner: str, name: str, *, private: bool, default_branch: str) -> Repository:
        """Make an empty repository; an unknown owner becomes an organisation. ValueError: there is one already."""
        account = self.users.get(owner.lower()) or self.add_user(owner, kind="Organization")
        if f"{owner}/{name}".lower() in self.repositories:
            raise ValueError(f"there is a repository {owner}/{name} already")
        moment = now()
        folder = self.folder / "repositories" / account.login / f"{name}.git"
        bare.create(folder, default_branch)
        made = Repository(self.next_id(), account, name, folder, private, default_branch, moment, moment, moment)
        for label, color, description in _DEFAULT_LABELS:
            made.labels[label] = Label(self.next_id(), label, color, description, default=True)
        self.repositories[made.key] = made
        return made

    def remove_repository(self, repository: Repository) -> None:
        """Delete it with its commits; pull requests from it stay, without a head repository."""
        del self.repositories[repository.key]
        shutil.rmtree(repository.folder, ignore_errors=True)

    def repository(self, owner: str, name: str) -> Repository | None:
        """Give a repository by its name."""
        return self.repositories.get(f"{owner}/{name}".lower())

    def forks(self, repository: Repository) -> list[Repository]:
        """Give what was forked from it."""
        return [other for other in self.repositories.values() if other.parent == repository.key]

    def pull_requests_from(self, repository: Repository) -> list[tuple[Repository, PullRequest]]:
        """Give every pull request whose head lies in a repository, with the repository that it is made to."""
        return [
            (target, pull)
            for target in self.repositories.values()
            for pull in target.pulls.values()
            if pull.head_repository == repository.key
        ]

    def permission(self, repository: Repository, login: str) -> str:
        """Give what somebody may do: the strongest of owner, collaborator and everybody."""
        user = self.users.get(login.lower())
        if user is None:
            return "none"
        if user.id == repository.owner.id:
            return "admin"
        granted = repository.collaborators.get(user.login.lower(), "none")
        floor = "none" if repository.private else "read"
        return max(granted, floor, key=PERMISSIONS.index)

    def permission_of_token(self, repository: Repository, token: Token | None) -> str:
        """Give what a token's holder may do; an App's installation may do what its permissions say, where it is."""
        floor = "none" if repository.private else "read"
        if token is None:
            return floor
        if token.installation is None:
            return self.permission(repository, token.login)
        app = next((one for one in self.apps.values() if token.installation in one.installations), None)
        limited = token.repositories is not None and repository.key not in token.repositories
        if app is None or limited or app.installations[token.installation].lower() != repository.owner.login.lower():
            return floor
        rights = app.permissions
        return "write" if "write" in {rights.get("contents"), rights.get("pull_requests")} else "read"

    def rule(self, repository: Repository, branch: str) -> BranchRule | None:
        """Give the rule of a branch."""
        return repository.rules.get(branch)

    def add_event(self, repository: Repository, kind: str, actor: User, payload: dict[str, Any]) -> None:
        """Write down an event; the API shows the last 300."""
        repository.events.append(Event(self.next_id(), kind, actor, payload, now()))
        del repository.events[:-300]

    def touch(self, repository: Repository, pull: PullRequest | None = None) -> None:
        """Move the moments of the last change. Never backwards, and visibly: a second later when nothing else is."""
        moment = now()
        repository.updated_at = max(moment, repository.updated_at)
        if pull is not None:
            pull.updated_at = max(moment, pull.updated_at)

    def expire(self, value: str) -> None:
        """Let a token end now."""
        self.tokens[value].expires_at = now() - timedelta(seconds=1)
