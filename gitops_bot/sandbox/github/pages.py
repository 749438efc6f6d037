"""What a person would see: a list of repositories and their pull requests, and a page for each."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
from aiohttp import web
from markupsafe import Markup

from gitops_bot.sandbox.github.history import ChangedFile, Commit, Extents, account
from gitops_bot.sandbox.github.markdown import render
from gitops_bot.sandbox.github.records import PullRequest, Repository, Review, User, now
from gitops_bot.sandbox.github.rules import counts, review_decision, standing_reviews
from gitops_bot.sandbox.github.state import State
from gitops_bot.sandbox.github.syncing import Syncing

_FOLDER = Path(__file__).parent
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}
_VERBS = {
    "APPROVED": "approved these changes",
    "CHANGES_REQUESTED": "requested changes",
    "COMMENTED": "reviewed",
    "DISMISSED": "reviewed; the review was dismissed",
}
_COLORS = ("#0969da", "#1a7f37", "#8250df", "#bf3989", "#9a6700", "#bc4c00", "#0550ae", "#6e7781")
_LONGEST_PATCH = 20_000
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened in the conversation. ``kind``: commit, comment, review or event."""

    kind: str
    at: datetime
    who: User | None
    text: Markup | str
    anchor: str = ""
    state: str = ""
    note: str = ""
    folded: str = ""


