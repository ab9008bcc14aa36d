"""What a station looks like: cables, power, limits, errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from ocppsim_core import Fault, Grid, Limit, ManualClock, Vehicle

if TYPE_CHECKING:
    from conftest import World

FACTOR = Vehicle().power_factor


def test_power_and_what_may_flow(world: World) -> None:
    car = Vehicle(phases=3, max_current_a=16)
    station = world.station(clock=ManualClock(), grid=Grid(noise=0), vehicle=car)
    assert (station.power(1), station.offered(1)) == (0, 3 * 230 * 32)
    world.begin(station)
    assert station.power(1) == pytest.approx(3 * 230 * 16 * FACTOR, abs=0.5)
    assert station.offered(1) == 3 * 230 * 32
    assert station.limits(1) == {}
    station.set_limit("fuse", 1, 10)
    station.set_limit("grid", 1, watts=3 * 230 * 8)
    assert station.limits(1) == {"fuse": Limit(amperes=10), "grid": Limit(watts=5520)}
    assert station.offered(1) == 5520
    assert station.power(1) == pytest.approx(5520 * FACTOR, abs=0.5)
    station.set_limit("fuse", 1, 0)
    assert (station.power(1), station.offered(1)) == (0, 0)
    for owner in ("fuse", "grid"):
        station.set_limit(owner, 1)
    station.pause_car(1)
    assert (station.power(1), station.offered(1)) == (0, 3 * 230 * 32)


def test_a_car_with_one_phase_may_have_a_third(world: World) -> None:
    station = world.station(grid=Grid(noise=0), vehicle=Vehicle(phases=1))
    station.plug_in(1)
    assert station.offered(1) == 230 * 32


def test_where_the_cable_is(world: World) -> None:
    station = world.station(2)
    assert station.plugged(1) == {"station": False, "car": False}
    station.plug_in(1, "car")
    assert station.plugged(1) == {"station": False, "car": True}
    station.plug_in(1, "station")
    assert station.plugged(1) == {"station": True, "car": True}
    assert station.plugged(2) == {"station": False, "car": False}
    assert not station.fixed(1)
    with pytest.raises(ValueError, match="the connectors of this station are 1 to 2"):
        station.plugged(3)


def test_where_a_fixed_cable_is(world: World) -> None:
    station = world.station(fixed=True)
    assert station.plugged(1) == {"station": True, "car": False}
    assert station.fixed(1)


def test_errors(world: World) -> None:
    station = world.station()
    assert station.error(0) is station.error(1) is None
    station.fault(1, "GroundFailure", info="wet")
    assert station.error(1) == Fault("GroundFailure", "wet")
    station.repair(1)
    station.fault(1, "WeakSignal", stops=False)
    assert station.error(1) == Fault("WeakSignal")
    assert station.status(1) == "Available"
    assert not station.door_open
    station.open_door()
    assert station.door_open
    assert station.error(0) == Fault("OtherError", "door open")
    station.close_door()
    assert station.error(0) is None


def test_power_and_speed(world: World) -> None:
    station = world.station(on=False, speed=60)
    assert (station.powered, station.speed) == (False, 60)
    station.power_on()
    assert station.powered
    station.power_off()
    assert not station.powered
