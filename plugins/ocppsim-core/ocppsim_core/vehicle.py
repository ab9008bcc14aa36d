"""A vehicle: its battery, and how much current it takes at which state of charge."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

__all__ = ["CURVE", "Vehicle"]

# (state of charge 0..1, share 0..1 of the greatest current): level to 80 %, then less and less
CURVE = ((0.0, 1.0), (0.8, 1.0), (1.0, 0.1))
LEAST_SHARE = 0.01  # what is less would take for ever to get full

Points = tuple[tuple[float, float], ...]


class Vehicle:
    """A battery that charges in one, two or three phases.

    battery_kwh: kWh. soc: the state of charge, 0..1. phases: 1 to 3. max_current_a: A in each
    phase. efficiency: the share, 0..1, of the energy that arrives in the battery. power_factor:
    0..1. curve: points of state of charge and share of max_current_a, from 0.0 to 1.0, with
    straight lines between them; a share below 0.01 counts as 0.01. At 1.0 the vehicle is full and
    takes nothing. Raises ValueError where these make no vehicle.
    """

    def __init__(
        self,
        battery_kwh: float = 77.0,
        soc: float = 0.2,
        phases: int = 3,
        max_current_a: float = 16.0,
        *,
        efficiency: float = 0.9,
        power_factor: float = 0.99,
        curve: Sequence[tuple[float, float]] = CURVE,
    ) -> None:
        self.battery_kwh = _above_0("the battery of a vehicle, kWh,", battery_kwh)
        self.soc = soc
        if phases not in (1, 2, 3):
            raise ValueError(f"a vehicle charges in 1, 2 or 3 phases, not {phases!r}")
        self.phases = phases
        self.max_current_a = _above_0("the greatest current of a vehicle, A,", max_current_a)
        self.efficiency = _share("the efficiency of a vehicle", efficiency)
        self.power_factor = _share("the power factor of a vehicle", power_factor)
        self.paused = False
        self._points = _points(curve, self.max_current_a)
        self._clipped: tuple[float, Points] = (math.inf, self._points)

    def __repr__(self) -> str:
        return (
            f"Vehicle({self.battery_kwh:g} kWh, {self.soc:.1%}, "
            f"{self.phases} x {self.max_current_a:g} A{', paused' if self.paused else ''})"
        )

    @property
    def soc(self) -> float:
        """The state of charge, 0..1. Setting it is driving about. Raises ValueError outside."""
        return self._soc

    @soc.setter
    def soc(self, soc: float) -> None:
        if not 0 <= soc <= 1:
            raise ValueError(f"a state of charge is a share from 0 to 1, not {soc!r}")
        self._soc = float(soc)

    @property
    def full(self) -> bool:
        return self._soc >= 1.0

    def pause(self) -> None:
        """Take no energy until resume(), as a vehicle does that charges by a timer of its own."""
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    def current_a(self, ceiling_a: float = math.inf) -> float:
        """What it takes now in each of its phases, A, where `ceiling_a` is offered."""
        if self.paused or self.full or ceiling_a <= 0:
            return 0.0
        for (low, amps), (high, amps_high) in pairwise(self._points):
            if self._soc < high:
                share = (self._soc - low) / (high - low)
                return min(ceiling_a, amps + share * (amps_high - amps))
        return 0.0

    def draw(self, seconds: float, ceiling_a: float, volts: float) -> float:
        """Charge for `seconds` with at most `ceiling_a` a phase; `volts`: the sum of its phases, V.

        Returns the charge that flowed in each phase, As. It is exact, not in steps: on a straight
        piece of the curve the current is an exponential function of time.
        """
        if self.paused or ceiling_a <= 0 or seconds <= 0:
            return 0.0
        gain = self._gain(volts)
        charge = 0.0
        for soc, high, amps, slope, whole in self._pieces(ceiling_a, gain):
            if whole <= seconds:
                charge += (high - soc) / gain
                self._soc = high
                seconds -= whole
                continue
            growth = gain * slope * seconds
            part = amps * seconds * (math.expm1(growth) / growth if growth else 1.0)
            self._soc = min(high, soc + gain * part)
            return charge + part
        return charge

    def seconds_to_full(self, ceiling_a: float, volts: float) -> float:
        """How long until it is full, s, as things are now; inf where it takes nothing."""
        if self.full:
            return 0.0
        if self.paused or ceiling_a <= 0:
            return math.inf
        return sum(whole for *_, whole in self._pieces(ceiling_a, self._gain(volts)))

    def _gain(self, volts: float) -> float:
        """State of charge for each ampere second in all phases."""
        return volts * self.power_factor * self.efficiency / (self.battery_kwh * 3.6e6)

    def _pieces(self, ceiling_a: float, gain: float) -> Iterator[tuple[float, ...]]:
        """Each straight piece of the curve from now to full: the state of charge at its start and
        at its end, the current at its start, A, the slope, A per state of charge, and how long it
        takes, s."""
        if ceiling_a != self._clipped[0]:
            self._clipped = ceiling_a, _clip(self._points, ceiling_a)
        soc = self._soc
        for (low, amps_low), (high, amps_high) in pairwise(self._clipped[1]):
            if soc >= high:
                continue
            slope = (amps_high - amps_low) / (high - low)
            amps = amps_low + slope * (soc - low)
            rise = slope * (high - soc) / amps
            # without a slope, or one too small to tell, the current stays as it is
            whole = math.log1p(rise) / (gain * slope) if rise else (high - soc) / (gain * amps)
            yield soc, high, amps, slope, whole
            soc = high


def _points(curve: Sequence[tuple[float, float]], max_current_a: float) -> Points:
    """The curve in A. Raises ValueError where it is none."""
    socs = [soc for soc, _ in curve]
    if len(socs) < 2 or socs[0] != 0 or socs[-1] != 1 or any(a >= b for a, b in pairwise(socs)):
        raise ValueError(f"a charge curve goes up from 0.0 to 1.0 state of charge, not {socs}")
    shares = [share for _, share in curve]
    if not all(0 <= share <= 1 for share in shares):
        raise ValueError(f"a charge curve is in shares of the current from 0 to 1, not {shares}")
    return tuple((float(soc), max(share, LEAST_SHARE) * max_current_a) for soc, share in curve)


def _clip(points: Points, ceiling_a: float) -> Points:
    """The curve with nothing above `ceiling_a`, and a point where it meets it."""
    clipped = [(points[0][0], min(points[0][1], ceiling_a))]
    for (low, amps_low), (high, amps_high) in pairwise(points):
        if (amps_low - ceiling_a) * (amps_high - ceiling_a) < 0:
            meet = low + (high - low) * (ceiling_a - amps_low) / (amps_high - amps_low)
            if low < meet < high:
                clipped.append((meet, ceiling_a))
        clipped.append((high, min(amps_high, ceiling_a)))
    return tuple(clipped)


def _above_0(what: str, value: float) -> float:
    if not (value > 0 and math.isfinite(value)):
        raise ValueError(f"{what} is above 0, not {value!r}")
    return float(value)


def _share(what: str, value: float) -> float:
    if not 0 < value <= 1:
        raise ValueError(f"{what} is a share above 0 and at most 1, not {value!r}")
    return float(value)
