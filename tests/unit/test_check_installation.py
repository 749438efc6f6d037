"""What ``gitops-bot check`` says of the guard and of the runner."""

import pytest

from gitops_bot.journeys.check_installation import judge_guard, judge_runner
from gitops_bot.models.checks import CheckState, GuardState, RunnerFacts


@pytest.mark.parametrize(
    ("guard", "state", "says"),
    [
        (GuardState(proved=True), CheckState.GOOD, "are refused"),
        (GuardState(proved=True, unasked_namespaces=7), CheckState.WARNING, "in 7 of the namespaces"),
        (GuardState(proved=False, reason="the write was accepted"), CheckState.BAD, "are not refused: the write was"),
        (GuardState(proved=False, reason="too old", accepted=True), CheckState.WARNING, "nothing keeps flux from"),
        # Accepted, and there all the same.
        (GuardState(proved=True, accepted=True), CheckState.GOOD, "are refused"),
    ],
)
def test_a_guard_that_is_not_proved_is_never_called_good(guard: GuardState, state: CheckState, says: str) -> None:
    check = judge_guard("production", guard)
    assert (check.subject, check.state) == ("cluster production: guard", state)
    assert says in check.seen
    assert bool(check.advice) is (state is not CheckState.GOOD)


def test_a_runner_with_a_network_of_its_own_lacks_nothing() -> None:
    (only,) = judge_runner(RunnerFacts("https://gitops-bot-runner:8443", "2.9.5", 6, own_network=True))
    assert (only.state, only.seen) == (CheckState.GOOD, "https://gitops-bot-runner:8443, flux 2.9.5")


def test_what_a_sidecar_and_an_old_kernel_lack_is_said() -> None:
    first, network, kernel = judge_runner(RunnerFacts("https://127.0.0.1:8443", "2.9.5", 0, own_network=False))
    assert first.state is CheckState.GOOD
    assert (network.state, kernel.state) == (CheckState.WARNING, CheckState.WARNING)
    assert "a NetworkPolicy selects Pods" in network.seen
    assert "config/runner" in network.advice
    assert "Landlock" in kernel.seen
