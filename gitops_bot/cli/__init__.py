"""What a person types. Each command imports what it needs when it runs, so that ``--help`` answers at once."""

from gitops_bot.cli.program import app, main

__all__ = ["app", "main"]
