"""Which repository and branch a source of the cluster follows, whatever way its address is spelled."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from gitops_bot.models.kustomizations import Source
from gitops_bot.models.pull_requests import Repository

_DEFAULT_PORTS = {"http": 80, "https": 443, "ssh": 22, "git": 9418, "git+ssh": 22}
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
# user@host:owner/name. A first part with a slash is a path of this machine.
_SCP_LIKE = re.compile(r"(?:[^@/]+@)?(?P<host>\[[^\]]+\]|[^:/]+):(?!//)(?P<path>.+)")
# GitHub's own other names: ssh through the port of https, and the old www.
_OTHER_NAMES = {"ssh.github.com": "github.com", "www.github.com": "github.com"}


@dataclass(frozen=True)
class _Address:
    host: str
    # None: the scheme's own.
    port: int | None
    path: str
    is_web: bool


def repository_of(url: str, *github_urls: str) -> Repository | None:
    """Give the repository that an address names, if it is on the GitHub that ``github_urls`` are addresses of.

    https, ssh and scp-like spellings, with and without ``.git``, user and port; a web address has
    to agree in its port too, so that two servers on one machine are told apart.
    """
    address = _parse(url)
    if address is None:
        return None
    for github_url in github_urls:
        ours = _parse(github_url)
        if ours is None or address.host != ours.host:
            continue
        if address.is_web and ours.is_web and address.port != ours.port:
            continue
        inside = _below(address.path, ours.path) if address.is_web else address.path
        parts = inside.split("/") if inside else []
        if len(parts) == 2:  # noqa: PLR2004 # owner and name
            return Repository(parts[0], parts[1])
    return None


def same_repository(one: str, other: str) -> bool:
    """Whether two addresses name the same repository, on any server. Web and ssh ports are not compared."""
    first, second = _parse(one), _parse(other)
    if first is None or second is None:
        return False
    return (first.host, first.path.lower()) == (second.host, second.path.lower())


def _parse(url: str) -> _Address | None:
    url = url.strip()
    if _SCHEME.match(url):
        try:
            parts = urlsplit(url)
            scheme, host, port, path = parts.scheme.lower(), (parts.hostname or "").lower(), parts.port, parts.path
        except ValueError:
            return None
        port = None if port == _DEFAULT_PORTS.get(scheme) else port
    else:
        found = _SCP_LIKE.fullmatch(url)
        if found is None:
            return None
        scheme, host, port, path = "ssh", found["host"].lower(), None, found["path"]
    path = re.sub(r"/+", "/", path).strip("/")
    if not host:
        return None
    return _Address(
        _OTHER_NAMES.get(host, host),
        port,
        re.sub(r"\.git$", "", path, flags=re.IGNORECASE),
        scheme in {"http", "https"},
    )


def _below(path: str, prefix: str) -> str:
    if not prefix:
        return path
    return path[len(prefix) + 1 :] if path.lower().startswith(prefix.lower() + "/") else ""


@dataclass(frozen=True)
class Following:
    """What a source follows: a branch, or something else, which ``instead`` names."""

    branch: str
    instead: str = ""


def following(spec: Mapping[str, Any]) -> Following:
    """Read ``spec.ref`` of a GitRepository. Commit, name, tag and semver win over branch, in this order.

    Source: https://github.com/fluxcd/pkg/blob/git/v0.52.0/git/gogit/client.go
    """
    reference = spec.get("ref")
    reference = reference if isinstance(reference, Mapping) else {}
    if reference.get("commit"):
        return Following("", f"commit {reference['commit']}")
    name = str(reference.get("name") or "")
    if name:
        branch = name.removeprefix("refs/heads/")
        return Following(branch) if branch != name else Following("", f"ref {name}")
    for kind in ("tag", "semver"):
        if reference.get(kind):
            return Following("", f"{kind} {reference[kind]}")
    return Following(str(reference.get("branch") or "master"))


def source_address(source: Source) -> str:
    """Give the address of a GitRepository."""
    return str(source.spec.get("url") or "")
