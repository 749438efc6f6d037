"""GitHub on loopback."""

from gitops_bot.sandbox.github.records import BranchRule
from gitops_bot.sandbox.github.standin import GitHubStandIn

__all__ = ["BranchRule", "GitHubStandIn"]
