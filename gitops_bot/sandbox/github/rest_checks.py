"""https://docs.github.com/en/rest/checks/runs: only Apps may write them, anybody may read."""

from datetime import datetime
from typing import Any

from gitops_bot.sandbox.github import bare
from gitops_bot.sandbox.github.calls import Answer, Call
from gitops_bot.sandbox.github.event_shapes import minimal_pull_shape
from gitops_bot.sandbox.github.front import Endpoint
from gitops_bot.sandbox.github.records import App, CheckRun, Repository, now
from gitops_bot.sandbox.github.refusals import Refusal, forbidden, invalid, not_found
from gitops_bot.sandbox.github.shapes import app_shape, moment, node_id, repository_address
from gitops_bot.sandbox.github.state import State

_RUNS = "/repos/{owner}/{repo}/check-runs"
_LONGEST = 65_535
_MOST_ANNOTATIONS = 50
_MOST_ACTIONS = 3
_CONCLUSIONS = {"action_required", "cancelled", "failure", "neutral", "success", "skipped", "timed_out"}


class Checks:
    """Check runs."""

    def __init__(self, state: State) -> None:
        self._state = state

    def endpoints(self) -> list[Endpoint]:
        """Give the endpoints. The list for a ref stands before the endpoints of commits, which take any ref."""
        return [
            Endpoint("GET", "/repos/{owner}/{repo}/commits/{ref:.+}/check-runs", self.list),
            Endpoint("POST", _RUNS, self.create, content=True),
            Endpoint("GET", f"{_RUNS}/{{check_run_id}}", self.get),
            Endpoint("PATCH", f"{_RUNS}/{{check_run_id}}", self.change),
        ]

    def _app(self, call: Call) -> App:
        installation = call.token.installation if call.token else None
        for app in self._state.apps.values():
            if installation in app.installations:
                return app
        raise forbidden("You must authenticate via a GitHub App.")

    async def create(self, call: Call) -> Answer:
        """Begin a check run."""
        call.writes()
        app = self._app(call)
        repository = await call.repository("write")
        name, sha = call.text("name", "CheckRun"), call.text("head_sha", "CheckRun")
        if await bare.resolve(repository.folder, sha) != sha:
            raise Refusal(422, f"No commit found for SHA: {sha}")
        run = CheckRun(self._state.next_id(), name, sha, app, "queued", None, now(), None)
        self._fill(call, run)
        repository.check_runs[run.id] = run
        self._state.touch(repository)
        return Answer(self._shape(repository, run), 201)

    def _fill(self, call: Call, run: CheckRun) -> None:
        """Take over what the body says; 422 for what is too long or no word of GitHub's."""
        output, actions = call.field("output"), call.field("actions")
        if output is not None:
            for part in ("summary", "text"):
                if len(output.get(part) or "") > _LONGEST:
                    words = f"Only {_LONGEST} characters are allowed; {len(output[part])} were supplied."
                    raise invalid("CheckRun", part, "custom", words)
            if len(output.get("annotations") or []) > _MOST_ANNOTATIONS:
                raise invalid(
                    "CheckRun", "annotations", "custom", f"No more than {_MOST_ANNOTATIONS} items are allowed."
                )
            run.output = run.output | output
        if actions is not None:
            if len(actions) > _MOST_ACTIONS:
                raise invalid("CheckRun", "actions", "custom", f"No more than {_MOST_ACTIONS} items are allowed.")
            run.actions = actions
        conclusion = call.field("conclusion")
        status = call.field("status", "completed" if conclusion else run.status)
        if status not in {"queued", "in_progress", "completed"}:
            raise invalid("CheckRun", "status", "invalid")
        if status == "completed" and (conclusion or run.conclusion) not in _CONCLUSIONS:
            raise invalid("CheckRun", "conclusion", "missing_field")
        run.status = status
        if status == "completed":
            run.conclusion = conclusion or run.conclusion
            run.completed_at = _moment(call.field("completed_at")) or now()
        run.details_url = call.field("details_url", run.details_url)
        run.external_id = call.field("external_id", run.external_id)

    async def change(self, call: Call) -> Answer:
        """Change a check run of one's own App."""
        call.writes()
        app = self._app(call)
        repository = await call.repository("write")
        run = self._find(call, repository)
        if run.app is not app:
            raise forbidden("Invalid app_id: check runs can only be modified by the GitHub App that created them.")
        self._fill(call, run)
        self._state.touch(repository)
        return Answer(self._shape(repository, run))

    @staticmethod
    def _find(call: Call, repository: Repository) -> CheckRun:
        run = repository.check_runs.get(call.number("check_run_id"))
        if run is None:
            raise not_found()
        return run

    async def get(self, call: Call) -> Answer:
        """Give a check run."""
        repository = await call.repository()
        return Answer(self._shape(repository, self._find(call, repository)))

    async def list(self, call: Call) -> Answer:
        """List the newest check run of each name (``filter=all``: all of them)."""
        repository = await call.repository()
        sha = await bare.resolve(repository.folder, call.parameter("ref"))
        if sha is None:
            raise invalid("Commit", "sha", "invalid", f"No commit found for SHA: {call.parameter('ref')}")
        wanted = call.query("check_name")
        found = [one for one in repository.check_runs.values() if one.head_sha == sha and wanted in {"", one.name}]
        if call.query("filter", "latest") == "latest":
            found = list({(one.app.id, one.name): one for one in found}.values())
        page, headers = call.page(found)
        runs = [self._shape(repository, one) for one in page]
        return Answer({"total_count": len(found), "check_runs": runs}, headers=headers)

    def _shape(self, repository: Repository, run: CheckRun) -> dict[str, Any]:
        """check-run."""
        own = f"{repository_address(self._state, repository)}/check-runs/{run.id}"
        html = f"{self._state.origin}/{repository.full_name}/runs/{run.id}"
        return {
            "id": run.id,
            "node_id": node_id("CR", run.id),
            "name": run.name,
            "head_sha": run.head_sha,
            "external_id": run.external_id or "",
            "url": own,
            "html_url": html,
            "details_url": run.details_url or html,
            "status": run.status,
            "conclusion": run.conclusion,
            "started_at": moment(run.started_at),
            "completed_at": moment(run.completed_at),
            "output": {
                "title": run.output.get("title"),
                "summary": run.output.get("summary"),
                "text": run.output.get("text"),
                "annotations_count": len(run.output.get("annotations") or []),
                "annotations_url": f"{own}/annotations",
            },
            "check_suite": {"id": run.app.id * 1_000_000 + repository.id},
            "app": app_shape(self._state, run.app),
            "pull_requests": [
                minimal_pull_shape(self._state, repository, pull)
                for pull in repository.pulls.values()
                if pull.is_open and pull.head_sha == run.head_sha
            ],
        }


def _moment(text: Any) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(str(text))
    except ValueError as wrong:
        raise invalid("CheckRun", "completed_at", "invalid") from wrong
