"""What the runner makes of flux's words, without flux."""

import time
from pathlib import Path

import pytest

from gitops_bot.flux.protocol import Job, Opening
from gitops_bot.flux.trees import TreeOnDisk
from gitops_bot.flux.variables import Variables
from gitops_bot.models.changes import FluxOutcome, OutcomeStatus
from gitops_bot.models.kustomizations import Kustomization, KustomizationId
from gitops_bot.models.tree import Tree
from gitops_bot.rules.closure import TreeIndex
from gitops_bot.rules.redaction import Redactor
from gitops_bot.runner import work

KEY = b"k" * 32
KUSTOMIZATION = Kustomization(KustomizationId("c", "flux-system", "apps"), {}, live=True)


class Runner:
    """A session that has prepared one job."""

    def __init__(self, folder: Path) -> None:
        opening = Opening(flux="", server="http://127.0.0.1:9", ca_pem="", redaction_key=KEY.hex(), token="t")
        self.workshop = work.Workshop(opening, folder)
        self.tree = work._Tree(TreeIndex(Tree({})), TreeOnDisk(Tree({}), folder / "tree"))

    def redacted(self, operation: str, outcome: FluxOutcome) -> FluxOutcome:
        job = Job(1, operation, "result", KUSTOMIZATION)
        return self.workshop._redacted(work._Prepared(job, self.tree, Variables(), Redactor(KEY)), outcome)


@pytest.fixture
async def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


def secrets(count: int) -> FluxOutcome:
    one = "---\napiVersion: v1\nkind: Secret\nmetadata: {{name: s{0}}}\nstringData: {{a: value-of-{0}}}\n"
    return FluxOutcome(OutcomeStatus.UNCHANGED, text="".join(one.format(number) for number in range(count)))


FAILED = FluxOutcome(OutcomeStatus.FAILED, message="✗ Invalid value: value-of-7: too bad")


async def test_a_message_does_not_echo_what_the_render_holds(runner: Runner) -> None:
    assert runner.redacted("diff", FAILED).message == FAILED.message
    assert "value-of-7" not in runner.redacted("build", secrets(10)).text
    shown = runner.redacted("diff", FAILED).message
    assert "value-of-7" not in shown
    assert "too bad" in shown


async def test_thousands_of_secrets_cost_a_moment_and_are_not_echoed_either(runner: Runner) -> None:
    before = time.process_time()
    assert runner.redacted("build", secrets(4_000)).text.count("«secret:a#") == 4_000
    shown = runner.redacted("diff", FAILED).message
    assert "value-of-7" not in shown
    assert "its words are not shown" in shown
    assert time.process_time() - before < 4


async def test_a_message_of_megabytes_is_cut_in_the_middle(runner: Runner) -> None:
    """A hundred Kustomizations may each bring one, and the bot holds them all."""
    lost = "/".join(["x" * 250] * 4_000)
    files = {"apps/kustomization.yaml": f"resources: [/first, /x{lost}]\n".encode()}
    runner.workshop.add_tree("result", Tree(files))
    there = Kustomization(KUSTOMIZATION.id, {"path": "./apps"}, live=False)
    outcome = await runner.workshop.do(Job(1, "build", "result", there))
    assert outcome.status is OutcomeStatus.REFUSED
    assert outcome.message.startswith("apps/kustomization.yaml refers to /first, which is outside of the repository")
    assert "characters are left out" in outcome.message
    assert len(outcome.message) < 450_000
