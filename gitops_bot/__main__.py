"""``python -m gitops_bot`` is ``gitops-bot``."""

import gc

# What is loaded stays: to look for garbage in it is a twentieth of the start. `main` switches it on again.
gc.disable()

from gitops_bot.cli import main  # noqa: E402 # see above

main()
