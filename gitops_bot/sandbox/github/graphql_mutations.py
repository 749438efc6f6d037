"""The few changes that only GraphQL can make: drafts, and comments that are folded away."""

from gitops_bot.sandbox.github.calls import Call
from gitops_bot.sandbox.github.graphql_objects import Arguments, GraphQlError, Objects, Thing
from gitops_bot.sandbox.github.records import Comment, PullRequest, Repository, User, at_least
from gitops_bot.sandbox.github.shapes import node_id

_REASONS = {"SPAM", "ABUSE", "OFF_TOPIC", "OUTDATED", "DUPLICATE", "RESOLVED"}


def find_node(objects: Objects, call: Call, wanted: str) -> tuple[Repository, PullRequest | Comment, Thing]:
    """Find a pull request or a comment by the id that GraphQL and REST (``node_id``) give it."""
    for repository in objects.state.repositories.values():
        if not at_least(call.permission(repository), "read"):
            continue
        for pull in repository.pulls.values():
            if node_id("PR", pull.id) == wanted:
                return repository, pull, objects.pull_request(repository, pull)
            for comment in pull.comments:
                if node_id("IC", comment.id) == wanted:
                    return repository, comment, objects.comment(comment)
    raise GraphQlError(f"Could not resolve to a node with the global id of '{wanted}'", "NOT_FOUND")


class Mutations:
    """Changes that one caller asks for."""

    def __init__(self, objects: Objects, call: Call) -> None:
        self._objects = objects
        self._call = call

    def root(self) -> Thing:
        """Give the object that mutations are fields of."""
        fields = {
            "convertPullRequestToDraft": self.to_draft,
            "markPullRequestReadyForReview": self.ready,
            "minimizeComment": self.minimize,
            "unminimizeComment": self.show_again,
        }
        return Thing("Mutation", fields)

    def _may(self, repository: Repository, author: User) -> None:
        caller = self._call.writes()
        if author is not caller and not at_least(self._call.permission(repository), "write"):
            raise GraphQlError(f"{caller.login} does not have the correct permissions to execute this", "FORBIDDEN")

    async def to_draft(self, arguments: Arguments) -> Thing:
        """Make a pull request a draft."""
        return self._set_draft(arguments, draft=True)

    async def ready(self, arguments: Arguments) -> Thing:
        """Make a draft a pull request."""
        return self._set_draft(arguments, draft=False)

    def _set_draft(self, arguments: Arguments, *, draft: bool) -> Thing:
        given = arguments["input"]
        repository, pull, _ = find_node(self._objects, self._call, given["pullRequestId"])
        if not isinstance(pull, PullRequest):
            raise GraphQlError(f"Could not resolve to a PullRequest with the id {given['pullRequestId']}", "NOT_FOUND")
        self._may(repository, pull.author)
        pull.draft = draft
        self._objects.state.touch(repository, pull)
        shape = self._objects.pull_request(repository, pull)
        return Thing("Payload", {"clientMutationId": given.get("clientMutationId"), "pullRequest": shape})

    async def minimize(self, arguments: Arguments) -> Thing:
        """Fold a comment away, for a reason."""
        classifier = str(arguments["input"].get("classifier"))
        if classifier not in _REASONS:
            raise GraphQlError(f"{classifier} is not one of ReportedContentClassifiers", "UNPROCESSABLE")
        return self._set_minimized(arguments, classifier.lower().replace("_", "-"), "minimizedComment")

    async def show_again(self, arguments: Arguments) -> Thing:
        """Unfold a comment."""
        return self._set_minimized(arguments, None, "unminimizedComment")

    def _set_minimized(self, arguments: Arguments, reason: str | None, name: str) -> Thing:
        given = arguments["input"]
        repository, comment, _ = find_node(self._objects, self._call, given["subjectId"])
        if not isinstance(comment, Comment):
            raise GraphQlError("Only comments can be minimized", "UNPROCESSABLE")
        self._may(repository, comment.author)
        comment.minimized = reason
        self._objects.state.touch(repository)
        shown = self._objects.comment(comment)
        return Thing("Payload", {"clientMutationId": given.get("clientMutationId"), name: shown})
