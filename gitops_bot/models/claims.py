"""For whom work is done: what is scarce is shared among pull requests, and among their authors."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Claimant:
    """A pull request and its author; both "" for what the program does of its own accord."""

    pull_request: str = ""
    author: str = ""


NOBODY = Claimant()
