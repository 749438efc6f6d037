"""Kubernetes: read Flux objects, ask for short-lived tokens, prove the guard. Knows the kubernetes client."""

from gitops_bot.cluster.door import ClusterDoor

__all__ = ["ClusterDoor"]
