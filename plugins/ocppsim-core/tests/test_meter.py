"""The meter, held to physics whatever happens at the outlet."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from ocppsim_core.grid import Grid
from ocppsim_core.meter import Limit, Meter
from ocppsim_core.reading import MEASURANDS, Reading, phases_of
from ocppsim_core.vehicle import Vehicle

from ocppsim.v16.types import Measurand, Phase

PHASES: tuple[Phase, ...] = ("L1", "L2", "L3")


def charging(
    *, soc: float = 0.2, phases: int = 3, amperes: float = 16.0, grid: Grid | None = None
) -> Meter:
    """A meter with a vehicle that charges."""
    meter = Meter(grid)
    meter.vehicle = Vehicle(soc=soc, phases=phases, max_current_a=amperes)
    meter.closed = True
    return meter


def number(reading: Reading, measurand: Measurand, phase: Phase | None = None) -> Decimal:
    (value,) = reading.sampled_values(measurand, phase)
    return Decimal(value["value"])


def watts(meter: Meter) -> float:
    """The sum of U·I over the phases in use, times the power factor, W."""
    reading = meter.reading()
    volts = sum(reading.voltages[index] for index in reading.lines)
    return volts * reading.current_a * reading.power_factor


spans = st.one_of(st.floats(0.0, 120.0), st.floats(0.0, 40_000.0), st.integers(0, 3600))


class Outlet(RuleBasedStateMachine):
    """Whatever happens to it, in whatever order."""

    @initialize(
        phases=st.integers(1, 3), seed=st.integers(0, 99), noise=st.sampled_from([0, 0.005, 0.1])
    )
    def build(self, phases: int, seed: int, noise: float) -> None:
        self.meter = Meter(Grid(phases=phases, seed=seed, noise=noise), max_current_a=32.0)
        self.before = self.meter.reading()
        self.shown = 0
        self.stored_kwh = 0.0
        self.drawn_kwh = 0.0

    @rule(
        battery=st.floats(1.0, 100.0),
        soc=st.floats(0.0, 1.0),
        phases=st.integers(1, 3),
        amperes=st.floats(1.0, 63.0),
    )
    def plug_in(self, battery: float, soc: float, phases: int, amperes: float) -> None:
        self.meter.vehicle = Vehicle(battery, soc, phases, amperes, efficiency=0.9)

    @rule()
    def unplug(self) -> None:
        self.meter.vehicle = None

    @rule(closed=st.booleans())
    def switch(self, closed: bool) -> None:
        self.meter.closed = closed

    @precondition(lambda self: self.meter.vehicle is not None)
    @rule(paused=st.booleans())
    def pause(self, paused: bool) -> None:
        vehicle = self.meter.vehicle
        assert vehicle is not None
        vehicle.pause() if paused else vehicle.resume()

    @rule(
        owner=st.sampled_from("ab"),
        amperes=st.none() | st.sampled_from([0.0, 0.5, 6.0]) | st.floats(0.0, 40.0),
        watts=st.none() | st.floats(0.0, 30_000.0),
        phases=st.none() | st.integers(0, 3),
    )
    def limit(
        self, owner: str, amperes: float | None, watts: float | None, phases: int | None
    ) -> None:
        self.meter.set_limit(owner, amperes, watts=watts, phases=phases)

    @rule(seconds=spans)
    def pass_time(self, seconds: float) -> None:
        meter, vehicle = self.meter, self.meter.vehicle
        soc = vehicle.soc if vehicle else 0.0
        energy = sum(meter.registers["active"])
        most = meter.offered_a * 1.1 * 230.05 * meter.phases
        meter.advance(seconds)
        drawn = sum(meter.registers["active"]) - energy
        assert drawn >= 0
        if meter.limits.keys() and any(limit.watts is not None for limit in meter.limits.values()):
            allowed = min(x.watts for x in meter.limits.values() if x.watts is not None)
            assert drawn <= allowed * seconds / 3600 + 1e-6
        else:
            assert drawn <= most * seconds / 3600 * (1 + 1e-9) + 1e-6
        # the current has only fallen since; voltages may differ by the noise
        assert drawn >= 0.8 * watts(meter) * seconds / 3600 - 1e-6
        if vehicle:
            gained = (vehicle.soc - soc) * vehicle.battery_kwh
            assert gained == pytest.approx(drawn / 1000 * vehicle.efficiency, rel=1e-6, abs=1e-6)
        else:
            assert drawn == 0

    @invariant()
    def no_register_goes_back(self) -> None:
        reading = self.meter.reading(since=self.before)
        for name in MEASURANDS:
            if name.endswith("Register"):
                assert number(reading, name) >= number(self.before, name)
            if name.endswith("Interval"):
                assert number(reading, name) >= 0
        assert number(reading, "Energy.Active.Import.Interval") == number(
            reading, "Energy.Active.Import.Register"
        ) - number(self.before, "Energy.Active.Import.Register")
        assert self.meter.register_wh == number(reading, "Energy.Active.Import.Register")
        self.before = reading

    @invariant()
    def nothing_is_above_what_is_allowed(self) -> None:
        meter, vehicle = self.meter, self.meter.vehicle
        assert 0 <= meter.current_a <= meter.offered_a <= meter.max_current_a
        assert meter.phases <= meter.grid.phases
        if not meter.closed:
            assert meter.offered_a == 0
        for limit in meter.limits.values():
            if limit.amperes is not None:
                assert meter.offered_a <= limit.amperes
            if limit.watts is not None:
                assert watts(meter) <= limit.watts + 1e-6
                assert float(number(meter.reading(), "Power.Offered")) <= limit.watts + 0.16
            if limit.phases is not None:
                assert meter.phases <= limit.phases
        if vehicle:
            assert 0 <= vehicle.soc <= 1
            assert meter.current_a <= vehicle.max_current_a
            assert not (meter.current_a and vehicle.full)
            assert meter.phases <= vehicle.phases

    @invariant()
    def what_is_shown_agrees(self) -> None:
        reading = self.meter.reading()
        names = PHASES[: len(reading.voltages)]
        total = sum(
            number(reading, "Voltage", name) * number(reading, "Current.Import", name)
            for name in names
        ) * number(reading, "Power.Factor")
        # the current is shown in mA, a power in tenths of a watt, a factor in thousandths
        slack = Decimal("0.0005") * 3 * 260 + Decimal("0.05") * 3
        assert abs(total - number(reading, "Power.Active.Import")) <= slack
        for measurand, kind in MEASURANDS.items():
            known = phases_of(measurand, len(reading.voltages))
            if names[0] in known and not kind.split and kind.unit not in (None, "A"):
                phases = sum(number(reading, measurand, name) for name in names)
                assert phases == number(reading, measurand), measurand


Outlet.TestCase.settings = settings(deadline=None, max_examples=60, stateful_step_count=25)
test_outlet = Outlet.TestCase


@given(st.integers(0, 1000), st.floats(0.0, 1.0), st.lists(spans, min_size=1, max_size=5))
@settings(deadline=None)
def test_it_makes_no_difference_how_time_is_cut(seed: int, soc: float, parts: list[float]) -> None:
    one, two = (charging(soc=soc, grid=Grid(seed=seed)) for _ in range(2))
    for part in parts:
        one.advance(part)
    two.advance(sum(parts))
    for kind, registers in one.registers.items():
        assert registers == pytest.approx(two.registers[kind], rel=1e-9, abs=1e-6)
    assert one.vehicle is not None
    assert two.vehicle is not None
    assert one.vehicle.soc == pytest.approx(two.vehicle.soc, rel=1e-9)


@given(st.integers(0, 1000), st.lists(spans, max_size=4))
@settings(deadline=None)
def test_the_same_seed_gives_the_same_readings(seed: int, parts: list[float]) -> None:
    one, two = (charging(grid=Grid(seed=seed)) for _ in range(2))
    for part in parts:
        one.advance(part)
        two.advance(part)
        assert one.reading() == two.reading()


@given(st.integers(0, 1000), st.integers(1, 3), st.integers(1, 600))
@settings(deadline=None, max_examples=30)
def test_energy_is_the_integral_of_power(seed: int, phases: int, seconds: int) -> None:
    """Below 80 % the power only changes with the voltages, at whole seconds: the sum is exact."""
    meter = charging(soc=0.2, phases=phases, grid=Grid(seed=seed, noise=0.05))
    summed = 0.0
    for _ in range(seconds):
        summed += watts(meter) / 3600
        meter.advance(1)
    assert sum(meter.registers["active"]) == pytest.approx(summed, rel=1e-9)
    assert meter.register_wh == pytest.approx(summed, abs=3)


def test_energy_is_the_integral_of_power_where_that_falls() -> None:
    meter = charging(soc=0.85, grid=Grid(noise=0))
    summed = 0.0
    for _ in range(2 * 3600):
        before = watts(meter)
        meter.advance(1)
        summed += (before + watts(meter)) / 2 / 3600
    assert sum(meter.registers["active"]) == pytest.approx(summed, rel=1e-6)
    assert meter.current_a < 12


def test_an_hour_in_round_numbers() -> None:
    meter = Meter(Grid(noise=0))
    meter.vehicle = Vehicle(50.0, 0.2, power_factor=0.8, efficiency=1.0)
    meter.closed = True
    before = meter.reading()
    meter.advance(3600)
    seen = {
        name: " ".join(value["value"] for value in meter.reading(before).sampled_values(name))
        for name in MEASURANDS
    }
    assert seen == {
        "Current.Export": "0.000 0.000 0.000",
        "Current.Import": "16.000 16.000 16.000",
        "Current.Offered": "32.000",
        "Energy.Active.Export.Interval": "0",
        "Energy.Active.Export.Register": "0",
        "Energy.Active.Import.Interval": "8832",  # 3 x 230 V x 16 A x 0.8
        "Energy.Active.Import.Register": "8832",
        "Energy.Reactive.Export.Interval": "0",
        "Energy.Reactive.Export.Register": "0",
        "Energy.Reactive.Import.Interval": "6624",  # x 0.6
        "Energy.Reactive.Import.Register": "6624",
        "Frequency": "50.00",
        "Power.Active.Export": "0.0",
        "Power.Active.Import": "8832.0",
        "Power.Factor": "0.800",
        "Power.Offered": "22080.0",
        "Power.Reactive.Export": "0.0",
        "Power.Reactive.Import": "6624.0",
        "SoC": "37.6",  # 20 % and 8.832 of 50 kWh
        "Temperature": "28.8",
        "Voltage": "230.0 230.0 230.0",
    }


def test_one_phase_and_what_it_leaves_on_neutral() -> None:
    reading = charging(phases=1, grid=Grid(noise=0)).reading()
    currents = [number(reading, "Current.Import", phase) for phase in (*PHASES, "N")]
    assert currents == [16, 0, 0, 16]
    assert number(reading, "Power.Active.Import", "L1") == Decimal("3643.2")
    assert number(reading, "Power.Active.Import", "L2") == 0
    assert number(reading, "Power.Offered") == 7360
    two = charging(phases=2).reading()
    assert number(two, "Current.Import", "N") == 16
    three = charging(phases=3).reading()
    assert number(three, "Current.Import", "N") == 0


def test_between_two_phases() -> None:
    reading = Meter(Grid(noise=0)).reading()
    assert number(reading, "Voltage", "L1-L2") == Decimal("398.4")  # 230 V times the root of 3
    assert number(reading, "Voltage", "L3-L1") == Decimal("398.4")
    assert number(reading, "Voltage", "L2-N") == number(reading, "Voltage", "L2") == 230


def test_the_smallest_limit_holds_until_its_owner_takes_it_back() -> None:
    meter = charging(amperes=32.0, grid=Grid(noise=0))
    meter.set_limit("profile", 20.0)
    meter.set_limit("load balancing", 10.0)
    assert meter.offered_a == meter.current_a == 10.0
    assert meter.limits == {"profile": Limit(20.0), "load balancing": Limit(10.0)}
    meter.set_limit("load balancing")
    assert meter.current_a == 20.0
    meter.set_limit("profile", watts=6900)
    assert meter.offered_a == 10.0
    meter.set_limit("profile", watts=6900, phases=1)
    assert meter.offered_a == 30.0
    assert meter.phases == 1
    meter.set_limit("profile", 0)
    assert meter.offered_a == meter.current_a == 0
    assert meter.seconds_to_full() == math.inf
    meter.set_limit("profile")
    assert meter.offered_a == 32.0
    for wrong in (-1, math.nan):
        with pytest.raises(ValueError, match="the limit of profile is a number of A from 0"):
            meter.set_limit("profile", wrong)


def test_no_phase_is_no_current() -> None:
    meter = charging()
    meter.set_limit("profile", phases=0)
    meter.advance(3600)
    assert (meter.offered_a, meter.current_a, meter.register_wh) == (0, 0, 0)
    assert meter.seconds_to_full() == math.inf


def test_an_open_contactor_offers_nothing() -> None:
    meter = charging()
    meter.closed = False
    meter.advance(3600)
    assert (meter.offered_a, meter.current_a, meter.register_wh) == (0, 0, 0)


def test_it_goes_on_over_vehicles_and_lives() -> None:
    meter = charging(grid=Grid(seed=1))
    meter.advance(1800)
    first = meter.register_wh
    meter.vehicle = Vehicle(soc=0.5)
    meter.advance(1800)
    assert meter.register_wh > first > 5000
    again = Meter(Grid(seed=1), registers=meter.registers)
    assert again.register_wh == meter.register_wh
    assert again.registers == meter.registers
    fewer = Meter(Grid(phases=1), registers=meter.registers)
    assert fewer.register_wh == pytest.approx(meter.register_wh, abs=3)
    assert fewer.register_wh >= meter.register_wh
    assert Meter(registers={}).register_wh == 0


def test_seconds_to_full_says_when() -> None:
    meter = charging(soc=0.9)
    assert meter.vehicle is not None
    for _ in range(20):  # the voltages tremble
        meter.advance(meter.seconds_to_full())
        if meter.vehicle.full:
            break
    assert meter.vehicle.full
    assert meter.current_a == 0
    shown = meter.register_wh
    assert meter.seconds_to_full() == 0
    meter.advance(3600)
    assert meter.register_wh == shown
    meter.vehicle = None
    assert meter.seconds_to_full() == math.inf


def test_soc_shows_100_only_when_full() -> None:
    meter = charging(soc=0.999_99)
    assert number(meter.reading(), "SoC") == Decimal("99.9")
    meter.advance(3600)
    assert number(meter.reading(), "SoC") == 100


def test_no_vehicle_no_soc() -> None:
    assert Meter().reading().sampled_values("SoC") == []


@pytest.mark.parametrize("seconds", [-1, math.nan, math.inf])
def test_a_meter_does_not_run_backwards(seconds: float) -> None:
    with pytest.raises(ValueError, match="from 0, not"):
        Meter().advance(seconds)


def test_wires_bear_some_current() -> None:
    with pytest.raises(ValueError, match="above 0 A, not 0"):
        Meter(max_current_a=0)


@given(st.integers(0, 3600), st.integers(0, 3600), st.integers(0, 10**7))
@settings(deadline=None, max_examples=50)
def test_a_reading_by_another_meter(first: int, then: int, shown: int) -> None:
    """Phases add up to what it shows, and what has flowed meanwhile stays the same."""
    meter = charging(phases=2)
    meter.advance(first)
    before = meter.reading()
    meter.advance(then)
    reading = meter.reading(before)
    other = reading.showing(shown)
    assert number(other, "Energy.Active.Import.Register") == shown == sum(other.active_wh)
    assert min(other.active_wh) >= 0
    for phase in (None, *PHASES):
        interval = number(other, "Energy.Active.Import.Interval", phase)
        assert interval == number(reading, "Energy.Active.Import.Interval", phase)
