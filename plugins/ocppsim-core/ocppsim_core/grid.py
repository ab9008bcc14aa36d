"""The grid at a connector: a voltage in each phase, which trembles a little and repeats by seed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

__all__ = ["Grid"]

SLOT = 30.0  # s; the voltages stay as they are for so long


@dataclass(frozen=True, slots=True)
class Grid:
    """Up to three phases, 120 degrees apart.

    voltage: between a phase and neutral, V. phases: 1 to 3. frequency: Hz. noise: how far a
    voltage may be off, as a share of it: 0.005 is 0.5 %; 0 means a grid that stands still. seed:
    the same seed gives the same voltages at the same time. Raises ValueError where these make no
    grid.
    """

    voltage: float = 230.0
    phases: int = 3
    frequency: float = 50.0
    noise: float = 0.005
    seed: int = 0

    def __post_init__(self) -> None:
        if not (self.voltage > 0 and math.isfinite(self.voltage)):
            raise ValueError(f"the voltage of a grid is above 0 V, not {self.voltage!r}")
        if self.phases not in (1, 2, 3):
            raise ValueError(f"a grid has 1, 2 or 3 phases, not {self.phases!r}")
        if not (self.frequency > 0 and math.isfinite(self.frequency)):
            raise ValueError(f"the frequency of a grid is above 0 Hz, not {self.frequency!r}")
        if not 0 <= self.noise <= 0.1:
            raise ValueError(f"the noise of a grid is a share from 0 to 0.1, not {self.noise!r}")

    def slot_end(self, seconds: float) -> float:
        """Until when, s, the voltages of the time `seconds` stay as they are."""
        return (seconds // SLOT + 1) * SLOT if self.noise else math.inf

    def state(self, seconds: float) -> tuple[tuple[float, ...], float]:
        """The voltage of each phase, V, and the frequency, Hz, `seconds` after the start.

        Voltages are whole tenths of a volt, as meters show them, so that what is shown and what is
        integrated are the same number.
        """
        if not self.noise:
            return (round(self.voltage, 1),) * self.phases, self.frequency
        chance = Random(f"{self.seed}/{int(seconds // SLOT)}")
        voltages = tuple(
            round(self.voltage * (1 + chance.uniform(-self.noise, self.noise)), 1)
            for _ in range(self.phases)
        )
        return voltages, round(self.frequency + chance.uniform(-0.02, 0.02), 2)
