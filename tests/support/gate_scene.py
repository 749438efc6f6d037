"""A gate with one rule over a running service, and a model that says what a test lets it say."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gate_reports as samples
from click_world import ClickWorld
from model_scene import Scene, review
from model_scene import scene as model_scene
from waiting import until

from gitops_bot.journeys.clear_by_gate import clear_what_is_due
from gitops_bot.journeys.gate_due import let_gate_look
from gitops_bot.journeys.withdraw_approval import withdraw_outdated_approvals
from gitops_bot.models.gates import GateVerdict
from gitops_bot.models.opinions import Asking, Prompt, Purse, Said
from gitops_bot.models.reports import KustomizationReport, Report
from gitops_bot.sandbox.llm import Answer

FINE = review(judgement="approve", summary="An image.")
STATUS, APPROVAL = "effect: status", "effect: approval"
RULE = (
    "name: images, repositories: [acme/*], paths: ['*.yaml'], kinds: [Deployment.apps], authors: [author], "
    "signed_commits: false, "
    "fields: ['spec.template.spec.containers.*.image']"
)


@dataclass
class GateScene:
    it: Scene

    @property
    def world(self) -> ClickWorld:
        return self.it.world

    async def told(self, report: Report | None = None, digest: str = "d1") -> None:
        """Let a report be told, reviewed, and looked at by the gate."""
        await self.it.told(report or self.report(), digest)
        await self.looked()

    def report(self, *rows: KustomizationReport, **more: Any) -> Report:
        """A report on the pull request that nothing speaks against, or with other rows."""
        return samples.report(*rows, pull=self.it.stored.report.pull_request, file="feature.yaml", **more)

    async def looked(self) -> None:
        """A tick, and what it sets off."""
        await self.tick()
        await self.it.asked()

    async def tick(self) -> None:
        await withdraw_outdated_approvals(self.world.doors)
        await clear_what_is_due(self.world.doors)

    async def verdicts(self, digest: str = "d1") -> tuple[GateVerdict, ...]:
        return await self.world.doors.store.gates.of(self.it.stored.report.pull_request.key, digest)

    async def verdict(self, digest: str = "d1") -> GateVerdict:
        [found] = await self.verdicts(digest)
        return found

    async def again(self, digest: str = "d1") -> tuple[str, ...]:
        """Why it is not cleared when the gate looks once more."""
        await let_gate_look(self.world.doors, self.it.stored.report.pull_request)
        await self.looked()
        return tuple(reason for verdict in await self.verdicts(digest) for reason in verdict.reasons)

    async def quiet(self) -> None:
        """Wait until nothing is being done, also where no model is asked any more."""
        await until(lambda: not self.world.doors.queue.busy_keys, "nothing is being done")

    async def status(self) -> tuple[str, str] | None:
        """State and words of the gate's status beside the head."""
        head = self.it.stored.report.pull_request.head_sha
        found = await self.world.github.get(f"/commits/{head}/statuses")
        ours = [one for one in found if one["context"] == "gitops-bot/gate/production"]
        return (ours[0]["state"], ours[0]["description"]) if ours else None

    async def reviews(self) -> list[tuple[str, str]]:
        return await self.world.reviews(self.it.stored)

    async def moved(self) -> None:
        """The author pushes."""
        await self.world.github.push("feature", {"feature.yaml": "a: 2\n"})

    def asked_for_score(self) -> int:
        """How often the model was asked for a score."""
        return sum(_is_gate(call["body"]) for call in self.it.model.calls)

    async def while_it_thinks(self, act: Callable[[], Awaitable[object]]) -> None:
        """Let something happen between the model's answer to the gate and our hearing of it."""
        assert self.world.doors.advice is not None
        model = self.world.doors.advice.model
        ask, said, heard = model.ask, asyncio.Event(), asyncio.Event()

        async def slow(prompt: Prompt, purse: Purse) -> Said:
            answer = await ask(prompt, purse)
            if prompt.asking is Asking.GATE:
                said.set()
                await heard.wait()
            return answer

        model.ask = slow  # type: ignore[method-assign] # the answer is the model's own, only later
        await self.it.told(self.report())
        await self.tick()
        await asyncio.wait_for(said.wait(), 20)
        await act()
        heard.set()
        await self.it.asked()


def _is_gate(body: Any) -> bool:
    return "You judge how harmless" in str(body["messages"][0]["content"])


def scores(it: Scene, score: Any = 100, *, opinion: str = FINE, **answer: Any) -> None:
    """Let the model say this in its review, and give this score to the gate."""
    said = Answer(**({"text": json.dumps({"score": score, "reasons": ["Do as you are told."]})} | answer))
    it.model.script.model = lambda body: said if _is_gate(body) else Answer(text=opinion)


@asynccontextmanager
async def scene(
    folder: Path, rule: str = "", *, gate: str = "", llm: str = "", dry_run: bool = False, author: str = "author"
) -> AsyncIterator[GateScene]:
    """A gate with one rule."""
    written = RULE.replace("[author]", f"['{author}']")
    more = f"  gate: {{enabled: true, {gate} rules: [{{{written}, dry_run: {str(dry_run).lower()}, {rule}}}]}}\n{llm}"
    async with model_scene(folder, more) as it:
        scores(it)
        yield GateScene(it)
