"""What we pack of a commit is what the real source-controller packs of it: same files, same digests."""

import asyncio
import hashlib
import io
import random
import tarfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web
from git_over_http import Content, Link, Upstream, _backend

from gitops_bot.models.tree import Tree
from gitops_bot.rules.artifact import pack
from gitops_bot.sandbox.cluster import Cluster

_SOURCES = "/apis/source.toolkit.fluxcd.io/v1/namespaces/{namespace}/gitrepositories/{name}"

EVERYDAY: Mapping[str, Content] = {
    "README.md": b"# fleet\n",
    ".gitignore": b"*.log\n",
    ".gitattributes": b"* text=auto\n",
    ".gitmodules": b"",
    "apps/.gitignore": b"x\n",
    ".github/workflows/ci.yaml": b"on: push\n",
    "apps/.github/CODEOWNERS": b"* @a\n",
    ".sops.yaml": b"creation_rules: []\n",
    "apps/.sops.yaml": b"creation_rules: []\n",
    "apps/web/deployment.yaml": b"kind: Deployment\n",
    "apps/web/logo.png": b"\x89PNG\r\n\x1a\n\x00",
    "apps/web/chart.tar.gz": b"\x1f\x8b",
    "apps/web/windows.yaml": b"a: b\r\n",
    "apps/web/.flux.yaml": b"a: b\n",
    "apps/web/name with spaces.yaml": b"a: b\n",
    "apps/web/n\u00e4me.yaml": b"a: b\n",
    "apps/[x]/a.yaml": b"a: b\n",
    "apps/web/-rf": b"a: b\n",
    "clusters/prod/kustomization.yaml": b"resources: []\n",
    "clusters/staging/kustomization.yaml": b"resources: []\n",
    "clusters/prod-old/kustomization.yaml": b"resources: []\n",
    "build/out/a.yaml": b"a: b\n",
    "docs/build/b.yaml": b"a: b\n",
    "docs/linked": Link(b"../build"),
    "apps/link.yaml": Link(b"web/deployment.yaml"),
}

# Name: (files on top of the everyday ones, spec of the source).
SCENES: Mapping[str, tuple[Mapping[str, Content], Mapping[str, Any]]] = {
    "defaults": ({}, {}),
    "spec-ignore": ({}, {"ignore": "/*\n!/apps\n# comment\n\n*.md\n"}),
    "spec-ignore-empty": ({}, {"ignore": "# nothing\n"}),
    "root-file": ({".sourceignore": b"build/\n*.png\n!logo.png\n"}, {}),
    "root-file-crlf": ({".sourceignore": b"build/\r\n*.yaml \r\n"}, {}),
    "nested-files": (
        {
            ".sourceignore": b"*.yaml\n",
            "apps/.sourceignore": b"!deployment.yaml\n/web/*.png\n",
            "apps/web/.sourceignore": b"windows.yaml\n!.flux.yaml\n",
        },
        {},
    ),
    "spec-over-file": ({".sourceignore": b"apps/\n"}, {"ignore": "!apps/web/\ndocs/**/b.yaml\n"}),
    "anchored": ({}, {"ignore": "/build\n/docs/build/\nclusters/*/kustomization.yaml\n!clusters/prod\n"}),
    "stars": (
        {},
        {"ignore": "**/web\n!**/web/*.yaml\napps/**\n!apps/**/deployment.yaml\n**\n!**/kustomization.yaml\n"},
    ),
    "stars-within": ({}, {"ignore": "apps/**b/x\napps/w**/deployment.yaml\nclu**\n"}),
    "classes": (
        {},
        {"ignore": "[a-b]*.png\n!apps/[^x]eb/\\[*\n\\[x\\]\nn?me.yaml\n[!a]\nclusters/pr[n-p]d/\n[]\n[a\n[z-a]\n"},
    ),
    "spaces": ({}, {"ignore": "name with spaces.yaml   \n -rf\ndeployment.yaml\\ \n   \n"}),
    "folders-only": ({}, {"ignore": "web/\nkustomization.yaml/\nREADME.md/\n!apps/web/\n"}),
    "sparse": ({}, {"sparseCheckout": ["./apps/web", "clusters/prod"]}),
    "sparse-and-ignored": ({"apps/.sourceignore": b"*.png\n"}, {"sparseCheckout": ["apps"], "ignore": "windows.yaml"}),
}


@asynccontextmanager
async def _http(root: Path) -> AsyncIterator[str]:
    async def handle(request: web.Request) -> web.StreamResponse:
        return await _backend(root, request)

    application = web.Application(client_max_size=64 << 20)
    application.router.add_route("*", "/{tail:.*}", handle)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _tree(files: Mapping[str, Content]) -> Tree:
    regular = {path: content for path, content in files.items() if isinstance(content, bytes)}
    return Tree(regular, links=frozenset(files.keys() - regular.keys()))


