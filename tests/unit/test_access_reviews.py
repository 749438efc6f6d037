"""Answers to access reviews: asked once, shared, forgotten after a minute, and never a failure for an answer."""

import asyncio
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta

import pytest

from gitops_bot.cluster.access import ANSWER_HOLDS, AccessReviews
from gitops_bot.errors import ClusterUnavailable
from gitops_bot.models.rights import Right

GET = Right("apps", "deployments", "get", "web")
NAMED = Right("", "secrets", "get", "web", "login")


class World:
    """Grants some rights, counts the questions, and has a clock."""

    def __init__(self, *granted: Right) -> None:
        self.granted: Collection[Right] = granted
        self.asked: list[Right] = []
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.reviews = AccessReviews("production", lambda: self.now)
        self.before_answer: Callable[[], None] = lambda: None

    async def ask(self, right: Right) -> bool:
        self.asked.append(right)
        self.before_answer()
        await asyncio.sleep(0)
        return right in self.granted

    async def lacks(self, *rights: Right, user: str = "") -> frozenset[Right]:
        return await self.reviews.lacks(user, rights, self.ask)


async def test_what_is_given_everywhere_is_asked_once_for_all_namespaces() -> None:
    world = World(GET.everywhere)
    rights = [Right("apps", "deployments", "get", f"n{number}", f"o{number}") for number in range(50)]
    assert await world.lacks(*rights) == frozenset()
    assert world.asked == [GET.everywhere]


async def test_a_right_is_looked_for_where_it_may_be_given() -> None:
    world = World(NAMED)
    assert await world.lacks(NAMED) == frozenset()
    assert world.asked == [NAMED.everywhere, NAMED.nameless, NAMED]
    assert await world.lacks(NAMED.nameless) == {NAMED.nameless}
    assert len(world.asked) == 3


async def test_those_who_ask_the_same_at_once_share_a_request() -> None:
    world = World(GET.everywhere)
    await asyncio.gather(*(world.lacks(GET) for _ in range(10)))
    assert len(world.asked) == 1


async def test_an_answer_holds_for_a_minute() -> None:
    world = World()
    assert await world.lacks(GET) == {GET}
    world.granted = (GET.everywhere,)
    world.now += ANSWER_HOLDS
    assert await world.lacks(GET) == {GET}
    world.now += timedelta(seconds=1)
    assert await world.lacks(GET) == frozenset()
    world.granted = ()
    world.now += ANSWER_HOLDS + timedelta(seconds=1)
    assert await world.lacks(GET) == {GET}


async def test_users_do_not_share_answers() -> None:
    world = World(GET.everywhere)
    assert await world.lacks(GET) == frozenset()
    world.granted = ()
    assert await world.lacks(GET, user="system:serviceaccount:web:tenant") == {GET}


async def test_a_failure_is_raised_and_not_remembered() -> None:
    world = World(GET.everywhere)

    def fail() -> None:
        raise ClusterUnavailable("gone")

    world.before_answer = fail
    with pytest.raises(ClusterUnavailable):
        await world.lacks(GET, NAMED)
    world.before_answer = lambda: None
    assert await world.lacks(GET) == frozenset()


async def test_who_asked_first_may_go() -> None:
    world = World(GET.everywhere)
    first = asyncio.create_task(world.lacks(GET))
    second = asyncio.create_task(world.lacks(GET))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    first.cancel()
    assert await second == frozenset()
    assert len(world.asked) == 1
