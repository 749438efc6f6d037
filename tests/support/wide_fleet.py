"""A fleet of many Kustomizations with many objects each, as a repository that Flux is built from."""

from pathlib import Path

import yaml

from gitops_bot.sandbox.fleet.checkout import git

_REPOSITORY = "https://github.com/acme/wide.git"


class WideFleet:
    """``kustomizations`` times ``objects`` ConfigMaps ``settings-NN-MM`` in the namespace ``wide``."""

    def __init__(self, folder: Path, kustomizations: int, objects: int) -> None:
        self.folder = folder
        self.kustomizations = kustomizations
        self.objects = objects

    @property
    def names(self) -> list[str]:
        """The name of every object."""
        return [self._name(team, place) for team in range(self.kustomizations) for place in range(self.objects)]

    def commit(self) -> None:
        """Make the repository, with one commit on main."""
        sync = self.folder / "clusters" / "production" / "flux-system"
        sync.mkdir(parents=True)
        (sync / "gotk-sync.yaml").write_text(
            yaml.safe_dump_all([_source(), _kustomization("flux-system", "clusters/production")])
        )
        (sync / "namespace.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: wide}\n")
        teams = [_kustomization(f"team-{team:02d}", f"apps/team-{team:02d}") for team in range(self.kustomizations)]
        (sync.parent / "teams.yaml").write_text(yaml.safe_dump_all(teams))
        self.write(self.folder, "old")
        git(self.folder, "init", "--quiet", "--initial-branch=main")
        git(self.folder, "remote", "add", "origin", _REPOSITORY)
        git(self.folder, "add", "--all")
        git(self.folder, "commit", "--quiet", "--message", "The fleet")

    def write(self, folder: Path, value: str) -> None:
        """Write all objects, each with a value of its own, so that no change is the same as another."""
        for team in range(self.kustomizations):
            file = folder / "apps" / f"team-{team:02d}" / "settings.yaml"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(yaml.safe_dump_all(self._object(team, place, value) for place in range(self.objects)))

    def _name(self, team: int, place: int) -> str:
        return f"settings-{team:02d}-{place:02d}"

    def _object(self, team: int, place: int, value: str) -> dict[str, object]:
        metadata = {"name": self._name(team, place), "namespace": "wide"}
        data = {"address": "https://wide.example", "value": f"{value}-{team}-{place}", "zone": "a"}
        # So long that no comment can hold them all.
        data["note"] = " ".join(f"{value}-{team}-{place}-{number}" for number in range(12))
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def _source() -> dict[str, object]:
    return {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": {"name": "flux-system", "namespace": "flux-system"},
        "spec": {
            "interval": "60m",
            "url": _REPOSITORY,
            "ref": {"branch": "main"},
            "secretRef": {"name": "flux-system"},
        },
    }


def _kustomization(name: str, path: str) -> dict[str, object]:
    spec = {
        "interval": "60m",
        "prune": True,
        "path": f"./{path}",
        "sourceRef": {"kind": "GitRepository", "name": "flux-system"},
    }
    return {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": name, "namespace": "flux-system"},
        "spec": spec,
    }
