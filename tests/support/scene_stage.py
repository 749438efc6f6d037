"""A stage for scenes: one Kustomization on a real API server, applied by the real kustomize-controller.

The trees are handed to the controller as artifacts of a suspended GitRepository (so that
source-controller leaves its status alone), which saves a git server and most of the waiting.
"""

import gzip
import hashlib
import io
import itertools
import os
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from gitops_bot.models.changes import FluxOutcome, OutcomeStatus
from gitops_bot.models.kustomizations import Kustomization, KustomizationId, ObjectReference
from gitops_bot.rules.compare import Side
from gitops_bot.rules.objects import load_objects
from gitops_bot.sandbox.kubernetes_api import ApiRefused, KubernetesApi

Tree = Mapping[str, str]
Step = Callable[["Actor"], None]

_KUSTOMIZE = "/apis/kustomize.toolkit.fluxcd.io/v1"
_SOURCE = "/apis/source.toolkit.fluxcd.io/v1"
_CHANGED = "identified at least one change"


class Artifacts:
    """Serves tarballs from memory, as source-controller would."""

    def __init__(self) -> None:
        self._files: dict[str, bytes] = {}
        self._commits = itertools.count()
        files = self._files

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = files.get(self.path.strip("/"))
                self.send_response(200 if body is not None else 404)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def add(self, tree: Tree) -> dict[str, Any]:
        """Pack a tree; returns the artifact as a source's status has it, with a commit of its own each time."""
        packed = io.BytesIO()
        with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as zipped, tarfile.open(fileobj=zipped, mode="w") as tar:
            for path, text in sorted(tree.items()):
                entry = tarfile.TarInfo(path)
                entry.size = len(text.encode())
                tar.addfile(entry, io.BytesIO(text.encode()))
        body = packed.getvalue()
        digest = hashlib.sha256(body).hexdigest()
        self._files[digest] = body
        commit = hashlib.sha1(f"{digest} {next(self._commits)}".encode()).hexdigest()  # noqa: S324 # as git does
        return {
            "url": f"http://127.0.0.1:{self._server.server_port}/{digest}",
            "path": digest,
            "digest": f"sha256:{digest}",
            "revision": f"main@sha1:{commit}",
            "lastUpdateTime": "2024-01-01T00:00:00Z",
        }

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@dataclass
class Actor:
    """Somebody with the administrator's rights, in the namespace of one scene."""

    api: KubernetesApi
    namespace: str

    def path(self, subject: str) -> str:
        """``Kind/name`` to the address of the object."""
        kind, name = subject.split("/")
        version = next(version for version, kinds in _VERSIONS.items() if kind in kinds)
        return self.api.path_of(
            {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": self.namespace}}
        )


_VERSIONS = {
    "v1": {"ConfigMap", "Secret", "Service", "PersistentVolumeClaim", "ServiceAccount", "Namespace", "ResourceQuota"},
    "apps/v1": {"Deployment", "StatefulSet", "DaemonSet"},
    "batch/v1": {"Job", "CronJob"},
    "networking.k8s.io/v1": {"Ingress", "NetworkPolicy"},
    "rbac.authorization.k8s.io/v1": {"Role", "RoleBinding", "ClusterRole"},
    "autoscaling/v2": {"HorizontalPodAutoscaler"},
    "policy/v1": {"PodDisruptionBudget"},
    "scenes.example/v1": {"Widget"},
    "apiextensions.k8s.io/v1": {"CustomResourceDefinition"},
}


def feed(
    api: KubernetesApi,
    namespace: str,
    artifact: Mapping[str, Any],
    plural: str = "gitrepositories",
    name: str = "fleet",
) -> None:
    """Write into a source's status what source-controller would: that this artifact is stored."""
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "Succeeded",
        "message": "stored",
        "lastTransitionTime": "2024-01-01T00:00:00Z",
    }
    api.call(
        "PATCH",
        f"{_SOURCE}/namespaces/{namespace}/{plural}/{name}/status",
        body={"status": {"artifact": artifact, "observedGeneration": 1, "conditions": [ready]}},
        media="application/merge-patch+json",
        fieldManager="scene",
    )


def edit(subject: str, change: Mapping[str, Any], *, manager: str = "kubectl-edit") -> Step:
    """Somebody edits an object by hand (a merge patch)."""
    return lambda actor: _check(actor.api.patch(actor.path(subject), change, manager=manager))


def _check(_: object) -> None:
    return None


def delete(subject: str) -> Step:
    """Somebody deletes an object by hand."""

    def step(actor: Actor) -> None:
        path = actor.path(subject)
        actor.api.call("DELETE", path)
        wait_for(lambda: actor.api.get(path) is None, f"{subject} is gone")

    return step


def scale(subject: str, replicas: int) -> Step:
    """``kubectl scale``: through the sub-resource."""
    return lambda actor: _check(
        actor.api.call(
            "PATCH",
            f"{actor.path(subject)}/scale",
            body={"spec": {"replicas": replicas}},
            media="application/merge-patch+json",
            fieldManager="kubectl",
        )
    )


