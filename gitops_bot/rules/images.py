"""Container images by their parts.

https://github.com/distribution/reference, with Docker's own short forms.
"""

import re
from dataclasses import dataclass

_NAME = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*){0,30}", re.ASCII)
_REGISTRY = re.compile(r"[A-Za-z0-9.\-\[\]:]{1,260}", re.ASCII)
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"[A-Za-z0-9+._-]{1,30}:[0-9a-fA-F]{32,128}", re.ASCII)
_LONGEST = 600


@dataclass(frozen=True)
class Image:
    """An image. ``tag`` and ``digest`` are "" where it has none."""

    registry: str
    repository: str
    tag: str
    digest: str

    @property
    def source(self) -> str:
        """Where it comes from."""
        return f"{self.registry}/{self.repository}"

    @property
    def floating(self) -> bool:
        """Whether it may be another one tomorrow, by its name alone."""
        return not self.digest and self.tag in {"", "latest"}


def parse_image(text: str) -> Image | None:
    """Read a reference to an image; None for what is none, such as a variable that is not substituted."""
    if len(text) > _LONGEST:
        return None
    name, at, digest = text.partition("@")
    path, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        path, colon, tag = name, "", ""
    first, slash, rest = path.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        registry, repository = first.lower(), rest
    else:
        registry, repository = "docker.io", path if slash else f"library/{path}"
    registry = "docker.io" if registry in {"index.docker.io", "registry-1.docker.io"} else registry
    if registry == "docker.io" and "/" not in repository:
        repository = f"library/{repository}"
    sound = _REGISTRY.fullmatch(registry) and _NAME.fullmatch(repository)
    if not sound or (colon and not _TAG.fullmatch(tag)) or (at and not _DIGEST.fullmatch(digest)):
        return None
    return Image(registry, repository, tag, digest)
