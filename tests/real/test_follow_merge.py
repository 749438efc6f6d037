"""After the merge: the real controllers apply it, and the message says whether that ended as the report said."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from bot_process import BotProcess, Fleet
from real_cluster import running_world
from typer.testing import CliRunner
from waiting import eventually

from gitops_bot.cli import app
from gitops_bot.sandbox.kubernetes_api import KubernetesApi
from gitops_bot.sandbox.observer import Observer

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

DEPLOYMENT = "apps/base/podinfo/deployment.yaml"
# In the selector, which is immutable, and in the labels of the Pods.
SELECTED = "      app.kubernetes.io/name: podinfo"
PODINFO = "/apis/apps/v1/namespaces/podinfo/deployments/podinfo"


@pytest.fixture(scope="module")
def description(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    with running_world(tmp_path_factory.mktemp("merges") / "world") as world:
        yield world


class Scene:
    """A bot that has looked once, somebody's clone, and the cluster."""

    def __init__(self, observer: Observer, bot: BotProcess, fleet: Fleet, cluster: KubernetesApi) -> None:
        self.observer, self.bot, self.fleet, self.cluster = observer, bot, fleet, cluster

    async def says(self, number: int, *words: str, seconds: float = 120) -> str:
        """Wait until the message about a pull request says something; give all of its text."""
        texts: list[str] = []

        async def said() -> bool:
            texts[:] = [message.text for message in await self.observer.messages_about(number)]
            return any(all(word in text for word in words) for text in texts)

        try:
            await eventually(said, f"#{number} says {words}", seconds)
        except AssertionError as missed:
            raise AssertionError(f"{missed}; it says {texts}; {self.bot.log()[-1500:]}") from None
        assert len(texts) == 1
        return texts[0]

    async def merge(self, number: int) -> None:
        observer = self.observer
        path = f"/repos/{observer.repository}/pulls/{number}/merge"
        await observer.call_github("PUT", path, login=observer.reviewer, body={"merge_method": "squash"})


@pytest.fixture
async def scene(description: dict[str, Any], tmp_path: Path) -> AsyncIterator[Scene]:
    bot = BotProcess(description, tmp_path)
    kubeconfig = description["kubernetes"]["kubeconfig"]
    async with Observer(description) as observer:
        looked = await observer.looks_of_bot()
        await bot.start()

        async def has_looked() -> bool:
            return await observer.looks_of_bot() > looked

        await eventually(has_looked, "the first look", 60)
        cluster = KubernetesApi.from_kubeconfig(Path(kubeconfig))
        try:
            yield Scene(observer, bot, Fleet(observer, tmp_path / "clone"), cluster)
        finally:
            cluster.close()
            await bot.close()


async def test_a_merge_is_followed_until_it_is_applied_as_reported(scene: Scene, tmp_path: Path) -> None:
    await scene.fleet.push("green", "green")
    number = await scene.observer.open_pull_request("green", "Paint it green", "")
    await scene.says(number, "1 object")
    await scene.merge(number)
    await scene.says(number, "applied", "as reported")
    settings = tmp_path / "settings.yaml"
    settings.write_text(f"clusters: [{{name: production}}]\nstore: {{folder: {tmp_path / 'bot'}}}\n", encoding="utf-8")
    told = await asyncio.to_thread(CliRunner().invoke, app, ["accuracy", "--settings", str(settings)])
    assert "1 of 1 (100.0%)" in told.output


async def test_what_somebody_took_out_of_fluxs_hands_meanwhile_did_not_end_as_reported(scene: Scene) -> None:
    await scene.fleet.push("blue", "blue")
    number = await scene.observer.open_pull_request("blue", "Paint it blue", "")
    await scene.says(number, "1 object")
    hands_off = {"metadata": {"annotations": {"kustomize.toolkit.fluxcd.io/reconcile": "disabled"}}}
    scene.cluster.patch(PODINFO, hands_off, manager="somebody")
    try:
        await scene.merge(number)
        await scene.says(number, "did not end as reported", "Deployment/podinfo/podinfo")
    finally:
        given_back = {"metadata": {"annotations": {"kustomize.toolkit.fluxcd.io/reconcile": None}}}
        scene.cluster.patch(PODINFO, given_back, manager="somebody")


async def test_what_flux_cannot_apply_is_said_in_its_own_words_until_it_is_mended(scene: Scene) -> None:
    await scene.fleet.change("broken", DEPLOYMENT, SELECTED, SELECTED.replace("podinfo", "other"))
    number = await scene.observer.open_pull_request("broken", "Another selector", "")
    await scene.says(number, "immutable")
    await scene.merge(number)
    await scene.says(number, "Flux cannot apply", "immutable")
    await scene.fleet.change("mended", DEPLOYMENT, SELECTED.replace("podinfo", "other"), SELECTED)
    mended = await scene.observer.open_pull_request("mended", "The selector as it was", "")
    # The base branch is broken, and of what mends it there is a message all the same.
    await scene.says(mended, "The selector as it was", "podinfo")
    await scene.merge(mended)
    await scene.says(number, "applied at")
