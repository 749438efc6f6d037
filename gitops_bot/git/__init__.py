"""Git: fetch, merge and read trees, with nothing but the git program and never a work tree."""

from gitops_bot.git.door import GitDoor
from gitops_bot.git.local_clone import LocalClone

__all__ = ["GitDoor", "LocalClone"]
