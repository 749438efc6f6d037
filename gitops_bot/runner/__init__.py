"""The second program: flux in its cage. ``python -m gitops_bot.runner`` speaks JSON lines (flux/protocol.py).

``gitops-bot-runner`` (``python -m gitops_bot.runner serve``) offers the same over HTTPS, with such a program
behind each session.

It holds no secret but a token of the *diff* identity that lives ten minutes, has an environment made
from nothing, and does not outlive who started it.
"""
