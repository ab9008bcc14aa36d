"""A battery that charges, held to its curve by rules and by an integration in small steps."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from ocppsim_core.vehicle import Vehicle

VOLTS = 690.0  # V, three phases together

socs = st.floats(0.0, 1.0)
currents = st.floats(0.1, 63.0)
spans = st.floats(0.0, 36_000.0)


@st.composite
def curves(draw: st.DrawFn) -> list[tuple[float, float]]:
    inner = sorted(draw(st.sets(st.integers(1, 99), max_size=4)))
    shares = st.floats(0.0, 1.0)
    return [(soc / 100, draw(shares)) for soc in (0, *inner, 100)]


@st.composite
def vehicles(draw: st.DrawFn) -> Vehicle:
    return Vehicle(
        draw(st.floats(1.0, 150.0)),
        draw(socs),
        max_current_a=draw(currents),
        efficiency=draw(st.floats(0.5, 1.0)),
        power_factor=draw(st.floats(0.5, 1.0)),
        curve=draw(curves()),
    )


def twin(vehicle: Vehicle) -> Vehicle:
    """Another one in the same state."""
    other = Vehicle(
        vehicle.battery_kwh,
        vehicle.soc,
        vehicle.phases,
        vehicle.max_current_a,
        efficiency=vehicle.efficiency,
        power_factor=vehicle.power_factor,
        curve=[(soc, min(amps / vehicle.max_current_a, 1.0)) for soc, amps in vehicle._points],
    )
    return other


def test_the_current_is_level_then_falls_and_ends() -> None:
    vehicle = Vehicle(max_current_a=16.0)
    seen = {}
    for soc in (0.0, 0.5, 0.8, 0.9, 0.999_999, 1.0):
        vehicle.soc = soc
        seen[soc] = round(vehicle.current_a(), 2)
    assert seen == {0.0: 16.0, 0.5: 16.0, 0.8: 16.0, 0.9: 8.8, 0.999_999: 1.6, 1.0: 0.0}
    assert vehicle.full


def test_a_limit_holds_where_it_is_below_the_curve() -> None:
    vehicle = Vehicle(soc=0.9, max_current_a=16.0)
    assert vehicle.current_a(32.0) == pytest.approx(8.8)
    assert vehicle.current_a(6.0) == 6.0
    assert vehicle.current_a(0.0) == 0.0


def test_a_pause_takes_nothing_until_it_is_over() -> None:
    vehicle = Vehicle(soc=0.5)
    vehicle.pause()
    assert vehicle.current_a(16.0) == 0.0
    assert vehicle.draw(3600.0, 16.0, VOLTS) == 0.0
    assert vehicle.seconds_to_full(16.0, VOLTS) == math.inf
    assert vehicle.soc == 0.5
    assert repr(vehicle) == "Vehicle(77 kWh, 50.0%, 3 x 16 A, paused)"
    vehicle.resume()
    assert vehicle.draw(3600.0, 16.0, VOLTS) == pytest.approx(16.0 * 3600)
    assert vehicle.soc > 0.5


@given(vehicles(), spans, currents)
@settings(deadline=None)
def test_soc_follows_the_energy(vehicle: Vehicle, seconds: float, ceiling: float) -> None:
    before = vehicle.soc
    charge = vehicle.draw(seconds, ceiling, VOLTS)
    kwh = charge * VOLTS * vehicle.power_factor / 3.6e6
    stored = (vehicle.soc - before) * vehicle.battery_kwh
    assert stored == pytest.approx(kwh * vehicle.efficiency, rel=1e-6, abs=1e-9)


@given(vehicles(), spans, currents)
@settings(deadline=None)
def test_it_never_takes_more_than_it_can_or_is_offered(
    vehicle: Vehicle, seconds: float, ceiling: float
) -> None:
    before = vehicle.soc
    charge = vehicle.draw(seconds, ceiling, VOLTS)
    assert 0 <= charge <= min(ceiling, vehicle.max_current_a) * seconds * (1 + 1e-9)
    assert before <= vehicle.soc <= 1
    assert 0 <= vehicle.current_a(ceiling) <= min(ceiling, vehicle.max_current_a)


@given(vehicles(), st.lists(spans, min_size=1, max_size=5), currents)
@settings(deadline=None)
def test_parts_make_a_whole(vehicle: Vehicle, parts: list[float], ceiling: float) -> None:
    other = twin(vehicle)
    in_parts = sum(vehicle.draw(part, ceiling, VOLTS) for part in parts)
    at_once = other.draw(sum(parts), ceiling, VOLTS)
    assert in_parts == pytest.approx(at_once, rel=1e-6, abs=1e-6)
    assert vehicle.soc == pytest.approx(other.soc, rel=1e-9, abs=1e-12)


@given(vehicles(), st.floats(1.0, 3600.0), currents)
@settings(deadline=None, max_examples=25)
def test_small_steps_come_to_the_same(vehicle: Vehicle, seconds: float, ceiling: float) -> None:
    other = twin(vehicle)
    charge = vehicle.draw(seconds, ceiling, VOLTS)
    steps = 4000
    gain = VOLTS * other.power_factor * other.efficiency / (other.battery_kwh * 3.6e6)
    summed = 0.0
    for _ in range(steps):
        part = other.current_a(ceiling) * seconds / steps
        summed += part
        other.soc = min(1.0, other.soc + part * gain)
    # it may jump over the end of the curve by a step
    least = min(ceiling, vehicle.max_current_a) * seconds / steps
    assert charge == pytest.approx(summed, rel=5e-3, abs=2 * least)


@given(vehicles(), currents)
@settings(deadline=None)
def test_the_time_to_full_is_the_time_to_full(vehicle: Vehicle, ceiling: float) -> None:
    assume(not vehicle.full)
    seconds = vehicle.seconds_to_full(ceiling, VOLTS)
    soc = vehicle.soc
    assert seconds > 0 or soc > 1 - 1e-9
    vehicle.draw(seconds * 0.99, ceiling, VOLTS)
    assert vehicle.soc < 1 or soc > 1 - 1e-9
    vehicle.draw(seconds * 0.02, ceiling, VOLTS)
    assert vehicle.full
    assert vehicle.seconds_to_full(ceiling, VOLTS) == 0


def test_it_is_full_after_hours_not_never() -> None:
    vehicle = Vehicle(battery_kwh=10.0, soc=0.0, curve=[(0.0, 1.0), (1.0, 0.0)])
    hours = vehicle.seconds_to_full(16.0, VOLTS) / 3600
    assert 2 < hours < 10


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"battery_kwh": 0}, "the battery of a vehicle, kWh, is above 0"),
        ({"battery_kwh": math.nan}, "the battery of a vehicle"),
        ({"soc": 1.1}, "a state of charge is a share from 0 to 1"),
        ({"soc": math.nan}, "a state of charge"),
        ({"phases": 4}, "1, 2 or 3 phases, not 4"),
        ({"max_current_a": -1}, "the greatest current of a vehicle, A, is above 0"),
        ({"efficiency": 1.01}, "the efficiency of a vehicle is a share"),
        ({"power_factor": 0}, "the power factor of a vehicle is a share"),
        ({"curve": [(0.1, 1.0), (1.0, 0.1)]}, "goes up from 0.0 to 1.0"),
        ({"curve": [(0.0, 1.0), (0.5, 0.5), (0.5, 0.1), (1.0, 0.1)]}, "goes up from 0.0 to 1.0"),
        ({"curve": []}, "goes up from 0.0 to 1.0"),
        ({"curve": [(0.0, 16.0), (1.0, 0.1)]}, "in shares of the current"),
    ],
)
def test_what_makes_no_vehicle(settings: dict[str, Sequence[float]], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Vehicle(**settings)  # type: ignore[arg-type]


def test_driving_empties_the_battery() -> None:
    vehicle = Vehicle(soc=1.0)
    vehicle.soc = 0.3
    assert not vehicle.full
    with pytest.raises(ValueError, match="a state of charge"):
        vehicle.soc = -0.1
    assert vehicle.soc == 0.3
