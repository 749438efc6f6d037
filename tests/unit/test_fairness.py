"""Who gets a seat, who has to give one back, and that nobody waits for ever."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitops_bot.rules.fairness import (
    Claim,
    Room,
    Terms,
    asked,
    left,
    must_leave,
    next_claim,
    next_look,
    niceness,
    seated,
    terms_of_reviews,
    terms_of_runs,
    told_to_leave,
)

RUNS, REVIEWS = terms_of_runs(4, 10.0), terms_of_reviews(4, 10.0)


def filled(room: Room, terms: Terms, now: float) -> tuple[Room, list[int]]:
    """Seat as many as can be seated."""
    numbers = []
    while (claim := next_claim(room, terms, now)) is not None:
        room, numbers = seated(room, claim, now), [*numbers, claim.number]
    return room, numbers


def waiting(*claims: Claim) -> Room:
    room = Room()
    for claim in claims:
        room = asked(room, claim)
    return room


def of(author: str, count: int, first: int = 1, *, slow: bool = False) -> list[Claim]:
    """Each of a pull request of its own."""
    return [Claim(first + at, f"{author}#{at}", author, slow) for at in range(count)]


@pytest.mark.parametrize("terms", [RUNS, REVIEWS])
def test_one_author_leaves_a_seat_to_the_next(terms: Terms) -> None:
    room, numbers = filled(waiting(*of("mallory", 9)), terms, 0.0)
    assert numbers == [1, 2, 3]
    room, numbers = filled(asked(room, Claim(99, "good#1", "alice")), terms, 1.0)
    assert numbers == [99]


def test_many_authors_give_way_after_a_while() -> None:
    hostile = [Claim(at, f"m#{at}", f"mallory-{at}") for at in range(1, 9)]
    room, numbers = filled(waiting(*hostile), RUNS, 0.0)
    assert numbers == [1, 2, 3, 4]
    room = asked(room, Claim(99, "good#1", "alice"))
    assert must_leave(room, RUNS, 9.9) is None
    assert next_look(room, RUNS, 9.0) == pytest.approx(1.0)
    holder = must_leave(room, RUNS, 10.0)
    assert holder is not None
    room = told_to_leave(room, holder)
    assert must_leave(room, RUNS, 10.0) is None, "one after the other"
    # It comes back as one that takes long, and waits for those that do.
    room = asked(left(room, holder.claim.number, 10.0), replace(holder.claim, number=50, slow=True))
    room, numbers = filled(room, RUNS, 10.0)
    assert numbers == [5], "who had nothing yet is first, in the order in which they came"
    second = must_leave(room, RUNS, 10.0)
    assert second is not None
    room, numbers = filled(left(room, second.claim.number, 10.0), RUNS, 10.0)
    assert numbers == [6]
    assert must_leave(room, RUNS, 10.0) is None, "half of the seats are for those that take long"


def test_what_takes_long_does_not_keep_its_author_from_the_rest() -> None:
    room, numbers = filled(waiting(*of("renovate", 4)), REVIEWS, 0.0)
    assert numbers == [1, 2, 3]
    room, numbers = filled(room, REVIEWS, 10.0)
    assert numbers == [4], "three take long, and one place is left"
    room = asked(asked(room, Claim(8, "renovate#8", "renovate")), Claim(9, "good#1", "alice"))
    room, numbers = filled(room, REVIEWS, 20.0)
    assert numbers == [9], "a place besides is for others"


def test_whoever_had_least_is_first() -> None:
    room, _ = filled(waiting(Claim(1, "m#1", "mallory")), RUNS, 0.0)
    room = left(room, 1, 5.0)
    room = asked(asked(room, Claim(2, "m#2", "mallory")), Claim(3, "a#1", "alice"))
    claim = next_claim(room, RUNS, 5.0)
    assert claim is not None
    assert claim.owner == "alice"
    # After an hour nobody remembers.
    assert [round(spent.by(3600.0), 2) for spent in room.spent.values()] == [0.0, 0.0]


def test_nobody_has_to_go_twice() -> None:
    """Two that take long hold their part; two more become long, and one of these has to go, not one of the others."""
    room, _ = filled(waiting(Claim(1, "a", "a"), Claim(2, "b", "b")), RUNS, 0.0)
    room, _ = filled(asked(asked(room, Claim(3, "c", "c", slow=True)), Claim(4, "d", "d", slow=True)), RUNS, 5.0)
    assert len(room.holders) == 4
    holder = must_leave(asked(room, Claim(5, "e", "e")), RUNS, 10.0)
    assert holder is not None
    assert holder.claim.number in {1, 2}


def test_one_seat_is_nobodys_to_take_back() -> None:
    terms = terms_of_runs(1, 10.0)
    room, numbers = filled(waiting(Claim(1, "a", "x"), Claim(2, "b", "y")), terms, 0.0)
    assert numbers == [1]
    assert must_leave(room, terms, 1000.0) is None


def test_what_took_long_before_waits_for_those_that_do() -> None:
    room, numbers = filled(waiting(*of("mallory", 3, slow=True), Claim(9, "b", "y")), RUNS, 0.0)
    assert numbers == [1, 2, 9]
    assert must_leave(asked(room, Claim(10, "c", "z", slow=True)), RUNS, 100.0) is None


def test_reviews_get_seats_besides_but_not_without_end() -> None:
    room, numbers = filled(waiting(*(Claim(at, f"m#{at}", f"m-{at}") for at in range(1, 30))), REVIEWS, 0.0)
    assert numbers == [1, 2, 3, 4]
    now = 0.0
    seen = []
    for _ in range(20):
        now += 10.0
        room, numbers = filled(room, REVIEWS, now)
        seen += numbers
    assert seen == [5, 6, 7, 8]
    assert must_leave(room, RUNS, now) is not None, "asked for runs it would be"


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.floats(0.1, 60.0)), min_size=1, max_size=30),
    st.integers(2, 5),
)
def test_a_newcomer_who_is_quick_never_waits_longer_than_a_run_may_take_undisturbed(
    hostile: list[tuple[int, bool, float]], seats: int
) -> None:
    """Whatever came before: the newcomer sits at the latest when those before it have become long."""
    terms = terms_of_runs(seats, 10.0)
    room = waiting(*(Claim(number, f"k{number}", f"m{owner}", slow) for number, (owner, slow, _) in enumerate(hostile)))
    for number, (_, _, seconds) in enumerate(hostile):
        room = replace(room, spent=left(seated(room, room.waiting[number], 0.0), number, seconds).spent | room.spent)
    room, _ = filled(room, terms, 0.0)
    room = asked(room, Claim(1000, "good", "alice"))
    at, rounds = 0.0, 0
    while not any(holder.claim.number == 1000 for holder in room.holders):
        rounds += 1
        assert rounds <= 2 * seats
        assert at <= 10.0
        room, _ = filled(room, terms, at)
        holder = must_leave(room, terms, at)
        if holder is not None:
            room = left(told_to_leave(room, holder), holder.claim.number, at)
            continue
        at += next_look(room, terms, at) or 0.0


def test_whoever_has_used_more_stands_further_back() -> None:
    assert [niceness(seconds) for seconds in (0.0, 0.3, 0.4, 1.0, 3.0, 100.0)] == [5, 5, 10, 15, 19, 19]
