"""A wide pull request through everything: flux, API server, Slack, comment, page and JSON.

Wide enough that message and comment have to leave something out; the views are held to 2,000 objects in
tests/unit (hostile texts) and the whole to 40 Kustomizations and 2,000 objects in tests/benchmarks.
"""

from pathlib import Path

import pytest
from wide_story import it_fits_everywhere_and_nothing_is_lost


@pytest.mark.timeout(600)
async def test_it_fits_everywhere_and_nothing_is_lost(tmp_path: Path) -> None:
    await it_fits_everywhere_and_nothing_is_lost(tmp_path, 16, 25)