class Pages:
    """Answers browsers. Everybody may look: the sandbox has no secrets from the person who runs it."""

    def __init__(self, state: State, syncing: Syncing, extents: Extents) -> None:
        self._state = state
        self._syncing = syncing
        self._extents = extents
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_FOLDER / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {"ago": ago, "color": color, "initials": initials}

    def routes(self) -> list[web.RouteDef]:
        """Give the routes."""
        return [
            web.get("/", self.home),
            web.get("/_static/{name}", self.static),
            web.get("/avatars/{login}.svg", self.avatar),
            web.get("/{owner}/{repo}", self.home),
            web.get("/{owner}/{repo}/pulls", self.home),
            web.get("/{owner}/{repo}/pull/{number:\\d+}", self.pull),
            web.get("/{owner}/{repo}/pull/{number:\\d+}/{tab:commits|files}", self.pull),
        ]

    def _page(self, name: str, **values: Any) -> web.Response:
        text = self._templates.get_template(name).render(origin=self._state.origin, **values)
        # What the page's script compares to learn that something happened; the words "2 minutes ago" do not count.
        text = text.replace("@version@", hashlib.sha256(values["digest"].encode()).hexdigest()[:16])
        return web.Response(text=text, content_type="text/html", headers=_HEADERS)

    async def home(self, request: web.Request) -> web.Response:
        """List pull requests, of one repository or of all."""
        owner, name = request.match_info.get("owner"), request.match_info.get("repo")
        if owner and name:
            found = [self._find(owner, name)]
        else:
            found = [one for one in self._state.repositories.values() if one.parent is None]
        for repository in found:
            await self._syncing.sync(repository)
        lists = [
            (repository, sorted(repository.pulls.values(), key=lambda one: (not one.is_open, -one.number)))
            for repository in found
        ]
        digest = repr(
            [(one.number, one.title, one.state, one.draft, len(one.comments)) for _, all_ in lists for one in all_]
        )
        return self._page("pulls.html", lists=lists, digest=digest)

    def _find(self, owner: str, name: str) -> Repository:
        repository = self._state.repository(owner, name)
        if repository is None:
            raise web.HTTPNotFound(text="404: there is no such repository here")
        return repository

    async def pull(self, request: web.Request) -> web.Response:
        """Show one pull request with its conversation and its files."""
        repository = self._find(request.match_info["owner"], request.match_info["repo"])
        await self._syncing.sync(repository)
        pull = repository.pulls.get(int(request.match_info["number"]))
        if pull is None:
            raise web.HTTPNotFound(text="404: there is no such pull request here")
        base = pull.base_sha if pull.merged_at else repository.branches.get(pull.base_ref, pull.base_sha)
        _, commits, files = await self._extents.of(repository.folder, base, pull.head_sha)
        known = self._syncing.mergeability(repository, pull) if pull.is_open else None
        moments = sorted(self._moments(pull, commits), key=lambda one: one.at)
        statuses = list({one.context: one for one in repository.statuses if one.sha == pull.head_sha}.values())
        runs = [run for run in repository.check_runs.values() if run.head_sha == pull.head_sha]
        reviews = standing_reviews(pull)
        decision = await review_decision(self._state, repository, pull)
        return self._page(
            "pull.html",
            repository=repository,
            pull=pull,
            description=render(pull.body or ""),
            moments=moments,
            commits=commits,
            files=[(file, patch_lines(file)) for file in files],
            additions=sum(file.additions for file in files),
            deletions=sum(file.deletions for file in files),
            statuses=statuses,
            runs=runs,
            standing=[(one, counts(self._state, repository, one)) for one in reviews.values()],
            decision=decision,
            mergeable=known.mergeable if known else None,
            digest=repr((pull, commits, statuses, runs, reviews, decision, known)),
        )

    def _moments(self, pull: PullRequest, commits: Sequence[Commit]) -> list[Moment]:
        found = [
            Moment(
                "commit",
                max(commit.committer.at, pull.created_at),
                account(self._state, commit.author),
                commit.message.partition("\n")[0],
                note=commit.sha[:7],
            )
            for commit in commits
        ]
        found += [
            Moment(
                "comment",
                one.created_at,
                one.author,
                render(one.body),
                anchor=f"issuecomment-{one.id}",
                note="edited" if one.updated_at > one.created_at else "",
                folded=one.minimized or "",
            )
            for one in pull.comments
        ]
        found += [self._review(one, one.submitted_at) for one in pull.reviews if one.submitted_at is not None]
        if pull.merged_at:
            words = f"merged commit {(pull.merge_commit_sha or '')[:7]} into {pull.base_ref}"
            found.append(Moment("event", pull.merged_at, pull.merged_by, words, state="merged"))
        elif pull.closed_at:
            found.append(Moment("event", pull.closed_at, None, "This pull request was closed.", state="closed"))
        return found

    @staticmethod
    def _review(review: Review, at: datetime) -> Moment:
        note = f"{_VERBS[review.state]} at {review.commit_id[:7]}"
        if review.dismissal_message:
            note += f": {review.dismissal_message}"
        anchor = f"pullrequestreview-{review.id}"
        return Moment("review", at, review.author, render(review.body), anchor=anchor, state=review.state, note=note)

    async def static(self, request: web.Request) -> web.StreamResponse:
        """Give the style sheet or the script."""
        name = request.match_info["name"]
        if name not in {"pages.css", "pages.js"}:
            raise web.HTTPNotFound
        return web.FileResponse(_FOLDER / "static" / name, headers={"Cache-Control": "no-cache"})

    async def avatar(self, request: web.Request) -> web.Response:
        """Draw a face: a disc in the person's colour with their initials."""
        login = request.match_info["login"]
        text = self._templates.get_template("avatar.svg").render(login=login)
        headers = {"Cache-Control": "max-age=3600", "Content-Security-Policy": "default-src 'none'"}
        return web.Response(text=text, content_type="image/svg+xml", headers=headers)


def patch_lines(file: ChangedFile) -> list[tuple[str, str]] | None:
    """Give the lines of a file's difference with their kind; None for a binary or very long one."""
    if file.patch is None or len(file.patch) > _LONGEST_PATCH:
        return None
    kinds = {"+": "added", "-": "removed", "@": "hunk"}
    return [(kinds.get(line[:1], "same"), line) for line in file.patch.split("\n")]


def ago(at: datetime) -> str:
    """Say how long ago something was."""
    seconds = max(0.0, (now() - at).total_seconds())
    if seconds < _MINUTE:
        return "just now"
    for size, word in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {word}{'s' if count > 1 else ''} ago"
    return ""


def color(login: str) -> str:
    """Give a person's colour."""
    return _COLORS[int(hashlib.sha256(login.encode()).hexdigest(), 16) % len(_COLORS)]


def initials(login: str) -> str:
    """Give the letters that stand for a person."""
    parts = [part for part in login.replace("[bot]", "").replace("_", "-").split("-") if part]
    return "".join(part[0] for part in parts[:2]).upper() or "?"
