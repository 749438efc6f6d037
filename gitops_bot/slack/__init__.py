"""Slack: post, update, listen. Knows slack-sdk and nothing of what is said."""

from gitops_bot.slack.door import SlackDoor

__all__ = ["SlackDoor"]
