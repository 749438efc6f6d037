"""May the bot write to this channel? Not where another organisation reads along, unless the settings say so."""

import time
from collections.abc import Awaitable, Callable

from gitops_bot.errors import SlackRefused
from gitops_bot.models.chat import ChannelFacts

# Seconds that an answer is believed. A channel that somebody shares in between is noticed after that.
_FRESH = 300.0
# Slack's own error names are in the same place, so it looks like one.
SHARED = "channel_is_shared"


class ChannelGate:
    """Asks about a channel before something is written to it."""

    def __init__(self, facts: Callable[[str], Awaitable[ChannelFacts]], *, allow_shared: bool) -> None:
        """``facts`` asks Slack about a channel."""
        self._facts = facts
        self._allow_shared = allow_shared
        self._asked: dict[str, tuple[float, bool, str]] = {}

    @property
    def problem(self) -> str:
        """Which channel was refused, in words; "" when none was."""
        return next((_refusal(name) for _, shared, name in self._asked.values() if shared), "")

    async def check(self, channel: str) -> None:
        """SlackRefused when the channel is shared with another organisation, or about to be."""
        # A direct message has one reader, and asking about it would need a scope more.
        if self._allow_shared or channel.startswith("D"):
            return
        asked, shared, name = self._asked.get(channel, (0.0, False, ""))
        if not asked or time.monotonic() - asked > _FRESH:
            facts = await self._facts(channel)
            shared, name = facts.is_shared, facts.name
            self._asked[channel] = (time.monotonic(), shared, name)
        if shared:
            raise SlackRefused(_refusal(name), SHARED)


def _refusal(name: str) -> str:
    return (
        f"#{name} is shared with another organisation (Slack Connect), which would read what runs in the cluster: "
        "nothing is written there. Set slack.channel to a channel of your own, or slack.allow_shared_channels."
    )
