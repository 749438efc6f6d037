import asyncio
from collections.abc import Awaitable, Callable

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