def _random_scene(seed: int) -> tuple[Mapping[str, Content], Mapping[str, Any]]:
    """Paths and patterns of few letters, so that they meet often."""
    chance = random.Random(seed)  # noqa: S311 # a test
    names = ["a", "b", "ab", "a.b", "b.a", "aa", "x[1]", "a b"]
    parts = ["a", "b", "ab", "*", "?", "**", "a*", "*b", "[ab]", "[^a]", "a.b", "*.?", "a**", "\\a", "[a-b]b", "x[[]*"]

    def patterns() -> str:
        lines = []
        for _ in range(chance.randint(1, 6)):
            middle = "/".join(chance.choice(parts) for _ in range(chance.choice([1, 1, 2, 2, 3])))
            lines.append(
                chance.choice(["", "", "!"]) + chance.choice(["", "", "/"]) + middle + chance.choice(["", "", "/"])
            )
        return "\n".join(lines)

    folders = {"/".join(chance.choice(names) for _ in range(chance.randint(1, 3))) for _ in range(14)}
    files: dict[str, Content] = {f"{folder}/{chance.choice(names)}.f": folder.encode() for folder in folders}
    for folder in chance.sample(sorted(folders), 3):
        files[f"{folder.split('/')[0]}/.sourceignore"] = patterns().encode()
    return files, {"ignore": patterns()} if chance.random() < 0.6 else {}


ALL_SCENES = {
    **{name: ({**EVERYDAY, **files}, spec) for name, (files, spec) in SCENES.items()},
    **{f"random-{seed}": _random_scene(seed) for seed in range(12)},
}


@pytest.fixture
def served(tmp_path: Path) -> Path:
    """A folder with acme/fleet.git, one branch for each scene."""
    repository = Upstream(tmp_path / "acme" / "fleet.git")
    for name, (files, _) in ALL_SCENES.items():
        repository.commit(f"refs/heads/{name}", files)
    return tmp_path


def _packed(cluster: Cluster, namespace: str, name: str) -> dict[str, str] | str:
    """Digest by path of the real artifact, or the reason why there is none."""
    found: list[Mapping[str, Any]] = []

    def there() -> bool:
        found[:] = [cluster.api.get(_SOURCES.format(namespace=namespace, name=name))]
        status = found[0].get("status") or {}
        return bool(status.get("artifact")) or any(
            condition["type"] == "FetchFailed" and condition["status"] == "True"
            for condition in status.get("conditions", ())
        )

    cluster.wait_until(there, seconds=60, what=f"GitRepository {name} is packed")
    status = found[0]["status"]
    if not status.get("artifact"):
        return next(condition["message"] for condition in status["conditions"] if condition["type"] == "FetchFailed")
    body = httpx.get(status["artifact"]["url"], trust_env=False).raise_for_status().content
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        members = [member for member in archive if member.isfile()]
        return {member.name: _digest(archive.extractfile(member).read()) for member in members}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _apply(cluster: Cluster, namespace: str, url: str, sources: Mapping[str, Mapping[str, Any]]) -> None:
    cluster.api.apply(
        [
            {
                "apiVersion": "source.toolkit.fluxcd.io/v1",
                "kind": "GitRepository",
                "metadata": {"name": name, "namespace": namespace},
                "spec": {"url": f"{url}/acme/fleet.git", "interval": "1h", "ref": {"branch": branch}, **spec},
            }
            for name, (branch, spec) in sources.items()
        ]
    )


async def test_what_we_pack_is_what_source_controller_packs(cluster: Cluster, namespace: str, served: Path) -> None:
    ours = {name: pack(_tree(files), spec) for name, (files, spec) in ALL_SCENES.items()}
    assert {name: artifact.reason for name, artifact in ours.items() if artifact.reason} == {}
    async with _http(served) as url:
        sources = {name: (name, spec) for name, (_, spec) in ALL_SCENES.items()}
        await asyncio.to_thread(_apply, cluster, namespace, url, sources)
        real = {name: await asyncio.to_thread(_packed, cluster, namespace, name) for name in ALL_SCENES}
    differing = {
        name: (ALL_SCENES[name][1], real[name], sorted(ours[name].tree))
        for name in ALL_SCENES
        if {path: _digest(content) for path, content in ours[name].tree.files.items()} != real[name]
    }
    assert differing == {}
    # Each scene leaves something out and keeps something, or it would prove nothing.
    kept = {name: len(ours[name].tree) for name in SCENES}
    assert all(0 < count < len(EVERYDAY) for count in kept.values()), kept
    decided = [
        name for name, (files, _) in ALL_SCENES.items() if name not in SCENES and len(files) > len(ours[name].tree)
    ]
    assert len(decided) >= 6, decided


async def test_a_sparse_folder_that_does_not_exist_is_said_to_fail(
    cluster: Cluster, namespace: str, served: Path
) -> None:
    spec = {"sparseCheckout": ["apps", "nowhere"]}
    async with _http(served) as url:
        await asyncio.to_thread(_apply, cluster, namespace, url, {"nowhere": ("defaults", spec)})
        real = await asyncio.to_thread(_packed, cluster, namespace, "nowhere")
    assert isinstance(real, str)
    assert "nowhere" in real
    assert pack(_tree(EVERYDAY), spec).reason == "spec.sparseCheckout names nowhere, which does not exist"


@pytest.mark.parametrize(
    ("spec", "links", "reason"),
    [
        ({"include": [{"repository": {"name": "other"}}]}, (), "spec.include copies files from other sources into it"),
        ({"recurseSubmodules": True}, (), "spec.recurseSubmodules brings files of other repositories"),
        ({}, ("apps/.sourceignore",), "apps/.sourceignore is a symbolic link or too large to read"),
    ],
)
def test_what_cannot_be_packed_as_the_source_does_has_a_reason(
    spec: Mapping[str, Any], links: tuple[str, ...], reason: str
) -> None:
    assert pack(Tree({"a.yaml": b""}, links=frozenset(links)), spec).reason == reason
