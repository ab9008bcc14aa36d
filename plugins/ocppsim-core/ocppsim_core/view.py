"""What a station looks like from outside, beside its statuses: cables, power, limits, errors."""

from __future__ import annotations

from .connector import Connector, Fault
from .hands import Hands, Side
from .interface import Interface
from .meter import Limit

__all__ = ["View"]


class View(Interface):
    """The part of `Station` to look at."""

    _hands: Hands

    @property
    def powered(self) -> bool:
        """Whether it is switched on."""
        return self._body.on

    @property
    def speed(self) -> float:
        """How much faster than ours its time runs."""
        return self._body.speed

    @property
    def door_open(self) -> bool:
        """Whether somebody has opened the housing."""
        return self._body.door_open

    def fixed(self, connector: int) -> bool:
        """Whether the cable of a connector is part of the station."""
        return self._body.connector(connector).fixed

    def plugged(self, connector: int) -> dict[Side, bool]:
        """At which sides the cable of a connector is plugged in: ``{"station": True, "car":
        False}``. A fixed cable always is at the station."""

        def look() -> dict[Side, bool]:
            found = self._body.connector(connector)
            return {"station": found.fixed or found.at_station, "car": found.at_car}

        return self.do(look)

    def power(self, connector: int) -> float:
        """What flows into the car now, W: Power.Active.Import of the meter."""

        def look() -> float:
            self._body.metering.catch_up(self._body.connector(connector).number)
            reading = self._body.metering.meter(connector).reading()
            return round(sum(reading.powers(reading.current_a, reading.power_factor)), 1)

        return self.do(look)

    def offered(self, connector: int) -> float:
        """What may flow at most, W: by the smallest limit, else by what the wires bear; whether a
        car is there or not."""

        def look() -> float:
            self._body.metering.catch_up(self._body.connector(connector).number)
            return round(self._body.metering.meter(connector).allowed_w, 1)

        return self.do(look)

    def limits(self, connector: int) -> dict[str, Limit]:
        """Who allows how much at a connector: what `set_limit` has set, by owner."""

        def look() -> dict[str, Limit]:
            number = self._body.connector(connector).number
            return self._body.metering.meter(number).limits

        return self.do(look)

    def error(self, connector: int) -> Fault | None:
        """The error that a connector, or (0) the station, has: its `fault`, or one that is only
        told; None is NoError."""

        def look() -> Fault | None:
            found: Connector = self._hands.at(connector)
            return found.fault or found.warning

        return self.do(look)
