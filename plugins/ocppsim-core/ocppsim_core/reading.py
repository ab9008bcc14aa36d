"""One moment at a meter, and each of its measurands as OCPP writes it (OCPP 1.6 §7.31, §7.43)."""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ocppsim.v16.types import (
    Location,
    Measurand,
    Phase,
    ReadingContext,
    SampledValue,
    UnitOfMeasure,
)

__all__ = ["MEASURANDS", "Kind", "Reading", "phases_of"]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a meter sees at one moment: the same current and voltages behind every measurand.

    voltages: V, of each phase of the grid. lines: which of them are in use, from 0.
    current_a, offered_a: A, in each phase in use. power_factor, reactive_share: cosine and sine.
    soc: 0..1, None without a vehicle. temperature: Celsius. active_wh, reactive_varh: registers,
    whole numbers, of each phase; …_before_…: those at the start of the interval.
    """

    voltages: tuple[float, ...]
    frequency: float
    lines: tuple[int, ...]
    current_a: float
    offered_a: float
    power_factor: float
    reactive_share: float
    soc: float | None
    temperature: float
    active_wh: tuple[int, ...]
    reactive_varh: tuple[int, ...]
    active_before_wh: tuple[int, ...]
    reactive_before_varh: tuple[int, ...]

    def sampled_values(
        self,
        measurand: Measurand,
        phase: Phase | None = None,
        context: ReadingContext = "Sample.Periodic",
    ) -> list[SampledValue]:
        """`measurand` as SampledValues.

        With `phase` one value, of that phase. Without it one overall value; where that has no
        meaning, with voltages and currents, one value for each phase. Empty where there is nothing
        to measure: SoC without a vehicle. Raises KeyError for what MEASURANDS does not have.
        """
        kind = MEASURANDS[measurand]
        phases: tuple[Phase | None, ...] = (phase,)
        if phase is None and kind.split:
            phases = kind.phases[: len(self.voltages)]
        texts = ((name, kind.text(self, name)) for name in phases)
        return [
            _sampled(measurand, kind, text, name, context)
            for name, text in texts
            if text is not None
        ]

    def showing(self, active_wh: int) -> Reading:
        """The same, by a meter whose active register shows `active_wh` over all phases."""
        there = sum(self.active_wh) or len(self.active_wh)
        parts = [
            active_wh * (part if any(self.active_wh) else 1) // there for part in self.active_wh
        ]
        parts[0] += active_wh - sum(parts)
        used = zip(parts, self.active_wh, self.active_before_wh, strict=True)
        before = tuple(part - (now - then) for part, now, then in used)
        return replace(self, active_wh=tuple(parts), active_before_wh=before)

    def in_phases(self, amperes: float) -> list[float]:
        """`amperes` in each phase in use, 0 in the others."""
        return [amperes if index in self.lines else 0.0 for index in range(len(self.voltages))]

    def powers(self, amperes: float, share: float = 1.0) -> list[float]:
        """U·I and `share` (a cosine or sine) in each phase, W or var, in whole tenths."""
        return [
            round(volts * amps * share, 1)
            for volts, amps in zip(self.voltages, self.in_phases(amperes), strict=True)
        ]


Text = Callable[[Reading, "Phase | None"], "str | None"]


class Kind(NamedTuple):
    """How a measurand is written. phases: those that it may be asked for in; split: whether it is
    written phase by phase where none is asked for."""

    text: Text
    unit: UnitOfMeasure | None
    phases: tuple[Phase, ...] = ()
    split: bool = False
    location: Location = "Outlet"


def phases_of(measurand: Measurand, count: int) -> tuple[Phase, ...]:
    """The phases that `measurand` may be asked for in, on a grid of `count` phases."""
    return tuple(
        phase
        for phase in MEASURANDS[measurand].phases
        if all(index < count for index in _lines(phase))
    )


def _lines(phase: Phase) -> list[int]:
    """The conductors, from 0, that a phase names: L3-L1 gives 2 and 0."""
    return [int(part[1]) - 1 for part in phase.split("-") if part != "N"]


def _sampled(
    measurand: Measurand, kind: Kind, text: str, phase: Phase | None, context: ReadingContext
) -> SampledValue:
    value: SampledValue = {
        "value": text,
        "context": context,
        "format": "Raw",
        "measurand": measurand,
        "location": kind.location,
    }
    if phase is not None:
        value["phase"] = phase
    if kind.unit is not None:
        value["unit"] = kind.unit
    return value


def _pick(values: Sequence[float], phase: Phase | None, digits: int) -> str:
    """The value of a phase, or the sum of all. They are rounded already, so that the texts of the
    phases add up to the text of the sum."""
    value = sum(values) if phase is None else values[_lines(phase)[0]]
    return f"{value:.{digits}f}"


def _power(share: Callable[[Reading], float]) -> Text:
    return lambda r, phase: _pick(r.powers(r.current_a, share(r)), phase, 1)


def _register(registers: Callable[[Reading], Sequence[int]]) -> Text:
    return lambda r, phase: _pick(registers(r), phase, 0)


def _interval(
    now: Callable[[Reading], Sequence[int]], before: Callable[[Reading], Sequence[int]]
) -> Text:
    return lambda r, phase: _pick([a - b for a, b in zip(now(r), before(r), strict=True)], phase, 0)


def _offered_current(r: Reading, phase: Phase | None) -> str:
    # a limit in A is one of each phase, so that overall it is the same number
    amperes = r.offered_a if phase is None else r.in_phases(r.offered_a)[_lines(phase)[0]]
    return f"{amperes:.3f}"


def _current(r: Reading, phase: Phase | None) -> str:
    currents = r.in_phases(r.current_a)
    if phase == "N":  # what three equal currents, 120 degrees apart, leave over
        turn = cmath.rect(1.0, math.tau / 3)
        return f"{abs(sum(amps * turn**index for index, amps in enumerate(currents))):.3f}"
    return _pick(currents, phase, 3)


def _voltage(r: Reading, phase: Phase | None) -> str:
    assert phase is not None
    first, *other = (r.voltages[index] for index in _lines(phase))
    if not other:
        return f"{first:.1f}"
    # two phases are 120 degrees apart
    return f"{math.sqrt(first * first + other[0] * other[0] + first * other[0]):.1f}"


def _soc(r: Reading, phase: Phase | None) -> str | None:
    # rounded down, but for the error of floats: 100.0 is a battery that is full
    return None if r.soc is None else f"{math.floor(r.soc * 1000 + 1e-6) / 10:.1f}"


def _nothing(digits: int) -> Text:
    return lambda r, phase: f"{0:.{digits}f}"


TO_NEUTRAL: tuple[Phase, ...] = ("L1-N", "L2-N", "L3-N")
LINES: tuple[Phase, ...] = ("L1", "L2", "L3", *TO_NEUTRAL)
WIRES: tuple[Phase, ...] = ("L1", "L2", "L3", "N", *TO_NEUTRAL)
VOLTAGES: tuple[Phase, ...] = (*TO_NEUTRAL, "L1", "L2", "L3", "L1-L2", "L2-L3", "L3-L1")

MEASURANDS: dict[Measurand, Kind] = {
    "Current.Export": Kind(_nothing(3), "A", LINES, split=True),
    "Current.Import": Kind(_current, "A", WIRES, split=True),
    "Current.Offered": Kind(_offered_current, "A", LINES),
    "Energy.Active.Export.Interval": Kind(_nothing(0), "Wh", LINES),
    "Energy.Active.Export.Register": Kind(_nothing(0), "Wh", LINES),
    "Energy.Active.Import.Interval": Kind(
        _interval(lambda r: r.active_wh, lambda r: r.active_before_wh), "Wh", LINES
    ),
    "Energy.Active.Import.Register": Kind(_register(lambda r: r.active_wh), "Wh", LINES),
    "Energy.Reactive.Export.Interval": Kind(_nothing(0), "varh", LINES),
    "Energy.Reactive.Export.Register": Kind(_nothing(0), "varh", LINES),
    "Energy.Reactive.Import.Interval": Kind(
        _interval(lambda r: r.reactive_varh, lambda r: r.reactive_before_varh), "varh", LINES
    ),
    "Energy.Reactive.Import.Register": Kind(_register(lambda r: r.reactive_varh), "varh", LINES),
    "Frequency": Kind(lambda r, phase: f"{r.frequency:.2f}", None),
    "Power.Active.Export": Kind(_nothing(1), "W", LINES),
    "Power.Active.Import": Kind(_power(lambda r: r.power_factor), "W", LINES),
    "Power.Factor": Kind(lambda r, phase: f"{r.power_factor:.3f}", None, LINES),
    "Power.Offered": Kind(lambda r, phase: _pick(r.powers(r.offered_a), phase, 1), "W", LINES),
    "Power.Reactive.Export": Kind(_nothing(1), "var", LINES),
    "Power.Reactive.Import": Kind(_power(lambda r: r.reactive_share), "var", LINES),
    "SoC": Kind(_soc, "Percent", location="EV"),
    # so misspelt in the schemas as first published; errata advise charge points to keep to it
    "Temperature": Kind(lambda r, phase: f"{r.temperature:.1f}", "Celcius", location="Body"),
    "Voltage": Kind(_voltage, "V", VOLTAGES, split=True),
}
"""Every measurand but RPM: it has no fan."""
