"""https://docs.github.com/en/rest/pulls/reviews."""

from gitops_bot.sandbox.github import bare
from gitops_bot.sandbox.github.calls import Answer, Call
from gitops_bot.sandbox.github.front import Endpoint
from gitops_bot.sandbox.github.records import PullRequest, Repository, Review, ReviewState, at_least, now
from gitops_bot.sandbox.github.refusals import LONGEST_BODY, Refusal, forbidden, not_found, unprocessable
from gitops_bot.sandbox.github.shapes_pulls import review_shape
from gitops_bot.sandbox.github.state import State

_REVIEWS = "/repos/{owner}/{repo}/pulls/{pull_number}/reviews"
_REVIEW = f"{_REVIEWS}/{{review_id}}"
_STATES: dict[str | None, ReviewState] = {
    None: "PENDING",
    "APPROVE": "APPROVED",
    "REQUEST_CHANGES": "CHANGES_REQUESTED",
    "COMMENT": "COMMENTED",
}


class Reviews:
    """Reviews of pull requests."""

    def __init__(self, state: State) -> None:
        self._state = state

    def endpoints(self) -> list[Endpoint]:
        """Give the endpoints."""
        return [
            Endpoint("GET", _REVIEWS, self.list),
            Endpoint("POST", _REVIEWS, self.create, content=True),
            Endpoint("GET", _REVIEW, self.get),
            Endpoint("PUT", _REVIEW, self.change),
            Endpoint("DELETE", _REVIEW, self.delete),
            Endpoint("POST", f"{_REVIEW}/events", self.submit, content=True),
            Endpoint("PUT", f"{_REVIEW}/dismissals", self.dismiss),
        ]

    async def list(self, call: Call) -> Answer:
        """List reviews, oldest first; a pending one is seen by its author alone."""
        repository = await call.repository()
        pull = call.pull(repository)
        caller = call.token.login if call.token else ""
        seen = [review for review in pull.reviews if review.state != "PENDING" or review.author.login == caller]
        page, headers = call.page(seen)
        return Answer([review_shape(self._state, repository, pull, review) for review in page], headers=headers)

    async def create(self, call: Call) -> Answer:
        """Review. ``commit_id`` is attribution, no precondition: any commit of the repository is taken."""
        author = call.writes()
        repository = await call.repository()
        pull = call.pull(repository)
        state = self._wanted_state(call, pull, author.login)
        body = self._body(call, needed=state in {"COMMENTED", "CHANGES_REQUESTED"})
        commit = str(call.field("commit_id") or pull.head_sha)
        if await bare.resolve(repository.folder, commit) != commit:
            raise unprocessable("No commit found for SHA: " + commit)
        submitted = None if state == "PENDING" else now()
        if state == "PENDING" and any(one.state == "PENDING" and one.author is author for one in pull.reviews):
            raise unprocessable("User can only have one pending review per pull request")
        review = Review(self._state.next_id(), author, state, body, commit, submitted)
        pull.reviews.append(review)
        self._submitted(repository, pull, review)
        return Answer(review_shape(self._state, repository, pull, review))

    def _wanted_state(self, call: Call, pull: PullRequest, login: str) -> ReviewState:
        event = call.field("event")
        if event not in _STATES:
            raise unprocessable(f"Variable $event of type PullRequestReviewEvent was provided invalid value: {event}")
        if event == "APPROVE" and pull.author.login == login:
            raise unprocessable("Can not approve your own pull request")
        if event == "REQUEST_CHANGES" and pull.author.login == login:
            raise unprocessable("Can not request changes on your own pull request")
        if event in {"APPROVE", "REQUEST_CHANGES"} and not pull.is_open and pull.locked:
            raise unprocessable("Pull request is locked")
        return _STATES[event]

    @staticmethod
    def _body(call: Call, *, needed: bool) -> str:
        body = call.field("body") or ""
        if not isinstance(body, str):
            raise unprocessable("For 'properties/body', it is not a string.")
        if needed and not body.strip():
            raise unprocessable("Body cannot be blank" if body else "Review body is required")
        if len(body) > LONGEST_BODY:
            raise unprocessable(f"Body is too long (maximum is {LONGEST_BODY} characters)")
        return body

    def _submitted(self, repository: Repository, pull: PullRequest, review: Review) -> None:
        if review.state == "PENDING":
            return
        pull.requested_reviewers = [one for one in pull.requested_reviewers if one is not review.author]
        self._state.touch(repository, pull)
        payload = {"action": "created", "number": pull.number, "review": review.id}
        self._state.add_event(repository, "PullRequestReviewEvent", review.author, payload)

    def _find(self, call: Call, pull: PullRequest) -> Review:
        number = call.number("review_id")
        found = next((review for review in pull.reviews if review.id == number), None)
        if found is None or (found.state == "PENDING" and (not call.token or found.author.login != call.token.login)):
            raise not_found()
        return found

    async def get(self, call: Call) -> Answer:
        """Give one review."""
        repository = await call.repository()
        pull = call.pull(repository)
        return Answer(review_shape(self._state, repository, pull, self._find(call, pull)))

    async def change(self, call: Call) -> Answer:
        """Replace the text of one's own review."""
        caller = call.writes()
        repository = await call.repository()
        pull = call.pull(repository)
        review = self._find(call, pull)
        if review.author is not caller:
            raise forbidden("Resource not accessible")
        review.body = self._body(call, needed=True)
        self._state.touch(repository, pull)
        return Answer(review_shape(self._state, repository, pull, review))

    async def delete(self, call: Call) -> Answer:
        """Take back a review that was not submitted."""
        call.writes()
        repository = await call.repository()
        pull = call.pull(repository)
        review = self._find(call, pull)
        if review.state != "PENDING":
            raise unprocessable("Can not delete a non-pending pull request review")
        pull.reviews.remove(review)
        return Answer(review_shape(self._state, repository, pull, review))

    async def submit(self, call: Call) -> Answer:
        """Submit a pending review."""
        caller = call.writes()
        repository = await call.repository()
        pull = call.pull(repository)
        review = self._find(call, pull)
        state = self._wanted_state(call, pull, caller.login)
        if review.state != "PENDING" or state == "PENDING":
            raise unprocessable("Can not submit this review")
        review.state, review.submitted_at = state, now()
        review.body = self._body(call, needed=False) or review.body
        self._submitted(repository, pull, review)
        return Answer(review_shape(self._state, repository, pull, review))

    async def dismiss(self, call: Call) -> Answer:
        """Withdraw an approval or a request for changes: whoever may write, on restricted branches an administrator."""
        call.writes()
        repository = await call.repository()
        pull = call.pull(repository)
        review = self._find(call, pull)
        rule = self._state.rule(repository, pull.base_ref)
        wanted = "admin" if rule is not None and rule.dismissal_restricted else "write"
        if not at_least(call.permission(repository), wanted):
            raise forbidden("Resource not accessible")
        message = call.field("message")
        if not isinstance(message, str) or not message.strip():
            raise Refusal(422, "Validation Failed", errors=["message is required"])
        if review.state not in {"APPROVED", "CHANGES_REQUESTED"}:
            state = {"COMMENTED": "commented", "DISMISSED": "dismissed", "PENDING": "pending"}[review.state]
            raise unprocessable(f"Can not dismiss a {state} pull request review")
        review.state, review.dismissal_message = "DISMISSED", message
        self._state.touch(repository, pull)
        return Answer(review_shape(self._state, repository, pull, review))
