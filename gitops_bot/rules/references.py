"""References in a kustomization: inside the tree, or out of it?

kustomize fetches what looks like an address, from far more fields than ``resources``, and asks
nobody. What is not plainly a relative path inside the tree is refused before flux starts.

Source: https://github.com/kubernetes-sigs/kustomize/blob/api/v0.21.1/api/internal/git/repospec.go
"""

import posixpath
import re
from dataclasses import dataclass

# Anything with a scheme, and ``http:`` without slashes, which Go's URL parser takes for one too.
_SCHEME = re.compile(r"(?:[a-z][a-z0-9+.-]*://|https?:|file:|git::|gh:)", re.IGNORECASE)
# user@host:owner/name, user@host/owner/name, github.com/owner/name, github.com:owner/name
_REPOSITORY = re.compile(r"(?:[a-z][a-z0-9-]*@[^/:]*|(?:[a-z][a-z0-9-]*@)?github\.com)[/:](?P<rest>.*)", re.IGNORECASE)


def is_address(reference: str) -> bool:
    """Whether kustomize would fetch this from somewhere, wherever it is used."""
    return _SCHEME.match(reference) is not None


def is_repository(reference: str) -> bool:
    """Whether kustomize would clone this, where it expects a folder."""
    found = _REPOSITORY.match(reference)
    return found is not None and ("/" in found["rest"] or ".git" in found["rest"])


def resolve(folder: str, reference: str) -> str | None:
    """Give the path inside the tree ("" for its root); None when the reference leaves the tree or is absolute."""
    if reference.startswith("/"):
        return None
    path = posixpath.normpath(posixpath.join(folder, reference))
    if path == ".." or path.startswith(("../", "/")):
        return None
    return "" if path == "." else path


def clamped(path: str) -> str:
    """Resolve ``spec.path`` as Flux does: relative to the root, and never above it."""
    return posixpath.normpath("/" + path.strip()).strip("/")


@dataclass(frozen=True, order=True)
class Outside:
    """A reference that is not a relative path inside the tree. ``file`` is where it stands."""

    file: str
    reference: str
    why: str

    def __str__(self) -> str:
        """A sentence for people."""
        return f"{self.file} refers to {self.reference}, {self.why}"


# References of one Kustomization that are followed. Flux keeps the list of its objects in one, of 1.5 MB at most.
MOST_REFERENCES = 20_000
# Bytes of a plugin's file that count as one: it is read anew for each kustomization that names it.
_BYTES_OF_A_REFERENCE = 32


class TooManyReferencesError(Exception):
    """There are more than anybody has."""


class Patience:
    """What the walk through one Kustomization may cost."""

    def __init__(self) -> None:
        """Begin with all of it."""
        self._left = MOST_REFERENCES

    def spend(self, references: int) -> None:
        """Count; TooManyReferencesError when there is none left."""
        self._left -= references
        if self._left < 0:
            raise TooManyReferencesError

    def spend_on_file(self, size: int) -> None:
        """Count a file of so many bytes; TooManyReferencesError."""
        self.spend(size // _BYTES_OF_A_REFERENCE)
