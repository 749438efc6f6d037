"""What a hostile pull request costs the others and the bot: within the targets, three pairs of each kind."""

import sys
from pathlib import Path

import pytest
from real_cluster import running_world

sys.path.insert(0, str(Path(__file__).parent))

from hostile_pull_request import (
    KINDS,
    MOST_MEGABYTES,
    MOST_TIMES,
    QUICK_PAIRS,
    Measured,
    run,
)

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]


async def test_others_are_told_in_their_usual_time_and_the_bot_stays_small(tmp_path: Path) -> None:
    with running_world(tmp_path / "world") as world:
        found = await run(world, tmp_path, list(KINDS), QUICK_PAIRS)
    missed = [str(one) for one in found if not one.holds]
    assert not missed, f"more than {MOST_TIMES} times, or {MOST_MEGABYTES} MB"


def test_what_is_missed_is_called_so() -> None:
    kind = Measured("endless", [1.0, 1.0, 1.0], [1.1, 1.2, 9.0], before=100.0, largest=149.0)
    assert kind.holds
    kind.attacked[0] = 1.3
    assert not kind.holds
    kind.attacked[0], kind.largest = 1.0, 151.0
    assert not kind.holds
