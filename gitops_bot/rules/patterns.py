"""Shell-like patterns of the settings: ``*`` goes over slashes, and case counts for nothing, as in GitHub's names.

Brackets are brackets: GitHub's Apps have them in their names (``renovate[bot]``).
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase


def matches(value: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns matches a value."""
    return any(fnmatchcase(value.lower(), pattern.lower().replace("[", "[[]")) for pattern in patterns)
