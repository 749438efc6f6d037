"""flux: hand renders and diffs to the runner, which holds the flux program in a cage.

Two halves that meet in ``protocol``: ``door`` and ``session`` run in the bot, the rest in the runner.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gitops_bot.flux.door import FluxDoor

__all__ = ["FluxDoor"]


def __getattr__(name: str) -> Any:
    """Import the bot's half when it is asked for: the runner starts without its libraries."""
    if name == "FluxDoor":
        from gitops_bot.flux.door import FluxDoor  # noqa: PLC0415 # see above

        return FluxDoor
    raise AttributeError(name)