def create(text: str, *, manager: str = "somebody") -> Step:
    """Somebody applies objects without Flux."""

    def step(actor: Actor) -> None:
        for document in yaml.safe_load_all(text):
            document["metadata"]["namespace"] = actor.namespace
            actor.api.apply([document], manager=manager)

    return step


def mutate(field: str, value: str) -> Step:
    """The cluster gets a policy that sets a field of every ConfigMap's data, and it is in force."""

    def step(actor: Actor) -> None:
        patch = f'[JSONPatch{{op: "add", path: "/data/{field}", value: "{value}"}}]'
        spec = {
            "failurePolicy": "Fail",
            "reinvocationPolicy": "Never",
            "matchConstraints": _config_maps_of(actor),
            "matchConditions": [{"name": "has-data", "expression": "has(object.data)"}],
            "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": patch}}],
        }
        _bind(actor, "MutatingAdmissionPolicy", spec, {})
        wait_for(lambda: field in _probe(actor).get("data", {}), "the policy mutates")

    return step


def forbid(expression: str, message: str) -> Step:
    """The cluster gets a policy that every ConfigMap must hold to, and it is in force."""

    def step(actor: Actor) -> None:
        spec = {
            "failurePolicy": "Fail",
            "matchConstraints": _config_maps_of(actor),
            "validations": [{"expression": f"object.metadata.name != 'probe' && ({expression})", "message": message}],
        }
        _bind(actor, "ValidatingAdmissionPolicy", spec, {"validationActions": ["Deny"]})
        wait_for(lambda: not _probe(actor), "the policy refuses")

    return step


def limit(resource: str, amount: str) -> Step:
    """The namespace gets a quota, and it is in force."""

    def step(actor: Actor) -> None:
        metadata = {"name": "small", "namespace": actor.namespace}
        quota = {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": metadata,
            "spec": {"hard": {resource: amount}},
        }
        actor.api.apply([quota])
        path = actor.api.path_of(quota)
        wait_for(lambda: (actor.api.get(path) or {}).get("status", {}).get("hard"), "the quota is counted")

    return step


def _config_maps_of(actor: Actor) -> dict[str, Any]:
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["configmaps"]}
    selector = {"matchLabels": {"kubernetes.io/metadata.name": actor.namespace}}
    return {"resourceRules": [rule], "namespaceSelector": selector}


def _bind(actor: Actor, kind: str, spec: Mapping[str, Any], binding: Mapping[str, Any]) -> None:
    version, metadata = "admissionregistration.k8s.io/v1", {"name": f"scene-{actor.namespace}"}
    bound = {"policyName": metadata["name"], **binding}
    actor.api.apply(
        [
            {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec},
            {"apiVersion": version, "kind": f"{kind}Binding", "metadata": metadata, "spec": bound},
        ]
    )


def _probe(actor: Actor) -> dict[str, Any]:
    """A ConfigMap as the cluster would store it; {} when it would not."""
    metadata = {"name": "probe", "namespace": actor.namespace}
    probe = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"probe": "x"}}
    try:
        return actor.api.call(
            "POST", f"/api/v1/namespaces/{actor.namespace}/configmaps", body=probe, dryRun="All", fieldManager="probe"
        )
    except ApiRefused:
        return {}


