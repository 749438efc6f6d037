"""A real Kubernetes cluster with Flux in it, without nodes: nothing is scheduled, no Pod runs.

etcd, kube-apiserver, kube-controller-manager (quotas, namespaces, service accounts and the aggregated
roles are its work), source-controller and kustomize-controller, all on loopback.
"""

import base64
import os
import secrets
import ssl
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import yaml

from gitops_bot.sandbox.certificates import ServerKeys, make_keys
from gitops_bot.sandbox.errors import SandboxError
from gitops_bot.sandbox.kubernetes_api import KubernetesApi, read_documents
from gitops_bot.sandbox.ports import Ports
from gitops_bot.sandbox.processes import Process, Supervisor
from gitops_bot.sandbox.tools.bring import Toolbox

# Seconds that a part has to become ready, also on a machine that is busy with other things.
_PATIENCE = 90.0
# A token that outlives any session in the sandbox.
_TOKEN_SECONDS = 7 * 24 * 3600
_FLUX_NAMESPACE = "flux-system"
# For plain HTTP on this machine: to read whom the system trusts takes longer than the question.
TRUSTS_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
# What of kube-controller-manager is of use where no Pod runs.
_CONTROLLERS = (
    "resourcequota-controller",
    "clusterrole-aggregation-controller",
    "namespace-controller",
    "serviceaccount-controller",
    "root-ca-certificate-publisher-controller",
    "garbage-collector-controller",
)


