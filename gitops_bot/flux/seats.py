"""Seats for runs of flux, over all sessions: who takes long gives way to who may not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from gitops_bot.models.claims import Claimant
from gitops_bot.rules import fairness
from gitops_bot.rules.fairness import Claim, Room, Terms


@dataclass(frozen=True)
class Seat:
    """A seat that somebody has. ``wanted``: stop, and ask for another one."""

    wanted: asyncio.Event = field(default_factory=asyncio.Event)


class Seats:
    """Gives seats by the rules of rules/fairness.py."""

    def __init__(self, terms: Terms) -> None:
        """Nobody sits yet."""
        self._terms = terms
        self._room = Room()
        self._numbers = 0
        self._granted: dict[int, asyncio.Future[Seat]] = {}
        self._looking: asyncio.TimerHandle | None = None

    @property
    def long_after(self) -> float:
        """Seconds after which a run counts as long."""
        return self._terms.long_after

    @asynccontextmanager
    async def seat(self, claimant: Claimant, *, slow: bool = False) -> AsyncIterator[Seat]:
        """Wait for a seat and keep it during the block. ``slow``: the run took long before."""
        self._numbers += 1
        claim = Claim(self._numbers, claimant.pull_request, claimant.author, slow)
        granted: asyncio.Future[Seat] = asyncio.get_running_loop().create_future()
        self._granted[claim.number] = granted
        self._room = fairness.asked(self._room, claim)
        try:
            self._go_on()
            yield await granted
        finally:
            del self._granted[claim.number]
            self._room = fairness.left(self._room, claim.number, self._now())
            self._go_on()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _go_on(self) -> None:
        """Seat who can be seated, tell who has to go, and look again when somebody will count as long."""
        now = self._now()
        while (claim := fairness.next_claim(self._room, self._terms, now)) is not None:
            granted = self._granted[claim.number]
            if granted.cancelled():
                self._room = fairness.left(self._room, claim.number, now)
            else:
                self._room = fairness.seated(self._room, claim, now)
                granted.set_result(Seat())
        if (holder := fairness.must_leave(self._room, self._terms, now)) is not None:
            self._room = fairness.told_to_leave(self._room, holder)
            self._granted[holder.claim.number].result().wanted.set()
        if self._looking is not None:
            self._looking.cancel()
        wait = fairness.next_look(self._room, self._terms, now)
        self._looking = asyncio.get_running_loop().call_later(wait, self._go_on) if wait is not None else None