def wait_for(ready: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """Wait for a condition, with a deadline."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = ready()
        if found:
            return found
        # Each question costs the API server about as much as what is waited for.
        time.sleep(0.1)
    raise TimeoutError(f"not within {seconds:.0f} s: {what}")


@dataclass
class Stage:
    """One namespace with one Kustomization, fed with trees of our choice."""

    api: KubernetesApi
    kubeconfig: Path
    flux: Path
    folder: Path
    artifacts: Artifacts
    namespace: str
    spec: Mapping[str, Any] = field(default_factory=dict)
    flux_runs: int = 0

    def open(self, tree: Tree) -> None:
        """Create the source and the Kustomization, and wait until the controller has applied a tree."""
        source = {
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": "GitRepository",
            "metadata": {"name": "fleet", "namespace": self.namespace},
            "spec": {"url": "https://git.example/fleet.git", "interval": "60m", "suspend": True},
        }
        self.api.apply([source])
        revision = self._feed(tree)
        document = self.kustomization_document()
        self.api.apply([{**document, "spec": {**document["spec"], "suspend": False}}])
        self._settled(revision)
        if self.spec.get("suspend"):
            # Any other change of the spec would make the controller look again, at what people do by hand.
            self.api.apply([document])

    def kustomization_document(self) -> dict[str, Any]:
        """The Kustomization as one would write it."""
        spec = {
            "interval": "60m",
            "retryInterval": "2s",
            "prune": True,
            "path": "./",
            "sourceRef": {"kind": "GitRepository", "name": "fleet"},
            "timeout": "20s",
            "targetNamespace": self.namespace,
            **self.spec,
        }
        return {
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "kind": "Kustomization",
            "metadata": {"name": "apps", "namespace": self.namespace},
            "spec": {key: value for key, value in spec.items() if value is not None},
        }

    def merge(self, tree: Tree, *, refused: bool = False) -> None:
        """Let the controller apply a tree, or find that it cannot."""
        self._settled(self._feed(tree), refused=refused)

    def _feed(self, tree: Tree) -> str:
        artifact = self.artifacts.add(tree)
        feed(self.api, self.namespace, artifact)
        return str(artifact["revision"])

    def _settled(self, revision: str, *, refused: bool = False) -> None:
        """Wait until a commit is applied; what fails for another reason than its content is tried again."""
        path = f"{_KUSTOMIZE}/namespaces/{self.namespace}/kustomizations/apps"
        said = ""

        def ready() -> bool:
            nonlocal said
            status = (self.api.get(path) or {}).get("status", {})
            conditions = {item["type"]: item for item in status.get("conditions", [])}
            state = conditions.get("Ready", {})
            said = str(state.get("message"))
            if refused:
                return status.get("lastAttemptedRevision") == revision and state.get("status") == "False"
            return status.get("lastAppliedRevision") == revision and state.get("status") == "True"

        try:
            wait_for(ready, f"{self.namespace}: {'refused' if refused else 'applied'}")
        except TimeoutError as error:
            raise TimeoutError(f"{error}; the controller says: {said}") from error

    def kustomization(self) -> Kustomization:
        """The Kustomization as the cluster has it."""
        live = self.api.get(f"{_KUSTOMIZE}/namespaces/{self.namespace}/kustomizations/apps")
        assert live is not None
        status = live.get("status", {})
        entries = (status.get("inventory") or {}).get("entries") or []
        return Kustomization(
            KustomizationId("scenes", self.namespace, "apps"),
            live["spec"],
            applied_revision=status.get("lastAppliedRevision", ""),
            inventory=tuple(_inventory_entry(entry["id"]) for entry in entries),
        )

    def look(self, tree: Tree, name: str) -> Side:
        """Render a tree and compare it with the cluster, with the real flux."""
        root = self.folder / self.namespace / name
        for path, text in tree.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, encoding="utf-8")
        file = self.folder / self.namespace / "kustomization.flux.yaml"
        file.write_text(yaml.safe_dump(self.kustomization_document()), encoding="utf-8")
        build = self._run(root, "build", "--strict-substitute", f"--kustomization-file={file}")
        if not build.usable:
            return Side(build)
        return Side(build, self._run(root, "diff", "--strict-substitute", "--progress-bar=false"))

    def _run(self, root: Path, verb: str, *flags: str) -> FluxOutcome:
        self.flux_runs += 1
        path = str(self.spec.get("path", "./"))
        arguments = [verb, "kustomization", "apps", "-n", self.namespace, "--path", path, "--in-memory-build", *flags]
        done = subprocess.run(
            [self.flux, *arguments, f"--kubeconfig={self.kubeconfig}", "--timeout=60s"],
            cwd=root,
            # Without garbage collection, which is a third of what so small a run costs.
            env={"HOME": str(self.folder), "PATH": os.defpath, "GOGC": "off"},
            capture_output=True,
            timeout=120,
            check=False,
        )
        text, message = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace").strip()
        if done.returncode == 0:
            return FluxOutcome(OutcomeStatus.UNCHANGED, text)
        if verb == "diff" and done.returncode == 1 and _CHANGED in message and text:
            return FluxOutcome(OutcomeStatus.CHANGED, text)
        return FluxOutcome(OutcomeStatus.FAILED, text, message)

    def live_objects(self, *sides: Side) -> tuple[dict[ObjectReference, dict[str, Any]], frozenset[ObjectReference]]:
        """Everything that the cluster has of what the sides and the inventory name, and what it has not."""
        references = set(self.kustomization().inventory)
        versions: dict[ObjectReference, str] = {}
        for side in sides:
            for reference, item in (load_objects(side.build.text) if side.build.usable else {}).items():
                references.add(reference)
                versions[reference] = str(item.value["apiVersion"])
        found = {}
        for reference in references:
            live = self._read(reference, versions.get(reference))
            if live is not None:
                found[reference] = live
        return found, frozenset(references - found.keys())

    def _read(self, reference: ObjectReference, version: str | None) -> dict[str, Any] | None:
        known = version or next(version for version, kinds in _VERSIONS.items() if reference.kind in kinds)
        metadata = {"name": reference.name, "namespace": reference.namespace}
        document = {"apiVersion": known, "kind": reference.kind, "metadata": metadata}
        # The second time its discovery is asked anew: the definition may have come meanwhile.
        for _ in range(2):
            with suppress(ApiRefused):
                return self.api.get(self.api.path_of(document))
        return None


def _inventory_entry(entry: str) -> ObjectReference:
    namespace, name, group, kind = entry.split("_")
    return ObjectReference(kind, namespace, name.replace("__", ":"), group)


def play(actor: Actor, steps: Iterable[Step]) -> None:
    """Do what people do by hand, one after the other."""
    for step in steps:
        step(actor)
