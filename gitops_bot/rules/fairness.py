"""Who gets a free seat, and who has to give one back: work that takes long must not keep the others waiting.

Seats are few (runs of flux, reviews), and nobody can tell by a pull request how long it will take. So everybody
may begin; whoever has a seat for longer than ``Terms.long_after`` counts as long, and those have a part of the
seats only. Among those who wait, whoever had least lately is first: many pull requests of one author are
one author. Times are seconds of any clock that only goes forward.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

# Seconds after which half of what somebody had is forgotten.
_HALF_LIFE = 300.0
# Of so many authors and pull requests it is remembered what they had.
_MOST_REMEMBERED = 1000
# Processor seconds that the runs of a review have used -> how far it stands back (nice; it begins with 5). A review of
# one small change takes about half a second.
_NICENESS = ((3.0, 19), (1.0, 15), (0.4, 10))
FIRST_NICENESS, LAST_NICENESS = 5, 19


@dataclass(frozen=True)
class Terms:
    """How many seats there are, and for whom."""

    seats: int
    # Seats that those who take long may have together.
    most_long: int
    long_after: float
    # Seats of one author, so that somebody else finds one.
    most_of_owner: int
    # Seats that are added, one by one, while those who take long have more than their part.
    most_lent: int = 0


def terms_of_runs(seats: int, long_after: float) -> Terms:
    """Give the terms of runs that can be stopped and begun again: half of the seats are for long ones."""
    return Terms(seats, max(1, seats // 2), long_after, max(1, seats - 1))


def terms_of_reviews(seats: int, long_after: float) -> Terms:
    """Give the terms of work that is better not stopped: the others get seats besides."""
    return Terms(seats, max(1, seats - 1), long_after, max(1, seats - 1), most_lent=seats)


@dataclass(frozen=True)
class Claim:
    """A wish for a seat. ``owner`` is an author, "" is the program itself; ``key`` a pull request."""

    number: int
    key: str
    owner: str = ""
    # It, or what came before it under the same key, took long already.
    slow: bool = False


@dataclass(frozen=True)
class Holder:
    """A claim that was granted."""

    claim: Claim
    since: float
    # Was told to give the seat back.
    leaving: bool = False


@dataclass(frozen=True)
class Spent:
    """Seconds on seats, as of a moment."""

    seconds: float
    at: float

    def by(self, now: float) -> float:
        """What of it counts now."""
        return self.seconds * float(0.5 ** ((now - self.at) / _HALF_LIFE))


@dataclass(frozen=True)
class Room:
    """Who has seats, who waits, and what everybody had lately."""

    waiting: tuple[Claim, ...] = ()
    holders: tuple[Holder, ...] = ()
    spent: Mapping[str, Spent] = field(default_factory=dict)


def asked(room: Room, claim: Claim) -> Room:
    """Add somebody who waits."""
    return replace(room, waiting=(*room.waiting, claim))


def seated(room: Room, claim: Claim, now: float) -> Room:
    """Give a seat to somebody who waits."""
    waiting = tuple(one for one in room.waiting if one.number != claim.number)
    return replace(room, waiting=waiting, holders=(*room.holders, Holder(claim, now)))


def told_to_leave(room: Room, holder: Holder) -> Room:
    """Remember that somebody was told."""
    return replace(room, holders=tuple(replace(one, leaving=one.leaving or one == holder) for one in room.holders))


def left(room: Room, number: int, now: float) -> Room:
    """Take a claim away, whether it waits or has a seat; the time on the seat is counted."""
    spent = dict(room.spent)
    for holder in room.holders:
        if holder.claim.number == number:
            for name in dict.fromkeys((_owner(holder.claim), holder.claim.key)):
                known = spent.pop(name, Spent(0.0, now))
                spent[name] = Spent(known.by(now) + now - holder.since, now)
    kept = list(spent.items())[-_MOST_REMEMBERED:]
    return Room(
        tuple(claim for claim in room.waiting if claim.number != number),
        tuple(holder for holder in room.holders if holder.claim.number != number),
        dict(kept),
    )


def next_claim(room: Room, terms: Terms, now: float, *, busy: Collection[str] = ()) -> Claim | None:
    """Return who is to be seated now; None: nobody. ``busy`` keys are left waiting."""
    long = _long(room, terms, now)
    too_many = max(0, len(long) - min(terms.most_long, terms.seats - 1))
    if len(room.holders) >= terms.seats + min(terms.most_lent, too_many):
        return None
    able = [claim for claim in _able(room, terms, now, busy) if not claim.slow or len(long) < terms.most_long]
    if len(room.holders) >= terms.seats:
        # What is lent is for those who are not themselves the reason for it.
        reasons = {holder.claim.owner for holder in long} - {""}
        able = [claim for claim in able if claim.owner not in reasons]
    return min(able, key=lambda claim: _turn(room, claim, now), default=None)


def must_leave(room: Room, terms: Terms, now: float) -> Holder | None:
    """Return who has to give a seat back, because too many take long while somebody waits who may not."""
    long = _long(room, terms, now)
    leaving = any(holder.leaving for holder in room.holders)
    if leaving or len(room.holders) < terms.seats or len(long) <= terms.most_long:
        return None
    if all(claim.slow for claim in _able(room, terms, now, ())):
        return None
    # Whoever began last loses least. Nobody has to go twice.
    able = [holder for holder in long if not holder.claim.slow]
    return max(able, key=lambda holder: holder.since, default=None)


def next_look(room: Room, terms: Terms, now: float) -> float | None:
    """Return in how many seconds somebody will count as long; None: nobody waits for that."""
    if not room.waiting:
        return None
    ends = [holder.since + terms.long_after - now for holder in room.holders if not holder.claim.slow]
    return min((seconds for seconds in ends if 0 < seconds < float("inf")), default=None)


def niceness(processor_seconds: float) -> int:
    """Say how far something stands back that has used so much: whoever has used less always goes first."""
    return next((nice for least, nice in _NICENESS if processor_seconds >= least), FIRST_NICENESS)


def _owner(claim: Claim) -> str:
    return f"author {claim.owner}" if claim.owner else ""


def _long(room: Room, terms: Terms, now: float) -> list[Holder]:
    return [one for one in room.holders if one.claim.slow or now - one.since >= terms.long_after]


def _able(room: Room, terms: Terms, now: float, busy: Collection[str]) -> list[Claim]:
    """Give those who wait for nothing but a seat. What takes long does not keep its author from the rest."""
    long = _long(room, terms, now)
    owners = [holder.claim.owner for holder in room.holders if holder not in long]
    return [
        claim
        for claim in room.waiting
        if claim.key not in busy and (not claim.owner or owners.count(claim.owner) < terms.most_of_owner)
    ]


def _turn(room: Room, claim: Claim, now: float) -> tuple[float, float, int]:
    author, pull_request = (
        room.spent[name].by(now) if name in room.spent else 0.0 for name in (_owner(claim), claim.key)
    )
    return (author if claim.owner else 0.0, pull_request, claim.number)
