"""People, repositories, collaborators, forks, rules, stars and events.

https://docs.github.com/en/rest/repos, https://docs.github.com/en/rest/users, https://docs.github.com/en/rest/activity
"""

from typing import Any

from gitops_bot.sandbox.github import bare
from gitops_bot.sandbox.github.calls import Answer, Call
from gitops_bot.sandbox.github.event_shapes import event_shape
from gitops_bot.sandbox.github.front import Endpoint
from gitops_bot.sandbox.github.limits import Limits
from gitops_bot.sandbox.github.records import PERMISSIONS, Repository, at_least
from gitops_bot.sandbox.github.refusals import Refusal, forbidden, invalid, not_found
from gitops_bot.sandbox.github.shapes import repository_shape, user_shape, whole_repository_shape, whole_user_shape
from gitops_bot.sandbox.github.state import State
from gitops_bot.sandbox.github.syncing import Syncing

_REPOSITORY = "/repos/{owner}/{repo}"
_COLLABORATOR = f"{_REPOSITORY}/collaborators/{{username}}"
_RESOURCES = ("core", "search", "graphql")
# What the old names of the permission endpoint fold into one. https://docs.github.com/rest/collaborators/collaborators
_LEGACY = {"maintain": "write", "triage": "read"}
_NAMES = {"pull": "read", "push": "write"}


