"""What can go wrong while a world is set up; told in one line by the command line."""

from gitops_bot.errors import GitopsBotError


class SandboxError(GitopsBotError):
    """The sandbox cannot be started, or a part of it stopped working."""


class ToolsMissing(SandboxError):
    """Programs that the sandbox needs are not there; the text lists them and how to get each."""


class ToolNotBrought(SandboxError):
    """One way of getting one tool failed; the text says why."""
