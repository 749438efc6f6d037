"""Brings the fleet repository into the GitHub stand-in: the sample, or somebody's own."""

from dataclasses import dataclass
from pathlib import Path

from gitops_bot.sandbox.errors import SandboxError
from gitops_bot.sandbox.fleet import sample
from gitops_bot.sandbox.fleet.checkout import Checkout, git, with_credentials
from gitops_bot.sandbox.fleet.syncs import Found, Sync, branches_of, find_syncs, owner_and_name, point_at, read_tree


@dataclass(frozen=True, slots=True)
class Fleet:
    """A repository that was pushed."""

    is_sample: bool
    # One per cluster that it describes, at least one.
    syncs: list[Sync]
    found: list[Found]


def sample_fleet(folder: Path, url: str, author: str, token: str) -> Fleet:
    """Push the sample, its sources pointed at ``url``."""
    checkout = Checkout.of_files(
        sample.FILES,
        folder / sample.NAME,
        with_credentials(url, author, token),
        author=author,
        message="The fleet as it is today",
    )
    point_at(checkout.folder, read_tree(checkout.folder), (sample.OWNER, sample.NAME), url)
    checkout.commit("Sync from this server")
    checkout.push("main")
    found = read_tree(checkout.folder)
    return Fleet(is_sample=True, syncs=find_syncs(found, url, "main"), found=found)


def own_name(source: Path) -> tuple[str, str]:
    """Give owner and name of somebody's repository: those of its remote, else ``local/<folder>``."""
    try:
        remote = git(source, "remote", "get-url", "origin").strip()
    except SandboxError:
        remote = ""
    return owner_and_name(remote) or ("local", source.resolve().name)


def own_branch(source: Path) -> str:
    """Give the branch that is checked out; main when it is a single commit."""
    branch = git(source, "rev-parse", "--abbrev-ref", "HEAD").strip()
    return "main" if branch == "HEAD" else branch


def own_fleet(source: Path, folder: Path, url: str, author: str, token: str) -> Fleet:
    """Push what is committed in ``source``, which is only read; one commit on top points its sources at ``url``."""
    address = with_credentials(url, author, token)
    branch = own_branch(source)
    checkout = Checkout.of_repository(source.resolve(), folder / "own", address, author=author)
    if point_at(checkout.folder, read_tree(checkout.folder), own_name(source), url):
        checkout.commit("Sync from the sandbox")
    found = read_tree(checkout.folder)
    syncs = find_syncs(found, url, branch)
    if not syncs:
        raise SandboxError(
            f"{source} has no flux-system/gotk-sync.yaml and no Kustomization of Flux (kustomize.toolkit.fluxcd.io): "
            "there is nothing that Flux could apply. Name the folder of a repository that Flux is built from."
        )
    for followed in sorted({branch, *branches_of(found, url)}):
        checkout.push(followed)
    return Fleet(is_sample=False, syncs=syncs, found=found)
