"""The second program: flux in its cage. ``python -m gitops_bot.runner`` speaks JSON lines (flux/protocol.py).

It holds no secret but a token of the *diff* identity that lives ten minutes, has an environment made
from nothing, and does not outlive who started it.
"""
