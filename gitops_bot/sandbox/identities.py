"""Who the bot is in a cluster of the sandbox: the ServiceAccounts of the shipped manifests, and no more.

The same files that a platform engineer applies (``config/``) are applied here, so that a right that
is missing from them is missing in the demo and in the tests too.
"""

from pathlib import Path

import gitops_bot
from gitops_bot.sandbox.cluster import Cluster
from gitops_bot.sandbox.errors import SandboxError

_NAMESPACE = "gitops-bot"
_CORE = "gitops-bot"
# The guard first: rights for dry runs are given when it is there. The components are the choices that an
# operator has; the sample fleet holds Secrets and roles, so both are taken. What runs Pods is left out.
_FOLDERS = ("guard", "rbac", "components/diff-*")


def manifests_folder() -> Path:
    """Give ``config/``: beside the package in a checkout, inside it in a wheel."""
    package = Path(gitops_bot.__file__).parent
    for folder in (package / "_config", package.parent / "config"):
        if (folder / "rbac").is_dir():
            return folder
    raise SandboxError("The manifests of the bot (config/rbac) are neither in the package nor beside it.")


def apply_identities(cluster: Cluster) -> None:
    """Apply ServiceAccounts, rights and the guard of dry runs."""
    config = manifests_folder()
    cluster.api.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _NAMESPACE}}])
    for pattern in _FOLDERS:
        for file in sorted(config.glob(f"{pattern}/*.yaml")):
            if file.name != "kustomization.yaml":
                cluster.apply_text(file.read_text(encoding="utf-8"))


def core_kubeconfig(cluster: Cluster) -> Path:
    """Give the kubeconfig of the bot's core identity."""
    return cluster.service_account_kubeconfig(_NAMESPACE, _CORE)
