"""`gitops-bot diff` as a person types it, in a terminal of 100 columns, against a real cluster."""

import asyncio
import fcntl
import json
import os
import pty
import re
import secrets
import struct
import subprocess
import sys
import termios
import threading
from pathlib import Path
from typing import Any

import pytest

from gitops_bot.sandbox.fleet.checkout import Checkout, with_credentials
from gitops_bot.sandbox.kubernetes_api import KubernetesApi
from gitops_bot.sandbox.observer import Observer

pytestmark = pytest.mark.timeout(600)

COLUMNS, ROWS = 100, 50
OBJECT = "Deployment/podinfo/podinfo"


@pytest.fixture(scope="module")
def pull_request(world: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> str:
    """A newer image and another setting for podinfo, and a label by hand beside it; gives the address."""
    api = KubernetesApi.from_kubeconfig(Path(world["kubernetes"]["kubeconfig"]))
    # The world has such a label from the start, until a test merges something and Flux takes it away.
    path = "/apis/apps/v1/namespaces/podinfo/deployments/podinfo"
    api.patch(path, {"metadata": {"labels": {"on-call": "robin"}}}, manager="kubectl-label")
    api.close()
    return asyncio.run(_opened(world, tmp_path_factory.mktemp("clone")))


async def _opened(world: dict[str, Any], folder: Path) -> str:
    async with Observer(world) as observer:
        github = observer.github
        url = f"{github['git_url']}/{observer.repository}.git"
        address = with_credentials(url, observer.author, github["tokens"][observer.author])
        checkout = Checkout.of_repository(address, folder / "fleet", address, author=observer.author)
        branch = f"newer-{secrets.token_hex(4)}"
        checkout.run("checkout", "--quiet", "-B", branch)
        deployment = checkout.folder / "apps" / "base" / "podinfo" / "deployment.yaml"
        deployment.write_text(re.sub(r"(podinfo:\d+\.\d+\.)\d+", r"\g<1>99", deployment.read_text()))
        config = checkout.folder / "apps" / "base" / "podinfo" / "config.yaml"
        config.write_text(config.read_text().replace("\ndata:\n", "\ndata:\n  PODINFO_MOOD: calm\n"))
        checkout.commit("Newer podinfo")
        checkout.push(branch)
        number = await observer.open_pull_request(branch, "Update podinfo", "")
        return f"{github['html_url']}/{observer.repository}/pull/{number}"


def command(world: dict[str, Any], url: str, *options: str) -> list[str]:
    return [sys.executable, "-m", "gitops_bot", "diff", url, "--settings", world["settings_file"], *options]


def environment(folder: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "GITOPS_BOT_STORE__FOLDER": str(folder), "TERM": "xterm-256color", **more}


def piped(
    world: dict[str, Any], folder: Path, url: str, *options: str, **more: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(world, url, *options),
        capture_output=True,
        text=True,
        env=environment(folder, **more),
        check=False,
    )


def on_a_terminal(world: dict[str, Any], folder: Path, url: str) -> tuple[int, str]:
    """Give the exit code and what stands on the screen, standard error elsewhere."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    seen: list[bytes] = []

    def read() -> None:
        while True:
            try:
                seen.append(os.read(ours, 65536))
            except OSError:
                return

    reader = threading.Thread(target=read)
    reader.start()
    process = subprocess.Popen(
        command(world, url),
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        env=environment(folder, PAGER="false"),
        start_new_session=True,
    )
    os.close(theirs)
    code = process.wait(240)
    reader.join(10)
    os.close(ours)
    return code, b"".join(seen).decode().replace("\r\n", "\n")


def test_one_screen_says_what_a_reviewer_needs(world: dict[str, Any], pull_request: str, tmp_path: Path) -> None:
    code, seen = on_a_terminal(world, tmp_path, pull_request)
    assert code == 10, seen
    assert "\x1b[" in seen
    lines = re.sub(r"\x1b\[[0-9;]*m", "", seen).splitlines()
    assert len(lines) < ROWS
    assert max(map(len, lines)) <= COLUMNS
    text = "\n".join(lines)
    for said in (
        "Update podinfo",
        "objects change",
        "nothing is deleted",
        "The cluster accepts it.",
        f"± {OBJECT} changes",
    ):
        assert said in text
    assert re.search(r"- \S+podinfo:\d+\.\d+\.\d+\n\s+\+ \S+podinfo:\d+\.\d+\.99(\n|$)", text)


def test_one_object_before_and_after(world: dict[str, Any], pull_request: str, tmp_path: Path) -> None:
    done = piped(world, tmp_path, pull_request, "--object", OBJECT)
    assert done.returncode == 10, done.stderr
    assert re.search(r"\n     -\s+image: \S+podinfo:\S+\n     \+\s+image: \S+podinfo:\S+99\n", done.stdout)
    # Before is what lives in the cluster, where somebody has set a label by hand.
    assert "metadata.labels.on-call: drift that was there before" in done.stdout
    assert re.search(r"\n     -\s+on-call: ", done.stdout)
    missing = piped(world, tmp_path, pull_request, "--object", "Deployment/podinfo/other")
    assert missing.returncode == 1
    assert f"it has: ConfigMap/podinfo/podinfo, {OBJECT}" in " ".join(missing.stderr.split())


def test_what_settings_hide_is_counted_and_still_a_change(
    world: dict[str, Any], pull_request: str, tmp_path: Path
) -> None:
    fields = [{"paths": ["/spec/template/spec/containers/podinfo/image"], "kind": "Deployment"}]
    noise = {"GITOPS_BOT_NOISE__FIELDS": json.dumps(fields), "GITOPS_BOT_NOISE__KINDS": '["ConfigMap"]'}
    done = piped(world, tmp_path, pull_request, "--output", "json", **noise)
    assert done.returncode == 10, done.stderr
    report = json.loads(done.stdout)
    assert report["verdict"] == "changes"
    assert report["summary"] == "Nothing changes but what your settings hide"
    (row,) = [row for row in report["clusters"][0]["kustomizations"] if row["hidden"]]
    # What somebody did by hand is left.
    left = [(field["path"], field["origin"]) for change in row["changes"] for field in change["fields"]]
    assert {origin for _, origin in left} <= {"drift"}
    assert row["hidden"] == [
        {"setting": "noise.fields[0]", "fields": 1, "objects": 0},
        {"setting": "noise.kinds[0]", "fields": 0, "objects": 1},
    ]
