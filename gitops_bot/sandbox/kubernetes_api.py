"""A small client of the Kubernetes API, for setting a cluster up and for looking at it.

The sandbox does not use the bot's own way to Kubernetes: what it finds must not depend on what it tests.
"""

import json
import ssl
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import httpx
import yaml

from gitops_bot.sandbox.errors import SandboxError

Document = Mapping[str, Any]

_TIMEOUT = 30.0
_OK = range(200, 300)


class ApiRefused(SandboxError):
    """The API server refused; ``status`` is the HTTP status, the text its own message."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class KubernetesApi:
    """One cluster, one identity. Can be used from several threads at once."""

    def __init__(self, url: str, ca_file: Path, token: str) -> None:
        context = ssl.create_default_context(cafile=str(ca_file))
        self._client = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            verify=context,
            timeout=_TIMEOUT,
            trust_env=False,
        )
        self._resources: dict[str, list[dict[str, Any]]] = {}

    @classmethod
    def from_kubeconfig(cls, file: Path) -> Self:
        """Use the current context of a kubeconfig that this sandbox wrote (CA file and token)."""
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
        return cls(cluster["server"], Path(cluster["certificate-authority"]), user["token"])

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def is_ready(self) -> bool:
        """Tell whether the API server says that it is ready."""
        try:
            return self._client.get("/readyz").status_code in _OK
        except httpx.TransportError:
            return False

    def call(
        self, method: str, path: str, *, body: Any = None, media: str = "application/json", **query: str
    ) -> dict[str, Any]:
        """Make one request; ApiRefused carries the API server's words, SandboxError that there was no answer."""
        try:
            answer = self._client.request(
                method,
                path,
                params=query,
                content=None if body is None else json.dumps(body),
                headers={} if body is None else {"Content-Type": media},
            )
        except httpx.TransportError as error:
            raise SandboxError(f"{method} {path}: no answer from the API server: {error}") from error
        if answer.status_code not in _OK:
            try:
                message = answer.json()["message"]
            except (ValueError, KeyError, TypeError):
                message = answer.text[:300]
            raise ApiRefused(f"{method} {path}: {message}", answer.status_code)
        result: dict[str, Any] = answer.json()
        return result

    def get(self, path: str) -> dict[str, Any] | None:
        """Read one object or list; None when it is not there."""
        try:
            return self.call("GET", path)
        except ApiRefused as error:
            if error.status == httpx.codes.NOT_FOUND:
                return None
            raise

    def path_of(self, document: Document) -> str:
        """Give the address of an object, as the API server's discovery tells it."""
        version, kind = str(document["apiVersion"]), str(document["kind"])
        base = f"/api/{version}" if "/" not in version else f"/apis/{version}"
        matching = [found for found in self._discover(base) if found["kind"] == kind and "/" not in found["name"]]
        if not matching:
            # Not remembered: a definition may arrive.
            self._resources.pop(base, None)
            raise ApiRefused(f"no matches for kind {kind} in version {version}", httpx.codes.NOT_FOUND)
        metadata = document["metadata"]
        resource, name = matching[0]["name"], quote(str(metadata["name"]), safe="")
        if not matching[0]["namespaced"]:
            return f"{base}/{resource}/{name}"
        return f"{base}/namespaces/{metadata.get('namespace', 'default')}/{resource}/{name}"

    def _discover(self, base: str) -> list[dict[str, Any]]:
        if base not in self._resources:
            found = self.get(base)
            if found is None:
                return []
            self._resources[base] = found["resources"]
        return self._resources[base]

    def apply(
        self, documents: Iterable[Document], *, manager: str = "gitops-bot-sandbox", dry_run: bool = False
    ) -> None:
        """Apply objects on the server's side, definitions and namespaces first; waits for nothing."""
        rank = {"CustomResourceDefinition": 0, "Namespace": 1}
        for document in sorted(documents, key=lambda item: rank.get(str(item["kind"]), 2)):
            self.call(
                "PATCH",
                self.path_of(document),
                body=document,
                media="application/apply-patch+yaml",
                fieldManager=manager,
                force="true",
                **({"dryRun": "All"} if dry_run else {}),
            )

    def patch(self, path: str, change: Mapping[str, Any], *, manager: str) -> dict[str, Any]:
        """Merge a change into an object as a person does with kubectl edit or kubectl label."""
        return self.call("PATCH", path, body=change, media="application/merge-patch+json", fieldManager=manager)

    def definitions_are_established(self, names: Iterable[str]) -> bool:
        """Tell whether the API server serves these CustomResourceDefinitions."""
        base = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        return all(has_condition(self.get(f"{base}/{name}"), "Established") for name in names)

    def service_account_token(self, namespace: str, name: str, seconds: int) -> str:
        """Ask for a token of a ServiceAccount (TokenRequest)."""
        answer = self.call(
            "POST",
            f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token",
            body={
                "apiVersion": "authentication.k8s.io/v1",
                "kind": "TokenRequest",
                "spec": {"expirationSeconds": seconds},
            },
        )
        return str(answer["status"]["token"])


def has_condition(found: Mapping[str, Any] | None, condition: str) -> bool:
    """Tell whether an object has a condition of this type that is true for its present generation."""
    if found is None:
        return False
    generation = found["metadata"].get("generation", 0)
    return any(
        entry["type"] == condition
        and entry["status"] == "True"
        and entry.get("observedGeneration", generation) >= generation
        for entry in found.get("status", {}).get("conditions") or []
    )


# Flux's definitions alone are some 200 kB: ten times as long for the loader that is written in Python.
_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_documents(text: str) -> list[dict[str, Any]]:
    """Read YAML documents, leaving out empty ones."""
    return [document for document in yaml.load_all(text, Loader=_Loader) if document]
