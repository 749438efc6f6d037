"""What is to be done next: one piece of work per key at a time, the newest wins."""

from gitops_bot.queue.in_process import InProcessQueue

__all__ = ["InProcessQueue"]
