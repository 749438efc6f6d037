"""https://docs.github.com/en/rest/issues: the conversation of a pull request, and labels."""

from typing import Any

from gitops_bot.sandbox.github.calls import Answer, Call
from gitops_bot.sandbox.github.front import Endpoint
from gitops_bot.sandbox.github.records import Comment, Label, PullRequest, Repository, User, at_least, now
from gitops_bot.sandbox.github.refusals import forbidden, invalid, not_found
from gitops_bot.sandbox.github.shapes import label_shape
from gitops_bot.sandbox.github.shapes_pulls import comment_shape
from gitops_bot.sandbox.github.state import State

_ISSUE = "/repos/{owner}/{repo}/issues/{issue_number}"
_COMMENT = "/repos/{owner}/{repo}/issues/comments/{comment_id}"
_LABELS = "/repos/{owner}/{repo}/labels"


class Issues:
    """Comments and labels. Only pull requests: there are no other issues here."""

    def __init__(self, state: State) -> None:
        self._state = state

    def endpoints(self) -> list[Endpoint]:
        """Give the endpoints."""
        return [
            Endpoint("GET", _COMMENT, self.get_comment),
            Endpoint("PATCH", _COMMENT, self.change_comment, content=True),
            Endpoint("DELETE", _COMMENT, self.delete_comment),
            Endpoint("GET", f"{_ISSUE}/comments", self.list_comments),
            Endpoint("POST", f"{_ISSUE}/comments", self.create_comment, content=True),
            Endpoint("GET", f"{_ISSUE}/labels", self.list_labels),
            Endpoint("POST", f"{_ISSUE}/labels", self.add_labels),
            Endpoint("PUT", f"{_ISSUE}/labels", self.set_labels),
            Endpoint("DELETE", f"{_ISSUE}/labels/{{name}}", self.remove_label),
            Endpoint("GET", _LABELS, self.repository_labels),
            Endpoint("POST", _LABELS, self.create_label),
        ]

    async def list_comments(self, call: Call) -> Answer:
        """List comments, oldest first; ``since`` leaves out what did not change after a moment."""
        repository = await call.repository()
        pull = call.pull(repository, "issue_number")
        since = call.query("since")
        shapes = [comment_shape(self._state, repository, pull, comment) for comment in pull.comments]
        page, headers = call.page([shape for shape in shapes if shape["updated_at"] >= since])
        return Answer(page, headers=headers)

    async def create_comment(self, call: Call) -> Answer:
        """Write a comment: whoever may read may do that."""
        author = call.writes()
        repository = await call.repository()
        pull = call.pull(repository, "issue_number")
        body = call.text("body", "IssueComment")
        if pull.locked and not at_least(call.permission(repository), "write"):
            raise forbidden("Unable to create comment because issue is locked.")
        moment = now()
        comment = Comment(self._state.next_id(), author, body, moment, moment, app=self._app_of(call))
        pull.comments.append(comment)
        self._tell(repository, pull, comment, "created")
        shape = comment_shape(self._state, repository, pull, comment)
        return Answer(shape, 201, {"Location": shape["url"]})

    def _app_of(self, call: Call) -> Any:
        if call.token is None or call.token.installation is None:
            return None
        return next(one for one in self._state.apps.values() if call.token.installation in one.installations)

    def _tell(self, repository: Repository, pull: PullRequest, comment: Comment, action: str) -> None:
        self._state.touch(repository, pull)
        payload = {"action": action, "number": pull.number, "comment": comment.id}
        self._state.add_event(repository, "IssueCommentEvent", comment.author, payload)

    @staticmethod
    def _find(call: Call, repository: Repository) -> tuple[PullRequest, Comment]:
        number = call.number("comment_id")
        for pull in repository.pulls.values():
            for comment in pull.comments:
                if comment.id == number:
                    return pull, comment
        raise not_found()

    def _may_change(self, call: Call, repository: Repository, comment: Comment, caller: User) -> None:
        if comment.author is not caller and not at_least(call.permission(repository), "write"):
            raise forbidden("Must have admin rights to Repository.")

    async def get_comment(self, call: Call) -> Answer:
        """Give one comment."""
        repository = await call.repository()
        pull, comment = self._find(call, repository)
        return Answer(comment_shape(self._state, repository, pull, comment))

    async def change_comment(self, call: Call) -> Answer:
        """Replace a comment's text."""
        caller = call.writes()
        repository = await call.repository()
        pull, comment = self._find(call, repository)
        self._may_change(call, repository, comment, caller)
        comment.body = call.text("body", "IssueComment")
        comment.updated_at = now()
        self._tell(repository, pull, comment, "edited")
        return Answer(comment_shape(self._state, repository, pull, comment))

    async def delete_comment(self, call: Call) -> Answer:
        """Take a comment away."""
        caller = call.writes()
        repository = await call.repository()
        pull, comment = self._find(call, repository)
        self._may_change(call, repository, comment, caller)
        pull.comments.remove(comment)
        self._state.touch(repository, pull)
        return Answer(None, 204)

    async def list_labels(self, call: Call) -> Answer:
        """List the labels of a pull request."""
        repository = await call.repository()
        return self._labels(call, repository, call.pull(repository, "issue_number"))

    def _labels(self, call: Call, repository: Repository, pull: PullRequest) -> Answer:
        page, headers = call.page([label_shape(self._state, repository, repository.labels[one]) for one in pull.labels])
        return Answer(page, headers=headers)

    async def add_labels(self, call: Call) -> Answer:
        """Add labels; one that does not exist is made."""
        return await self._change_labels(call, keep=True)

    async def set_labels(self, call: Call) -> Answer:
        """Replace the labels."""
        return await self._change_labels(call, keep=False)

    async def _change_labels(self, call: Call, *, keep: bool) -> Answer:
        call.writes()
        repository = await call.repository("triage")
        pull = call.pull(repository, "issue_number")
        given = call.body if isinstance(call.body, list) else call.field("labels", [])
        names = [one["name"] if isinstance(one, dict) else one for one in given]
        if not all(isinstance(name, str) and name for name in names):
            raise invalid("Label", "name", "invalid")
        for name in names:
            repository.labels.setdefault(name, Label(self._state.next_id(), name))
        pull.labels = list(dict.fromkeys([*pull.labels, *names] if keep else names))
        self._state.touch(repository, pull)
        return self._labels(call, repository, pull)

    async def remove_label(self, call: Call) -> Answer:
        """Take a label off."""
        call.writes()
        repository = await call.repository("triage")
        pull = call.pull(repository, "issue_number")
        name = call.parameter("name")
        if name not in pull.labels:
            raise not_found()
        pull.labels.remove(name)
        self._state.touch(repository, pull)
        return self._labels(call, repository, pull)

    async def repository_labels(self, call: Call) -> Answer:
        """List the labels that there are."""
        repository = await call.repository()
        page, headers = call.page([label_shape(self._state, repository, one) for one in repository.labels.values()])
        return Answer(page, headers=headers)

    async def create_label(self, call: Call) -> Answer:
        """Make a label."""
        call.writes()
        repository = await call.repository("write")
        name = call.text("name", "Label")
        if name in repository.labels:
            raise invalid("Label", "name", "already_exists")
        color, description = str(call.field("color") or "ededed"), call.field("description")
        label = repository.labels[name] = Label(self._state.next_id(), name, color, description)
        return Answer(label_shape(self._state, repository, label), 201)
