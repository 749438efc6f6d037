"""Risks of what Pods may do to their node.

The fields are those of the Pod Security Standards,
https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from collections.abc import Callable, Iterator
from typing import Any

from gitops_bot.rules.pods import Container, Pod
from gitops_bot.rules.reading import at, listed, mappings, text, texts
from gitops_bot.rules.risk_kinds import Risk, Rule
from gitops_bot.rules.touched import Touched

_HOST = ("hostNetwork", "hostPID", "hostIPC")
# What even the strictest level lets a container add.
_HARMLESS = {"NET_BIND_SERVICE"}


def privileged(item: Touched) -> Iterator[Risk]:
    """Find containers that own the node."""
    names = _newly(item, lambda _, container: _is_privileged(container))
    if names:
        yield Risk(
            "privileged",
            f"{item} runs privileged, which it did not before: container {listed(names)}.",
            "Name the capabilities that it needs instead.",
        )


def _is_privileged(container: Container) -> bool:
    context = container.value.get("securityContext")
    return at(context, "privileged") is True or at(context, "windowsOptions", "hostProcess") is True


def _newly(item: Touched, holds: Callable[[Pod, Container], bool]) -> list[str]:
    """Name the containers of which something holds now that did not before."""
    old, new = item.old_pod, item.new_pod
    return [
        container.name
        for key, container in new.containers.items()
        if holds(new, container) and not (key in old.containers and holds(old, old.containers[key]))
    ]


def host_paths(item: Touched) -> Iterator[Risk]:
    """Find folders of the node that are mounted."""
    old, new = (_host_paths(pod) for pod in (item.old_pod, item.new_pod))
    gained = [path for path in new if path not in old]
    if gained:
        arrow = f"{listed(old)} -> {listed(new)}" if old else listed(gained)
        yield Risk(
            "host-path",
            f"{item} mounts folders of its node: {arrow}.",
            "Use a volume of its own (emptyDir, PersistentVolumeClaim) where one will do.",
        )


def _host_paths(pod: Pod) -> list[str]:
    paths = [text(at(volume, "hostPath", "path")) for volume in mappings(pod.spec.get("volumes"))]
    return [path for path in paths if path]


def host_namespaces(item: Touched) -> Iterator[Risk]:
    """Find Pods that share what belongs to the node."""
    old, new = item.old_pod, item.new_pod
    gained = [name for name in _HOST if new.spec.get(name) is True and old.spec.get(name) is not True]
    if gained:
        yield Risk(
            "host-namespace",
            f"{item} shares with its node what it did not before: {listed(gained)}.",
            "Make sure that it cannot do its work without.",
        )


def capabilities(item: Touched) -> Iterator[Risk]:
    """Find capabilities that are added, or kept that were dropped."""
    old, new = item.old_pod, item.new_pod
    said = []
    for key, container in new.containers.items():
        before = old.containers.get(key)
        added = _capabilities(container, "add") - _HARMLESS - (_capabilities(before, "add") if before else set())
        kept = _capabilities(before, "drop") - _capabilities(container, "drop") if before else set()
        if "ALL" in _capabilities(container, "drop"):
            kept = set()
        words = [f"adds {listed(sorted(added))}"] if added else []
        words += [f"no longer drops {listed(sorted(kept))}"] if kept else []
        said += [f"container {container.name} {' and '.join(words)}"] if words else []
    if said:
        yield Risk("capabilities", f"{item} may do more: {listed(said, 3)}.", "Add only what the program needs.")


def _capabilities(container: Container, which: str) -> set[str]:
    given = texts(at(container.value, "securityContext", "capabilities", which))
    return {name.upper().removeprefix("CAP_") for name in given}


def escalation(item: Touched) -> Iterator[Risk]:
    """Find containers that may gain privileges which they were kept from."""

    def allowed(container: Container) -> Any:
        return at(container.value, "securityContext", "allowPrivilegeEscalation")

    names = []
    for key, container in item.new_pod.containers.items():
        before = item.old_pod.containers.get(key)
        now_stated = allowed(container) is True and (before is None or allowed(before) is not True)
        no_longer_kept = before is not None and allowed(before) is False and allowed(container) is not False
        names += [container.name] if now_stated or no_longer_kept else []
    if names:
        yield Risk(
            "privilege-escalation",
            f"{item} may gain privileges, which it might not before: container {listed(names)}.",
            "Set allowPrivilegeEscalation: false.",
        )


def root(item: Touched) -> Iterator[Risk]:
    """Find containers that run as root, or are not kept from it any more."""
    users = _newly(item, lambda pod, container: _setting(pod, container, "runAsUser") == "0")
    old = item.old_pod
    freed = [
        name
        for name in _newly(item, lambda pod, container: _setting(pod, container, "runAsNonRoot") != "true")
        if any(
            known.name == name and _setting(old, known, "runAsNonRoot") == "true" for known in old.containers.values()
        )
    ]
    words = [f"runs as user 0: container {listed(users)}"] if users else []
    words += [f"is no longer kept from running as root: container {listed(freed)}"] if freed else []
    if words:
        yield Risk("runs-as-root", f"{item} {', and '.join(words)}.", "Set runAsNonRoot: true and a user of its own.")


def _setting(pod: Pod, container: Container, name: str) -> str:
    own = at(container.value, "securityContext", name)
    return text(at(pod.spec, "securityContext", name) if own is None else own)


POD_RULES: tuple[Rule, ...] = (privileged, host_paths, host_namespaces, capabilities, escalation, root)
