"""Voltages that tremble, and repeat."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ocppsim_core.grid import SLOT, Grid

times = st.floats(0.0, 1e9)
grids = st.builds(
    Grid,
    voltage=st.floats(100.0, 500.0),
    phases=st.integers(1, 3),
    noise=st.floats(0.0, 0.1),
    seed=st.integers(),
)


@given(grids, times)
@settings(deadline=None)
def test_the_same_seed_gives_the_same_voltages_for_the_whole_slot(
    grid: Grid, seconds: float
) -> None:
    twin = Grid(grid.voltage, grid.phases, grid.frequency, grid.noise, grid.seed)
    voltages, hertz = grid.state(seconds)
    assert twin.state(seconds) == (voltages, hertz)
    end = grid.slot_end(seconds)
    assert end > seconds
    if grid.noise:
        assert grid.state(max(seconds, math.nextafter(end, 0))) == (voltages, hertz)
    else:
        assert end == math.inf
    assert len(voltages) == grid.phases
    for volts in voltages:
        assert abs(volts - grid.voltage) <= grid.noise * grid.voltage + 0.051
        assert volts == round(volts, 1)
    assert abs(hertz - 50.0) <= 0.021


def test_other_seeds_and_other_times_give_other_voltages() -> None:
    seen = {Grid(seed=seed).state(slot * SLOT) for seed in range(10) for slot in range(10)}
    assert len(seen) > 90


def test_no_noise_is_a_grid_that_stands_still() -> None:
    assert Grid(voltage=120.0, phases=2, frequency=60.0, noise=0).state(1e6) == (
        (120.0, 120.0),
        60.0,
    )


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"voltage": 0}, "above 0 V"),
        ({"voltage": math.inf}, "above 0 V"),
        ({"phases": 0}, "1, 2 or 3 phases, not 0"),
        ({"frequency": math.nan}, "above 0 Hz"),
        ({"noise": 0.2}, "from 0 to 0.1"),
        ({"noise": -0.1}, "from 0 to 0.1"),
    ],
)
def test_what_makes_no_grid(settings: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Grid(**settings)  # type: ignore[arg-type]
