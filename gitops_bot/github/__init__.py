"""GitHub: conditional reads by httpx, writes by PyGithub. Knows GitHub's API and nothing of what it is asked for."""

from gitops_bot.github.device_flow import DeviceFlow
from gitops_bot.github.door import GitHubDoor

__all__ = ["DeviceFlow", "GitHubDoor"]