class Repositories:
    """Repositories and who belongs to them."""

    def __init__(self, state: State, syncing: Syncing, limits: Limits) -> None:
        self._state = state
        self._syncing = syncing
        self._limits = limits

    def endpoints(self) -> list[Endpoint]:
        """Give the endpoints."""
        return [
            Endpoint("GET", "/user", self.user),
            Endpoint("GET", "/users/{username}", self.other_user),
            Endpoint("GET", "/rate_limit", self.rate_limit, free=True),
            Endpoint("GET", _REPOSITORY, self.get),
            Endpoint("PATCH", _REPOSITORY, self.change),
            Endpoint("DELETE", _REPOSITORY, self.delete),
            Endpoint("GET", f"{_REPOSITORY}/forks", self.forks),
            Endpoint("POST", f"{_REPOSITORY}/forks", self.fork, content=True),
            Endpoint("GET", f"{_COLLABORATOR}/permission", self.permission),
            Endpoint("GET", _COLLABORATOR, self.is_collaborator),
            Endpoint("PUT", _COLLABORATOR, self.add_collaborator),
            Endpoint("DELETE", _COLLABORATOR, self.remove_collaborator),
            Endpoint("GET", f"{_REPOSITORY}/rules/branches/{{branch:.+}}", self.rules),
            Endpoint("GET", f"{_REPOSITORY}/events", self.events),
            Endpoint("PUT", "/user/starred/{owner}/{repo}", self.star),
            Endpoint("DELETE", "/user/starred/{owner}/{repo}", self.unstar),
        ]

    async def user(self, call: Call) -> Answer:
        """Give oneself. An App's installation is nobody."""
        caller = call.caller
        if caller.kind == "Bot" and call.token is not None and call.token.installation is not None:
            raise forbidden("Resource not accessible by integration")
        return Answer(whole_user_shape(self._state, caller, private=True))

    async def other_user(self, call: Call) -> Answer:
        """Give anybody."""
        user = self._state.users.get(call.parameter("username").lower())
        if user is None:
            raise not_found()
        return Answer(whole_user_shape(self._state, user, private=False))

    async def rate_limit(self, call: Call) -> Answer:
        """Give the limits; costs nothing."""
        resources = {name: self._limits.overview(call.token, name) for name in _RESOURCES}
        return Answer({"resources": resources, "rate": resources["core"]})

    async def get(self, call: Call) -> Answer:
        """Give a repository."""
        repository = await call.repository()
        return Answer(whole_repository_shape(self._state, repository, call.permission(repository)))

    async def change(self, call: Call) -> Answer:
        """Change description, visibility, default branch, archived."""
        call.writes()
        repository = await call.repository("admin")
        branch = call.field("default_branch", repository.default_branch)
        if branch not in repository.branches and branch != repository.default_branch:
            raise invalid("Repository", "default_branch", "invalid")
        repository.default_branch = branch
        bare.set_default_branch(repository.folder, branch)
        repository.description = call.field("description", repository.description)
        repository.private = bool(call.field("private", repository.private))
        repository.archived = bool(call.field("archived", repository.archived))
        self._state.touch(repository)
        return Answer(whole_repository_shape(self._state, repository, "admin"))

    async def delete(self, call: Call) -> Answer:
        """Delete a repository with everything."""
        call.writes()
        self._state.remove_repository(await call.repository("admin"))
        return Answer(None, 204)

    async def forks(self, call: Call) -> Answer:
        """List forks."""
        repository = await call.repository()
        page, headers = call.page(self._state.forks(repository))
        return Answer([repository_shape(self._state, one) for one in page], headers=headers)

    async def fork(self, call: Call) -> Answer:
        """Fork into one's own account. 202 as GitHub says it, though it is there at once."""
        caller = call.writes()
        repository = await call.repository()
        owner = str(call.field("organization") or caller.login)
        if owner.lower() not in self._state.users:
            raise invalid("Fork", "organization", "invalid")
        if owner.lower() == repository.owner.login.lower():
            raise forbidden("You cannot fork this repository at this time.")
        made = await self.make_fork(repository, owner, str(call.field("name") or repository.name))
        return Answer(whole_repository_shape(self._state, made, "admin"), 202)

    async def make_fork(self, repository: Repository, owner: str, name: str) -> Repository:
        """Copy a repository's branches to another account; one that was forked already is given back."""
        known = self._state.repository(owner, name)
        if known is not None:
            return known
        made = self._state.add_repository(
            owner, name, private=repository.private, default_branch=repository.default_branch
        )
        made.parent = repository.key
        if repository.branches:
            await bare.git(made.folder, "fetch", "--quiet", str(repository.folder), "refs/heads/*:refs/heads/*")
        made.branches = bare.branches(made.folder)
        self._state.touch(repository)
        self._state.add_event(repository, "ForkEvent", made.owner, {"action": "forked", "forkee": made.key})
        return made

    async def permission(self, call: Call) -> Answer:
        """Give what somebody may do; the question itself needs the right to push."""
        repository = await call.repository()
        if not at_least(call.permission(repository), "write"):
            raise forbidden("Must have push access to view collaborator permission.")
        user = self._state.users.get(call.parameter("username").lower())
        if user is None:
            raise not_found()
        role = self._state.permission(repository, user.login)
        rights = {"pull": "read", "triage": "triage", "push": "write", "maintain": "maintain", "admin": "admin"}
        shape = user_shape(self._state, user) | {
            "role_name": role,
            "permissions": {name: at_least(role, wanted) for name, wanted in rights.items()},
        }
        return Answer({"permission": _LEGACY.get(role, role), "role_name": role, "user": shape})

    async def is_collaborator(self, call: Call) -> Answer:
        """204: belongs to the repository; 404: does not."""
        repository = await call.repository()
        login = call.parameter("username").lower()
        if login not in repository.collaborators and login != repository.owner.login.lower():
            raise not_found()
        return Answer(None, 204)

    async def add_collaborator(self, call: Call) -> Answer:
        """Give somebody a right. Here nobody has to accept an invitation: 204, as for somebody who belongs already."""
        call.writes()
        repository = await call.repository("admin")
        login = call.parameter("username").lower()
        wanted = str(call.field("permission") or "write")
        permission = _NAMES.get(wanted, wanted)
        if login not in self._state.users:
            raise not_found()
        if permission not in PERMISSIONS[1:]:
            raise invalid("Collaborator", "permission", "invalid")
        repository.collaborators[login] = permission
        return Answer(None, 204)

    async def remove_collaborator(self, call: Call) -> Answer:
        """Take somebody's right away."""
        call.writes()
        repository = await call.repository("admin")
        repository.collaborators.pop(call.parameter("username").lower(), None)
        return Answer(None, 204)

    async def rules(self, call: Call) -> Answer:
        """Give the rules of a branch as a ruleset would (a token that may read metadata is enough)."""
        repository = await call.repository()
        rule = self._state.rule(repository, call.parameter("branch"))
        if rule is None:
            return Answer([])
        origin = {"ruleset_source_type": "Repository", "ruleset_source": repository.full_name, "ruleset_id": 1}
        reviews = {
            "type": "pull_request",
            "parameters": {
                "required_approving_review_count": rule.required_approving_review_count,
                "dismiss_stale_reviews_on_push": rule.dismiss_stale_reviews_on_push,
                "require_code_owner_review": rule.require_code_owner_review,
                "require_last_push_approval": rule.require_last_push_approval,
                "required_review_thread_resolution": False,
                "allowed_merge_methods": ["merge", "squash"],
            },
        }
        found: list[dict[str, Any]] = [reviews | origin]
        if rule.required_status_checks:
            checks = [{"context": name} for name in rule.required_status_checks]
            parameters = {"required_status_checks": checks, "strict_required_status_checks_policy": False}
            found.append({"type": "required_status_checks", "parameters": parameters} | origin)
        page, headers = call.page(found)
        return Answer(page, headers=headers)

    async def events(self, call: Call) -> Answer:
        """List the last events, newest first, and say how often one may ask."""
        repository = await call.repository()
        page, headers = call.page(repository.events[::-1])
        shapes = [event_shape(self._state, repository, event) for event in page]
        return Answer(shapes, headers=headers | {"X-Poll-Interval": "60"})

    async def star(self, call: Call) -> Answer:
        """Star a repository."""
        caller = call.writes()
        repository = await call.repository()
        if caller.login not in repository.stargazers:
            repository.stargazers.append(caller.login)
            self._state.touch(repository)
            self._state.add_event(repository, "WatchEvent", caller, {"action": "started"})
        return Answer(None, 204)

    async def unstar(self, call: Call) -> Answer:
        """Take a star back."""
        caller = call.writes()
        repository = await call.repository()
        if caller.login not in repository.stargazers:
            raise Refusal(404, "Not Found")
        repository.stargazers.remove(caller.login)
        self._state.touch(repository)
        return Answer(None, 204)
