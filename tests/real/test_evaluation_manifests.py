"""The manifests of the made-up pull requests are such as an API server takes, and refuses where the case says so."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from gitops_bot.rules.evaluation_cases import with_patches
from gitops_bot.sandbox.cluster import Cluster
from gitops_bot.sandbox.kubernetes_api import ApiRefused

FOLDER = Path(__file__).parents[1] / "evaluation"
# Of other projects, whose definitions are not in this cluster.
UNKNOWN = {
    "Certificate", "ExternalSecret", "Gateway", "HTTPRoute", "HelmRelease", "HelmRepository", "ServiceMonitor",
}  # fmt: skip
# This server runs without --allow-privileged, other than those of people's clusters.
PRIVILEGED = "privileged: Forbidden: disallowed by cluster policy"


def both_sides(case: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    text = (FOLDER / "templates" / f"{case['template']}.yaml").read_text(encoding="utf-8")
    before = with_patches([*yaml.safe_load_all(text)], case.get("before", []))
    return before, with_patches(before, case["after"])


def here(document: dict[str, Any], namespace: str) -> dict[str, Any]:
    """Put an object into the namespace of a test."""
    metadata = document["metadata"]
    return {**document, "metadata": {**metadata, "namespace": namespace}} if "namespace" in metadata else document


def refusals(cluster: Cluster, documents: list[Any], namespace: str) -> Iterator[str]:
    for document in documents:
        if document["kind"] in UNKNOWN:
            continue
        moved = here(document, namespace)
        try:
            cluster.api.call(
                "PATCH",
                cluster.api.path_of(moved),
                body=moved,
                media="application/apply-patch+yaml",
                fieldManager="kustomize-controller",
                force="true",
                dryRun="All",
                fieldValidation="Strict",
            )
        except ApiRefused as error:
            if not str(error).endswith(PRIVILEGED):
                yield f"{document['kind']}/{document['metadata']['name']}: {error}"


def test_an_api_server_takes_them_all_and_refuses_what_the_case_says(cluster: Cluster, namespace: str) -> None:
    wrong, refused = [], 0
    for file in sorted((FOLDER / "cases").glob("*.yaml")):
        case = yaml.safe_load(file.read_text(encoding="utf-8"))
        before, after = both_sides(case)
        wrong += [f"{file.stem}, before: {words}" for words in refusals(cluster, before, namespace)]
        expected = " ".join(case.get("refused", "").split())
        if expected:
            refused += 1
            # What is refused may be so only because of what is there.
            subject, _, words = expected.partition(" dry-run failed (Invalid): ")
            kind, _, name = subject.split("/")
            stays = [one for one in before if (one["kind"], one["metadata"]["name"]) == (kind, name)]
            cluster.api.apply([here(one, namespace) for one in stays])
            told = [*refusals(cluster, after, namespace)]
            cluster.api.call("DELETE", cluster.api.path_of(here(stays[0], namespace)))
            said = [" ".join(one.split()) for one in told]
            assert len(said) == 1, (file.stem, said)
            assert said[0].endswith(words), (file.stem, said[0], words)
        else:
            wrong += [f"{file.stem}, after: {words}" for words in refusals(cluster, after, namespace)]
    assert wrong == []
    assert refused >= 3
