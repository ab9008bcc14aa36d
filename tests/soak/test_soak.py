"""A short form of ``make soak``."""

from __future__ import annotations

import pytest
from soak.run import soak


@pytest.mark.timeout(180)
def test_charge_points_outlive_bad_weather() -> None:
    outcome = soak(15, 8, mean=2, seed=3)
    assert len(outcome.struck) >= 4, "the weather was fair"
    assert outcome.transactions > 15
    assert outcome.requests
    assert outcome.faults == []
