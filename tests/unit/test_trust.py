"""Who may cause a diff."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gitops_bot.models.pull_requests import Permission, PullRequest, Repository
from gitops_bot.rules.trust import TrustPolicy, reason_to_hold

HEAD = "a" * 40
OWN = PullRequest(
    repository=Repository("Acme", "fleet"),
    number=7,
    title="Scale web",
    author="alice",
    author_is_bot=False,
    html_url="https://github.com/Acme/fleet/pull/7",
    head_sha=HEAD,
    head_ref="scale",
    head_repository="acme/Fleet",
    base_ref="main",
    draft=False,
    state="open",
    merged=False,
    labels=(),
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
)
FORK = replace(OWN, head_repository="mallory/fleet")
APP = replace(OWN, author="renovate[bot]", author_is_bot=True)
RENOVATE = TrustPolicy(apps=frozenset({"Renovate[bot]"}))


@pytest.mark.parametrize("permission", [Permission.WRITE, Permission.MAINTAIN, Permission.ADMIN])
def test_who_may_write_is_trusted(permission: Permission) -> None:
    assert reason_to_hold(OWN, permission) == ""


@pytest.mark.parametrize("permission", [Permission.NONE, Permission.READ, Permission.TRIAGE])
def test_who_may_not_write_is_held(permission: Permission) -> None:
    assert reason_to_hold(OWN, permission) == f"alice has the permission '{permission}' in Acme/fleet; write is needed."


@pytest.mark.parametrize("permission", list(Permission))
def test_a_fork_is_held_whoever_wrote_it(permission: Permission) -> None:
    assert reason_to_hold(FORK, permission, RENOVATE) == "The branch lies in mallory/fleet, not in Acme/fleet."


def test_a_deleted_fork_is_held() -> None:
    assert "a fork that was deleted" in reason_to_hold(replace(OWN, head_repository=None), Permission.ADMIN)


def test_an_app_is_held_even_with_a_permission_that_looks_like_write() -> None:
    assert reason_to_hold(APP, Permission.WRITE) == "renovate[bot] is an App that is not trusted here."


def test_a_listed_app_is_trusted_on_branches_of_the_repository_only() -> None:
    assert reason_to_hold(APP, Permission.NONE, RENOVATE) == ""
    assert reason_to_hold(replace(APP, head_repository="renovate/fleet"), Permission.NONE, RENOVATE) != ""


def test_a_person_who_is_called_like_a_listed_app_is_judged_as_a_person() -> None:
    impostor = replace(OWN, author="renovate[bot]")
    assert reason_to_hold(impostor, Permission.READ, RENOVATE) != ""


def test_a_release_is_for_one_commit() -> None:
    released = {HEAD}
    assert reason_to_hold(FORK, Permission.NONE, released=released) == ""
    assert reason_to_hold(replace(FORK, head_sha="b" * 40), Permission.NONE, released=released) != ""
