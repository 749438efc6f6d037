"""The widest pull request that we promise: 40 Kustomizations, 2,000 objects. From push to message: `pytest -s`."""

from pathlib import Path

import pytest
from wide_story import it_fits_everywhere_and_nothing_is_lost


@pytest.mark.timeout(1_200)
async def test_forty_kustomizations_with_fifty_objects_each(tmp_path: Path) -> None:
    await it_fits_everywhere_and_nothing_is_lost(tmp_path, 40, 50)
