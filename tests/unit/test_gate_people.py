"""Who made the commits of a pull request, and who still asks for changes, as GitHub's answers tell."""

from dataclasses import replace
from typing import Any

import pytest

from gitops_bot.github.answers import commit_people, wants_changes
from gitops_bot.models.pull_requests import CommitPeople


def commit(author: str | None, committer: str | None = "web-flow", *, verified: object = True) -> dict[str, Any]:
    return {
        "sha": SHA,
        "author": {"login": author} if author else None,
        "committer": {"login": committer} if committer else None,
        "commit": {"verification": {"verified": verified, "reason": "valid"}},
    }


BOT, SHA = "renovate[bot]", "a" * 40


@pytest.mark.parametrize(
    ("commits", "expected"),
    [
        ([commit("Renovate[bot]")], CommitPeople(frozenset({BOT, "web-flow"}), verified=True)),
        (
            [commit(BOT), commit("mallory", "mallory", verified=False)],
            CommitPeople(frozenset({BOT, "web-flow", "mallory"})),
        ),
        ([commit(BOT), commit(None)], CommitPeople(frozenset({BOT, "web-flow"}), unknown=True, verified=True)),
        ([commit(BOT, None)], CommitPeople(frozenset({BOT}), unknown=True, verified=True)),
        # What only looks like a yes is none.
        ([commit(BOT, verified="true")], CommitPeople(frozenset({BOT, "web-flow"}))),
        ([{**commit(BOT), "commit": {}}], CommitPeople(frozenset({BOT, "web-flow"}))),
    ],
)
def test_who_made_the_commits(commits: list[dict[str, Any]], expected: CommitPeople) -> None:
    assert commit_people(commits, 250) == replace(expected, commits=frozenset({SHA}))


def test_more_commits_than_github_lists_are_not_complete() -> None:
    assert not commit_people([commit(BOT)] * 250, 250).complete


def review(login: str | None, state: str) -> dict[str, Any]:
    return {"user": {"login": login} if login else None, "state": state}


@pytest.mark.parametrize(
    ("reviews", "expected"),
    [
        ([], ()),
        ([review("a", "APPROVED"), review("b", "CHANGES_REQUESTED")], ("b",)),
        # A comment takes nothing back; an approval and a dismissal do.
        ([review("a", "CHANGES_REQUESTED"), review("a", "COMMENTED")], ("a",)),
        ([review("a", "CHANGES_REQUESTED"), review("a", "APPROVED")], ()),
        ([review("a", "DISMISSED")], ()),
        ([review("a", "APPROVED"), review("a", "CHANGES_REQUESTED")], ("a",)),
        ([review(None, "CHANGES_REQUESTED")], ("somebody",)),
    ],
)
def test_whose_newest_word_asks_for_changes(reviews: list[dict[str, Any]], expected: tuple[str, ...]) -> None:
    assert wants_changes(reviews) == expected
