"""The guard is taken away while the shipped bot runs: nothing is compared, and who should know hears of it."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from bot_process import BotProcess, Fleet
from real_cluster import running_world
from waiting import eventually

from gitops_bot.sandbox.kubernetes_api import ApiRefused, KubernetesApi
from gitops_bot.sandbox.observer import Observer

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

POLICIES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
NAME = "gitops-bot-diff-dry-run-only"
# Seconds: each push makes flux run and the API server answer.
BETWEEN_PUSHES = 10.0
ROLES = "/apis/rbac.authorization.k8s.io/v1"


def too_much() -> list[dict[str, Any]]:
    """Let the diff identity act as anybody."""
    version = "rbac.authorization.k8s.io/v1"
    rule = {"apiGroups": [""], "resources": ["users"], "verbs": ["impersonate"]}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "too-much"}
    subject = {"kind": "ServiceAccount", "name": "gitops-bot-diff", "namespace": "gitops-bot"}
    metadata = {"name": "too-much"}
    return [
        {"apiVersion": version, "kind": "ClusterRole", "metadata": metadata, "rules": [rule]},
        {
            "apiVersion": version,
            "kind": "ClusterRoleBinding",
            "metadata": metadata,
            "roleRef": reference,
            "subjects": [subject],
        },
    ]


@pytest.fixture(scope="module")
def description(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    with running_world(tmp_path_factory.mktemp("guard") / "world") as world:
        yield world


async def nothing_is_compared(observer: Observer, fleet: Fleet, number: int, bot: BotProcess) -> None:
    """Push until the message says so: a proof is believed for a minute, and the first reports may be made with it."""
    pushed, at = ["first"], time.monotonic()

    async def is_missed() -> bool:
        nonlocal at
        messages = await observer.messages_about(number)
        if time.monotonic() > at + BETWEEN_PUSHES and any(message.says(pushed[-1]) for message in messages):
            pushed.append(f"again-{len(pushed)}")
            await fleet.push("unguarded", pushed[-1])
            at = time.monotonic()
        return any(message.says("a write of the diff identity is not refused") for message in messages)

    await eventually(is_missed, f"nothing is compared: {bot.log()[-2000:]}", 240)


async def test_readiness_metric_and_channel_tell_and_take_it_back(description: dict[str, Any], tmp_path: Path) -> None:
    name = "production"
    api = KubernetesApi.from_kubeconfig(Path(description["kubernetes"]["kubeconfig"]))
    bot = BotProcess(description, tmp_path)
    subject, metric = f"guard of {name}", f'gitops_bot_guard_proved{{cluster="{name}"}}'
    async with Observer(description) as observer:

        async def ready() -> bool:
            return any(line.get("event") == "serving health and metrics" for line in bot.lines()) and (
                not await bot.problems()
            )

        async def channel_says(*words: str) -> bool:
            return any(message.says(*words) for message in await observer.messages())

        async def shows(value: str) -> bool:
            return f"{metric} {value}" in (await bot.read("/metrics")).text

        policy = await asyncio.to_thread(api.get, f"{POLICIES}/{NAME}")
        assert policy is not None
        try:
            await bot.start()
            await eventually(ready, "the bot is ready", 120)
            await eventually(lambda: shows("1.0"), "the guard is proved at the start", 60)
            await asyncio.to_thread(api.call, "DELETE", f"{POLICIES}/{NAME}")
            fleet = Fleet(observer, tmp_path / "clone")
            await fleet.push("unguarded", "first")
            number = await observer.open_pull_request("unguarded", "Paint it", "")

            await nothing_is_compared(observer, fleet, number, bot)
            await eventually(lambda: channel_says(subject, "are not refused"), "the channel hears of it", 60)
            assert await shows("0.0")
            assert subject in await bot.problems()
            assert (await bot.read("/readyz")).status_code == 503
            metadata = {"name": NAME}
            await asyncio.to_thread(api.apply, too_much())
            await asyncio.to_thread(api.apply, [{**policy, "metadata": metadata, "status": None}])
            canary = "/api/v1/namespaces/gitops-bot/configmaps/gitops-bot-guard-canary"

            async def is_refused_for_a_right() -> bool:
                # Each proof leaves one, until the policy is in force again.
                with suppress(ApiRefused):
                    await asyncio.to_thread(api.call, "DELETE", canary)
                return "impersonate users" in (await bot.problems()).get(subject, "")

            # The policy stands again, and helps nobody while somebody can walk around it.
            await eventually(is_refused_for_a_right, "the right is found", 60)
            assert "Take these rights away" in (await bot.problems())[subject]
            assert (await bot.read("/readyz")).status_code == 503
            assert await shows("0.0")
            await asyncio.to_thread(api.call, "DELETE", f"{ROLES}/clusterrolebindings/too-much")
            await eventually(lambda: channel_says(subject, "It works again"), "the channel hears that it is over", 120)
            await eventually(ready, "the bot is ready again", 60)
            assert await shows("1.0")
        finally:
            await bot.close()
            api.close()