class Cluster:
    """One cluster. Every method blocks; `start` may run in a thread beside those of other clusters."""

    def __init__(self, name: str, folder: Path, toolbox: Toolbox, supervisor: Supervisor, ports: Ports) -> None:
        self.name = name
        self.folder = folder
        self._toolbox = toolbox
        self._supervisor = supervisor
        self._ports = ports
        self._token = secrets.token_hex(24)
        self._keys: ServerKeys | None = None
        self._controllers: list[Process] = []
        self._source_storage_port = ports.reserve()
        self.api_url = f"https://127.0.0.1:{ports.reserve()}"
        # The administrator's kubeconfig (system:masters).
        self.kubeconfig = folder / "admin.kubeconfig"
        self._api: KubernetesApi | None = None

    @property
    def api(self) -> KubernetesApi:
        """The API as administrator."""
        if self._api is None or self._keys is None:
            raise SandboxError(f"cluster {self.name} is not started")
        return self._api

    @property
    def ca_file(self) -> Path:
        """The certificate authority of the API server."""
        if self._keys is None:
            raise SandboxError(f"cluster {self.name} is not started")
        return self._keys.ca

    def start(self, *, flux: bool = True) -> None:
        """Start everything and return when it is ready; without ``flux``: no controllers of Flux, but its CRDs."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._keys = make_keys(self.folder / "keys")
        self.kubeconfig = self.write_kubeconfig("admin", self._token)
        self._api = KubernetesApi(self.api_url, self._keys.ca, self._token)
        self._start_api_server(self._keys)
        manager = self._start_controller_manager(self._keys)
        self._apply_definitions()
        if flux:
            self._start_flux()
        # The default ServiceAccount is what every later object may stand on.
        self._supervisor.wait_until(
            lambda: self.api.get("/api/v1/namespaces/default/serviceaccounts/default") is not None,
            manager,
            seconds=_PATIENCE,
            what=f"cluster {self.name}: kube-controller-manager works",
        )

    def stop(self) -> None:
        """Close the connections; the supervisor ends the processes."""
        if self._api is not None:
            self._api.close()
            self._api = None

    def _run(self, program: str, *arguments: str, **environment: str) -> Process:
        temporary = self.folder / "tmp"
        temporary.mkdir(parents=True, exist_ok=True)
        return self._supervisor.start(
            f"{self.name}-{program}",
            [self._toolbox.path(program), *arguments],
            # HOME: some of their libraries look for files there, and must not find this user's.
            # TMPDIR: at its start kustomize-controller deletes there whatever looks like a leftover of its own.
            environment={"HOME": str(self.folder), "TMPDIR": str(temporary), "PATH": os.defpath, **environment},
        )

    def _start_api_server(self, keys: ServerKeys) -> None:
        etcd_url = f"http://127.0.0.1:{self._ports.reserve()}"
        peer_url = f"http://127.0.0.1:{self._ports.reserve()}"
        etcd = self._run(
            "etcd",
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={etcd_url}",
            f"--advertise-client-urls={etcd_url}",
            f"--listen-peer-urls={peer_url}",
            f"--initial-advertise-peer-urls={peer_url}",
            f"--initial-cluster=default={peer_url}",
            # The data does not outlive the sandbox.
            "--unsafe-no-fsync",
            "--log-level=warn",
        )
        tokens = self.folder / "tokens.csv"
        tokens.touch(mode=0o600)
        tokens.write_text(f'{self._token},admin,admin,"system:masters"\n', encoding="utf-8")
        server = self._run(
            "kube-apiserver",
            f"--etcd-servers={etcd_url}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self.api_url.rsplit(':', 1)[1]}",
            f"--tls-cert-file={keys.certificate}",
            f"--tls-private-key-file={keys.key}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={keys.service_account_key}",
            f"--service-account-signing-key-file={keys.service_account_key}",
            f"--token-auth-file={tokens}",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.96.0.0/16",
            # It would ask kubelets to mount tokens, and there is none.
            "--disable-admission-plugins=ServiceAccount",
        )
        what = f"cluster {self.name}: the API server is ready"
        self._supervisor.wait_until(self.api.is_ready, etcd, server, seconds=_PATIENCE, what=what)

    def _start_controller_manager(self, keys: ServerKeys) -> Process:
        return self._run(
            "kube-controller-manager",
            f"--kubeconfig={self.kubeconfig}",
            f"--authentication-kubeconfig={self.kubeconfig}",
            f"--authorization-kubeconfig={self.kubeconfig}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self._ports.reserve()}",
            "--leader-elect=false",
            f"--service-account-private-key-file={keys.service_account_key}",
            f"--root-ca-file={keys.ca}",
            f"--controllers={','.join(_CONTROLLERS)}",
        )

    def _apply_definitions(self) -> None:
        documents = [
            document
            for file in sorted(self._toolbox.definitions.glob("*.yaml"))
            for document in read_documents(file.read_text(encoding="utf-8"))
        ]
        self.api.apply(documents)
        self.api.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _FLUX_NAMESPACE}}])
        names = [document["metadata"]["name"] for document in documents]
        self._supervisor.wait_until(
            lambda: self.api.definitions_are_established(names),
            seconds=_PATIENCE,
            what=f"cluster {self.name}: Flux's definitions are served",
        )

    def _start_flux(self) -> None:
        storage = self.folder / "artifacts"
        storage.mkdir()
        address = f"127.0.0.1:{self._source_storage_port}"
        surroundings = {"KUBECONFIG": str(self.kubeconfig), "RUNTIME_NAMESPACE": _FLUX_NAMESPACE}
        health: dict[str, str] = {}
        for program, arguments in (
            (
                "source-controller",
                (f"--storage-path={storage}", f"--storage-addr={address}", f"--storage-adv-addr={address}"),
            ),
            # Its default, 30 s, is for clusters with thousands of Kustomizations.
            # Its own limit of 50 requests a second is for API servers that others use too.
            ("kustomize-controller", ("--requeue-dependency=1s", "--kube-api-qps=500", "--kube-api-burst=1000")),
        ):
            health[program] = f"127.0.0.1:{self._ports.reserve()}"
            self._controllers.append(
                self._run(
                    program,
                    *arguments,
                    # 0 is the controllers' word for no metrics.
                    "--metrics-addr=0",
                    f"--health-addr={health[program]}",
                    "--events-addr=",
                    **surroundings,
                )
            )
        self._supervisor.wait_until(
            lambda: all(_answers(f"http://{address}/readyz") for address in health.values()),
            *self._controllers,
            seconds=_PATIENCE,
            what=f"cluster {self.name}: Flux's controllers are ready",
        )

    def apply_text(self, text: str) -> None:
        """Apply YAML documents as administrator."""
        self.api.apply(read_documents(text))

    def apply_secret(self, namespace: str, name: str, values: Mapping[str, str]) -> None:
        """Write an Opaque Secret."""
        data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
        metadata = {"name": name, "namespace": namespace}
        self.api.apply([{"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}])

    def wait_until(self, ready: Callable[[], bool], *, seconds: float, what: str) -> None:
        """Wait for a condition; SandboxError after ``seconds`` or when a controller of Flux ends."""
        self._supervisor.wait_until(ready, *self._controllers, seconds=seconds, what=f"cluster {self.name}: {what}")

    def write_kubeconfig(self, name: str, token: str) -> Path:
        """Write a kubeconfig for a token and give its file, readable by this user only."""
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": self.name, "cluster": {"server": self.api_url, "certificate-authority": str(self.ca_file)}}
            ],
            "users": [{"name": name, "user": {"token": token}}],
            "contexts": [{"name": self.name, "context": {"cluster": self.name, "user": name}}],
            "current-context": self.name,
        }
        file = self.folder / f"{name}.kubeconfig"
        file.touch(mode=0o600)
        file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        return file

    def service_account_kubeconfig(self, namespace: str, name: str, seconds: int = _TOKEN_SECONDS) -> Path:
        """Write a kubeconfig with which one acts as a ServiceAccount (by TokenRequest) and give its file."""
        return self.write_kubeconfig(name, self.api.service_account_token(namespace, name, seconds))


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False, verify=TRUSTS_NOBODY, timeout=2).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def write_joint_kubeconfig(file: Path, clusters: Sequence[Cluster]) -> Path:
    """Write one kubeconfig with a context per cluster, named like it; the first is the current one."""
    joint: dict[str, Any] = {"apiVersion": "v1", "kind": "Config", "current-context": clusters[0].name}
    parts = [yaml.safe_load(cluster.kubeconfig.read_text(encoding="utf-8")) for cluster in clusters]
    joint["clusters"] = [part["clusters"][0] for part in parts]
    joint["users"] = [{"name": part["current-context"], "user": part["users"][0]["user"]} for part in parts]
    joint["contexts"] = [
        {"name": name, "context": {"cluster": name, "user": name}} for name in (cluster.name for cluster in clusters)
    ]
    file.touch(mode=0o600)
    file.write_text(yaml.safe_dump(joint, sort_keys=False), encoding="utf-8")
    return file
