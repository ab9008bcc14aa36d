"""The energy meter of one connector: what flows through it, integrated."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from .grid import Grid
from .reading import Reading
from .vehicle import Vehicle

__all__ = ["Limit", "Meter"]

AMBIENT = 25.0  # Celsius
WARMING = 15.0  # K above that at the greatest current


@dataclass(frozen=True, slots=True)
class Limit:
    """The most that one owner allows: `amperes` in each phase, `watts` over all phases, and how
    many `phases`; None is no limit."""

    amperes: float | None = None
    watts: float | None = None
    phases: int | None = None


class Meter:
    """The outlet of a connector: grid, contactor, limits, vehicle and registers.

    Its time goes on by advance() only: call that before changing anything that lets current flow
    (`vehicle`, `closed`, a limit, pausing), so that what was holds until now. It has no lock.

    grid: what it hangs on. max_current_a: what its wires bear, A in each phase. registers: what
    `registers` gave in an earlier life, so that the meter goes on from there.
    """

    def __init__(
        self,
        grid: Grid | None = None,
        *,
        max_current_a: float = 32.0,
        registers: Mapping[str, list[float]] | None = None,
    ) -> None:
        if not (max_current_a > 0 and math.isfinite(max_current_a)):
            raise ValueError(f"the greatest current of an outlet is above 0 A, not {max_current_a}")
        self.grid = Grid() if grid is None else grid
        self.max_current_a = float(max_current_a)
        self.vehicle: Vehicle | None = None
        """What is plugged in."""
        self.closed = False
        """Whether the contactor is closed: only then does the outlet offer current."""
        self.rotation: tuple[int, ...] = (0, 1, 2)
        """Which phase of this meter, from 0, each phase of the vehicle hangs on."""
        self._limits: dict[str, Limit] = {}
        self._active = self._saved(registers, "active")  # Wh in each phase
        self._reactive = self._saved(registers, "reactive")  # varh in each phase
        self._seconds = 0.0
        self._voltages, self._frequency = self.grid.state(0.0)
        self._slot_end = self.grid.slot_end(0.0)

    def _saved(self, registers: Mapping[str, list[float]] | None, kind: str) -> list[float]:
        values = [0.0] * self.grid.phases
        for index, value in enumerate((registers or {}).get(kind, [])):
            # a meter that had more phases in its earlier life loses no energy
            values[min(index, len(values) - 1)] += float(value)
        return values

    @property
    def registers(self) -> dict[str, list[float]]:
        """All registers, in each phase: `active` in Wh and `reactive` in varh. JSON, to be kept."""
        return {"active": list(self._active), "reactive": list(self._reactive)}

    @property
    def register_wh(self) -> int:
        """What the meter shows, whole Wh: meterStart, meterStop, Energy.Active.Import.Register.

        It counts whole Wh in each phase, so that the phases add up to the total.
        """
        return sum(_whole(self._active))

    # --- limits ----------------------------------------------------------------------------------

    def set_limit(
        self,
        owner: str,
        amperes: float | None = None,
        *,
        watts: float | None = None,
        phases: int | None = None,
    ) -> None:
        """Let `owner` allow no more than `amperes` in each phase, `watts` over all phases, and so
        many `phases`, in place of what it allowed before; with none of them it has no limit.

        The smallest limit of all owners holds; 0 offers nothing. Raises ValueError for a negative
        number.
        """
        for what, value in (("A", amperes), ("W", watts), ("phases", phases)):
            if value is not None and not value >= 0:
                raise ValueError(f"the limit of {owner} is a number of {what} from 0, not {value}")
        if amperes is None and watts is None and phases is None:
            self._limits.pop(owner, None)
        else:
            self._limits[owner] = Limit(amperes, watts, phases)

    @property
    def limits(self) -> dict[str, Limit]:
        """Who allows how much."""
        return dict(self._limits)

    @property
    def phases(self) -> int:
        """How many phases are in use: those that grid, limits and vehicle have."""
        used = self.grid.phases if self.vehicle is None else self.vehicle.phases
        allowed = [limit.phases for limit in self._limits.values() if limit.phases is not None]
        return min(used, self.grid.phases, *allowed)

    @property
    def lines(self) -> tuple[int, ...]:
        """Which phases of the grid are in use, from 0; the one of the vehicle's L1 first."""
        there = [index for index in self.rotation if index < self.grid.phases]
        return tuple(there[: self.phases])

    @property
    def offered_a(self) -> float:
        """The most that the vehicle may draw in each phase in use, A; 0 with an open contactor."""
        return self._allowed_a() if self.closed else 0.0

    def _allowed_a(self) -> float:
        if not self._limits:
            return self.max_current_a
        volts = self._volts()
        if not volts:
            return 0.0
        allowed = self.max_current_a
        for limit in self._limits.values():
            if limit.amperes is not None:
                allowed = min(allowed, limit.amperes)
            if limit.watts is not None:
                allowed = min(allowed, limit.watts / volts)
        return allowed

    @property
    def allowed_w(self) -> float:
        """The most that limits and wires let flow, W, whether the contactor is closed or not."""
        return self._allowed_a() * self._volts()

    @property
    def current_a(self) -> float:
        """What the vehicle draws in each phase in use, A."""
        return 0.0 if self.vehicle is None else self.vehicle.current_a(self.offered_a)

    def _volts(self) -> float:
        return sum(self._voltages[index] for index in self.lines)

    # --- time ------------------------------------------------------------------------------------

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass: registers and state of charge follow the current.

        It makes no difference whether they pass at once or in parts. Raises ValueError below 0:
        a meter does not run backwards.
        """
        if not (seconds >= 0 and math.isfinite(seconds)):
            raise ValueError(f"a meter goes on by a number of seconds from 0, not {seconds!r}")
        end = self._seconds + seconds
        while self._seconds < end and self.current_a > 0:
            until = min(end, self._slot_end)
            self._flow(until - self._seconds)
            self._go_to(until)
        self._go_to(end)

    def _go_to(self, seconds: float) -> None:
        self._seconds = seconds
        if seconds >= self._slot_end:
            self._voltages, self._frequency = self.grid.state(seconds)
            self._slot_end = self.grid.slot_end(seconds)

    def _flow(self, seconds: float) -> None:
        """Integrate while the voltages stay as they are."""
        vehicle = self.vehicle
        assert vehicle is not None
        charge = vehicle.draw(seconds, self.offered_a, self._volts())
        active = vehicle.power_factor * charge / 3600
        reactive = _reactive_share(vehicle.power_factor) * charge / 3600
        for index in self.lines:
            self._active[index] += self._voltages[index] * active
            self._reactive[index] += self._voltages[index] * reactive

    def seconds_to_full(self) -> float:
        """How long until the vehicle is full, s, if all stays as it is now; inf where it never is.

        The voltages will tremble, so it is not exact: ask again when it is due.
        """
        if self.vehicle is None or not self.phases:
            return math.inf
        return self.vehicle.seconds_to_full(self.offered_a, self._volts())

    # --- what is seen ----------------------------------------------------------------------------

    def reading(self, since: Reading | None = None) -> Reading:
        """Everything that the meter measures at this moment.

        since: an earlier reading, from which the Interval measurands count; without it they are 0.
        """
        vehicle = self.vehicle
        active = _whole(self._active)
        reactive = _whole(self._reactive)
        current = self.current_a
        factor = vehicle.power_factor if vehicle is not None and current else 1.0
        return Reading(
            voltages=self._voltages,
            frequency=self._frequency,
            lines=self.lines,
            current_a=current,
            offered_a=self.offered_a,
            power_factor=factor,
            reactive_share=_reactive_share(factor),
            soc=None if vehicle is None else vehicle.soc,
            temperature=AMBIENT + WARMING * (current / self.max_current_a) ** 2,
            active_wh=active,
            reactive_varh=reactive,
            active_before_wh=active if since is None else since.active_wh,
            reactive_before_varh=reactive if since is None else since.reactive_varh,
        )


def _whole(registers: list[float]) -> tuple[int, ...]:
    """What each register shows; sums of floats may be a hair below a whole number."""
    return tuple(int(value + 1e-6) for value in registers)


def _reactive_share(power_factor: float) -> float:
    """The sine that goes with a cosine."""
    return math.sqrt(1.0 - power_factor * power_factor)
