"""Kustomization files that were read, kept for the next walk within a bounded memory: a node takes 300 bytes."""

from collections import OrderedDict

from gitops_bot.rules.manifests import ManifestLimits, Reading, UnreadableManifestError, first_reading

# Mappings, lists and scalars. A kustomization of a thousand resources has some thousand.
_LIMITS = ManifestLimits(expanded=50_000)
# Nodes of all that are kept: those of a fleet of thousands of folders.
_MOST_NODES = 200_000


class KeptReadings:
    """The first documents of files by path; what was not asked for the longest is read anew."""

    def __init__(self) -> None:
        """Nothing was read yet."""
        self._kept: OrderedDict[str, tuple[Reading | UnreadableManifestError | None, int]] = OrderedDict()
        self._nodes = 0

    def get(self, path: str, content: bytes) -> Reading | None:
        """Read a file, as kustomize reads a kustomization file; UnreadableManifestError."""
        if path in self._kept:
            self._kept.move_to_end(path)
        else:
            self._keep(path, content)
        found = self._kept[path][0]
        if isinstance(found, UnreadableManifestError):
            raise found
        return found

    def _keep(self, path: str, content: bytes) -> None:
        found: Reading | UnreadableManifestError | None
        try:
            found = first_reading(path, content, _LIMITS)
        except UnreadableManifestError as error:
            found = error
        size = found.size if isinstance(found, Reading) else 1
        while self._kept and self._nodes + size > _MOST_NODES:
            self._nodes -= self._kept.popitem(last=False)[1][1]
        self._kept[path] = (found, size)
        self._nodes += size
