"""People, repositories and labels as GitHub's API writes them."""

import base64
from datetime import UTC, datetime
from typing import Any

from gitops_bot.sandbox.github.records import App, Label, Repository, User, at_least
from gitops_bot.sandbox.github.state import State

# Suffixes of a repository's address in the API, by the field's name.
_REPOSITORY_LINKS = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}
_USER_LINKS = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}


def moment(value: datetime | None) -> str | None:
    """Write a moment as GitHub does: UTC, to the second, with a Z."""
    return None if value is None else value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def node_id(kind: str, number: int | str) -> str:
    """Give the id that GraphQL knows something by."""
    return f"{kind}_{base64.urlsafe_b64encode(f'{kind}:{number}'.encode()).decode().rstrip('=')}"


def repository_address(state: State, repository: Repository) -> str:
    """Give a repository's address in the API."""
    return f"{state.api}/repos/{repository.full_name}"


def user_shape(state: State, user: User) -> dict[str, Any]:
    """simple-user."""
    address = f"{state.api}/users/{user.login}"
    return {
        "login": user.login,
        "id": user.id,
        "node_id": node_id("U", user.id),
        "avatar_url": f"{state.origin}/avatars/{user.login}.svg",
        "gravatar_id": "",
        "url": address,
        "html_url": f"{state.origin}/{user.login}",
        **{name: address + suffix for name, suffix in _USER_LINKS.items()},
        "type": user.kind,
        "user_view_type": "public",
        "site_admin": False,
    }


def whole_user_shape(state: State, user: User, *, private: bool) -> dict[str, Any]:
    """public-user, or private-user for oneself."""
    repositories = sum(one.owner.id == user.id for one in state.repositories.values())
    shape = user_shape(state, user) | {
        "name": user.name,
        "company": None,
        "blog": "",
        "location": None,
        "email": None,
        "hireable": None,
        "bio": None,
        "twitter_username": None,
        "public_repos": repositories,
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": moment(user.created_at),
        "updated_at": moment(user.created_at),
    }
    if private:
        shape |= {
            "private_gists": 0,
            "total_private_repos": repositories,
            "owned_private_repos": repositories,
            "disk_usage": 0,
            "collaborators": 0,
            "two_factor_authentication": True,
        }
    return shape


def repository_shape(state: State, repository: Repository) -> dict[str, Any]:
    """Repository, as it is embedded in every pull request: what moves here moves the ETag of a list."""
    address = repository_address(state, repository)
    html = f"{state.origin}/{repository.full_name}"
    open_pulls = sum(pull.is_open for pull in repository.pulls.values())
    stars, forks = len(repository.stargazers), len(state.forks(repository))
    return {
        "id": repository.id,
        "node_id": node_id("R", repository.id),
        "name": repository.name,
        "full_name": repository.full_name,
        "owner": user_shape(state, repository.owner),
        "private": repository.private,
        "html_url": html,
        "description": repository.description,
        "fork": repository.parent is not None,
        "url": address,
        **{name: address + suffix for name, suffix in _REPOSITORY_LINKS.items()},
        "git_url": f"git://{state.origin.partition('://')[2]}/{repository.full_name}.git",
        "ssh_url": f"git@{state.origin.partition('://')[2].partition(':')[0]}:{repository.full_name}.git",
        "clone_url": f"{html}.git",
        "svn_url": html,
        "mirror_url": None,
        "homepage": None,
        "size": 0,
        "language": None,
        "forks_count": forks,
        "forks": forks,
        "stargazers_count": stars,
        "watchers_count": stars,
        "watchers": stars,
        "open_issues_count": open_pulls,
        "open_issues": open_pulls,
        "default_branch": repository.default_branch,
        "has_issues": True,
        "has_projects": True,
        "has_wiki": True,
        "has_pages": False,
        "has_downloads": True,
        "has_discussions": False,
        "is_template": False,
        "topics": [],
        "archived": repository.archived,
        "disabled": False,
        "visibility": "private" if repository.private else "public",
        "allow_forking": True,
        "web_commit_signoff_required": False,
        "license": None,
        "pushed_at": moment(repository.pushed_at),
        "created_at": moment(repository.created_at),
        "updated_at": moment(repository.updated_at),
    }


def whole_repository_shape(state: State, repository: Repository, permission: str) -> dict[str, Any]:
    """full-repository, with what the caller may do in it."""
    rights = {"pull": "read", "triage": "triage", "push": "write", "maintain": "maintain", "admin": "admin"}
    shape = repository_shape(state, repository) | {
        "permissions": {name: at_least(permission, wanted) for name, wanted in rights.items()},
        "subscribers_count": 0,
        "network_count": len(state.forks(repository)),
        "allow_rebase_merge": False,
        "allow_squash_merge": True,
        "allow_merge_commit": True,
        "allow_auto_merge": False,
        "delete_branch_on_merge": False,
        "temp_clone_token": None,
    }
    parent = state.repositories.get(repository.parent or "")
    if parent is not None:
        shape |= {"parent": repository_shape(state, parent), "source": repository_shape(state, parent)}
    return shape


def label_shape(state: State, repository: Repository, label: Label) -> dict[str, Any]:
    """Label."""
    return {
        "id": label.id,
        "node_id": node_id("LA", label.id),
        "url": f"{repository_address(state, repository)}/labels/{label.name}",
        "name": label.name,
        "color": label.color,
        "default": label.default,
        "description": label.description,
        "archived_at": None,
        "archived_by": None,
    }


def embedded_label_shape(state: State, repository: Repository, label: Label) -> dict[str, Any]:
    """Label within a pull request: without the moment when it was archived."""
    return {name: value for name, value in label_shape(state, repository, label).items() if name != "archived_at"}


def app_shape(state: State, app: App) -> dict[str, Any]:
    """Integration."""
    owner = state.users[app.owner.lower()]
    return {
        "id": app.id,
        "slug": app.slug,
        "node_id": node_id("A", app.id),
        "client_id": f"Iv23{app.id:016d}",
        "owner": user_shape(state, owner),
        "name": app.slug,
        "description": "",
        "external_url": state.origin,
        "html_url": f"{state.origin}/apps/{app.slug}",
        "created_at": moment(app.created_at),
        "updated_at": moment(app.created_at),
        "permissions": app.permissions,
        "events": [],
    }
