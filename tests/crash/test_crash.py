"""A short run of what ``make crash-test`` does at length."""

from __future__ import annotations

from pathlib import Path

import pytest
from crash.run import run


@pytest.mark.timeout(180)
def test_a_charge_point_that_is_killed_over_and_over_loses_nothing(tmp_path: Path) -> None:
    counts = run(8, seed=1, folder=tmp_path)
    assert counts.kills_of_the_charge_point == 8
    assert counts.kills_of_the_line
    assert counts.kills_of_the_csms
    assert counts.messages
    assert (counts.lost, counts.doubled) == (0, 0)
