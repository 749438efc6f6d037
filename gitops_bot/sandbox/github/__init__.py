"""GitHub on loopback."""

from gitops_bot.sandbox.github.standin import GitHubStandIn

__all__ = ["GitHubStandIn"]
