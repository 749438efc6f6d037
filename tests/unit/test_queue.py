import asyncio
from collections.abc import Awaitable, Callable

from waiting import until

from gitops_bot.queue import InProcessQueue


async def test_the_newest_work_of_a_key_wins_and_never_runs_beside_another_of_it() -> None:
    done: list[str] = []
    running = 0
    gate = asyncio.Event()

    def work(name: str) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            nonlocal running
            running += 1
            assert running == 1
            await gate.wait()
            done.append(name)
            running -= 1

        return run

    async with InProcessQueue(concurrency=4) as queue:
        queue.put("a", work("first"))
        queue.put("a", work("second"))
        queue.put("a", work("third"))
        assert queue.busy_keys == {"a"}
        gate.set()
        await asyncio.wait_for(queue.idle(), 5)
    assert done == ["first", "third"]


async def test_keys_run_side_by_side_up_to_the_limit() -> None:
    most = running = 0

    async def work() -> None:
        nonlocal most, running
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    async with InProcessQueue(concurrency=3) as queue:
        for number in range(20):
            queue.put(str(number), work)
        await asyncio.wait_for(queue.idle(), 5)
    assert most == 3


async def test_a_failure_stops_nobody() -> None:
    done: list[int] = []

    async def fail() -> None:
        raise ValueError

    async def succeed() -> None:
        done.append(1)

    async with InProcessQueue(concurrency=1) as queue:
        queue.put("bad", fail)
        queue.put("good", succeed)
        await asyncio.wait_for(queue.idle(), 5)
    assert done == [1]


async def test_leaving_cancels_what_runs_and_takes_no_more() -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with InProcessQueue(concurrency=1) as queue:
        queue.put("a", work)
        queue.put("b", work)
        await started.wait()
    assert cancelled.is_set()
    queue.put("c", work)
    assert queue.busy_keys == frozenset()


async def test_harmless_work_is_done_while_hostile_work_holds_every_place() -> None:
    """Four people at once, and one of them with many: none of it ever ends."""
    stuck, done = asyncio.Event(), asyncio.Event()
    most = running = 0

    async def never_ends() -> None:
        nonlocal most, running
        running += 1
        most = max(most, running)
        await stuck.wait()

    async def harmless() -> None:
        done.set()

    async with InProcessQueue(concurrency=4, long_after=0.05) as queue:
        for number in range(20):
            queue.put(f"hostile {number}", never_ends, owner=f"mallory {min(number, 3)}")
        queue.put("harmless", harmless, owner="alice")
        await asyncio.wait_for(done.wait(), 5)
        assert not stuck.is_set()
        # Others come and go while it lasts, and what is lent has an end.
        for number in range(20):
            done.clear()
            queue.put(f"harmless {number}", harmless, owner="alice")
            await asyncio.wait_for(done.wait(), 5)
        assert most <= 8
        stuck.set()
        await asyncio.wait_for(queue.idle(), 5)


async def test_one_author_never_has_every_place() -> None:
    """Nobody has to wait until that one counts as long."""
    stuck, done = asyncio.Event(), asyncio.Event()

    async def never_ends() -> None:
        await stuck.wait()

    async def harmless() -> None:
        done.set()

    async with InProcessQueue(concurrency=4) as queue:
        for number in range(20):
            queue.put(f"hostile {number}", never_ends, owner="mallory")
        queue.put("harmless", harmless, owner="alice")
        await asyncio.wait_for(done.wait(), 5)


async def test_what_took_long_once_gets_no_place_that_is_lent() -> None:
    stuck = asyncio.Event()
    running: set[str] = set()

    def hostile(name: str) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            running.add(name)
            try:
                await stuck.wait()
            finally:
                running.discard(name)

        return run

    names = [f"hostile {number}" for number in range(6)]
    async with InProcessQueue(concurrency=2, long_after=0.05) as queue:
        for name in names:
            queue.put(name, hostile(name), owner=name)
        await until(lambda: len(running) == 4, "as many again are lent", 5)
        stuck.set()
        await asyncio.wait_for(queue.idle(), 5)
        stuck.clear()
        for name in names[:2]:
            queue.put(name, hostile(name), owner=name)
        done = asyncio.Event()

        async def harmless() -> None:
            done.set()

        queue.put("harmless", harmless, owner="alice")
        await asyncio.wait_for(done.wait(), 5)
        assert len(running) == 1
        stuck.set()
