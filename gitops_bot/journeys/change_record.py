"""Change what is remembered of a pull request: one at a time, and from what stands there now.

A tick, a review and a click know the same row. Each may have read it minutes before it writes, so
nobody writes what was read then: the newest row is read again, and only what is meant is changed.
"""

from collections.abc import Callable

from gitops_bot.journeys.ports import Doors
from gitops_bot.models.records import PullRequestRecord


async def change_record(
    doors: Doors, key: str, change: Callable[[PullRequestRecord], PullRequestRecord]
) -> PullRequestRecord | None:
    """Give the row as it is afterwards; None when there is none. ``change`` must not wait for anything."""
    async with doors.one_at_a_time.alone(f"record {key}"):
        record = await doors.store.pull_request(key)
        if record is None:
            return None
        changed = change(record)
        if changed != record:
            await doors.store.save_pull_request(changed, doors.clock())
        return changed
