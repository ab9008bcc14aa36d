"""What a station is made of, and what follows when anything changes; in the station's thread."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from ocppsim import ChargePoint, ConnectionLost

from .actor import Actor
from .authorization import Cache, Rules
from .availability import Availability
from .boot import Boot
from .clock import Clock
from .connector import Connector
from .extensions import Extensions
from .grid import Grid
from .keys import add_keys
from .metering import Metering
from .outbox import Outbox
from .reporter import Reporter
from .sessions import Sessions
from .vehicle import Vehicle

__all__ = ["Body"]

_log = logging.getLogger("ocppsim.core")


class Body:
    """The parts. on: whether there is power. connectors: those from 1; `main` is connector 0."""

    def __init__(
        self,
        cp: ChargePoint,
        clock: Clock,
        *,
        connectors: int,
        fixed: bool,
        grid: Grid,
        vehicle: Vehicle,
        max_current_a: float,
        seed: int,
        boot: Mapping[str, Any],
        configuration: Mapping[str, Any],
    ) -> None:
        self.cp = cp
        self.clock = clock
        self.on = False
        self.door_open = False
        self.settings = cp.configuration
        self.main = Connector(0)
        self.connectors = {n: Connector(n, fixed=fixed) for n in range(1, connectors + 1)}
        self.actor = Actor(clock, self.settle)
        self.changed = threading.Condition()
        self.history: deque[tuple[int, int, str]] = deque(maxlen=10_000)
        """The statuses of all connectors, as they came: (number, connector, status)."""
        self.entries = 0
        """How many there were."""
        add_keys(cp, connectors, grid.phases, configuration, self._setting_changed)
        self.extensions = Extensions(self)
        self.outbox = Outbox(self)
        self.reporter = Reporter(self)
        self.rules = Rules(Cache(cp.state, clock.now), self.settings)
        self.availability = Availability(self)
        self.metering = Metering(self, grid, vehicle, max_current_a, seed)
        self.sessions = Sessions(self)
        self.boot = Boot(self, boot)
        self.outbox.end_left_open()
        self.metering.schedule_aligned()

    @property
    def online(self) -> bool:
        """Whether the central system can be asked: connected, and accepted."""
        return self.on and self.cp.connected and self.boot.registration == "Accepted"

    @property
    def broken(self) -> bool:
        """Whether the whole station is out of order: a fault of connector 0, or an open door."""
        return self.main.fault is not None

    @property
    def speed(self) -> float:
        return float(getattr(self.clock, "speed", 1.0))

    def all_connectors(self) -> list[Connector]:
        """With connector 0, the charge point itself."""
        return [self.main, *self.connectors.values()]

    def connector(self, number: int) -> Connector:
        """Raises ValueError where there is no such connector."""
        found = self.connectors.get(number)
        if found is None:
            text = f"connector {number!r}: the connectors of this station are 1"
            raise ValueError(
                text if len(self.connectors) == 1 else f"{text} to {max(self.connectors)}"
            )
        return found

    def had(self, number: int, status: str, since: int) -> bool:
        """Whether a connector has had this status after the entry `since`. With `changed` held."""
        for entry, connector, had in reversed(self.history):
            if entry <= since:
                return False
            if (connector, had) == (number, status):
                return True
        return False

    def settle(self) -> None:
        """Do what follows from a change: transactions begin, contactors move, statuses are told."""
        for connector in self.connectors.values():
            self.sessions.follow(connector)
            self.metering.update(connector)
        for connector in self.all_connectors():
            for status in connector.go():
                self._entered(connector, status)
            if self.on:
                self.reporter.note(connector, connector.status)
        self.tell_waiting()

    def booted(self) -> None:
        """The central system has accepted the station after a boot."""
        self.reporter.all_anew()

    def start_over(self) -> None:
        """The power has come: nothing is left of what was only in its memory."""
        self.reporter.forget()
        for connector in self.all_connectors():
            connector.status = connector.wanted()
            self._entered(connector, connector.status)

    def start_heartbeat(self) -> None:
        """At the HeartbeatInterval, in the station's time."""
        if self.boot.registration == "Accepted":
            with contextlib.suppress(ConnectionLost):  # again with the next connection
                self.cp.start_heartbeat(self.settings["HeartbeatInterval"] / self.speed)

    def tell_waiting(self) -> None:
        """Whoever waits for something looks again."""
        with self.changed:
            self.changed.notify_all()

    def log(self, message: str, *arguments: object) -> None:
        self.cp.log(message, *arguments)

    def guarded(self, what: str, function: Callable[..., object], *arguments: object) -> object:
        """What `function` returns; None, and a line in the log, where it raises."""
        try:
            return function(*arguments)
        except Exception:
            _log.exception("%s: %s failed; the station goes on", self.cp.name, what)
            return None

    def _entered(self, connector: Connector, status: str) -> None:
        with self.changed:
            self.entries += 1
            self.history.append((self.entries, connector.number, status))
            self.changed.notify_all()
        if self.on:
            self.reporter.note(connector, status)
        self.extensions.status(connector.number, status)

    def _setting_changed(self, key: str, old: Any, new: Any) -> None:
        # in the thread of whoever changes it
        self.actor.post(lambda: self._follow_setting(key))

    def _follow_setting(self, key: str) -> None:
        if key == "HeartbeatInterval":
            self.start_heartbeat()
        elif key == "ClockAlignedDataInterval":
            self.metering.schedule_aligned()
        elif key == "MeterValueSampleInterval":
            for connector in self.connectors.values():
                if connector.transaction is not None and connector.transaction.ours:
                    self.metering.schedule_samples(connector.transaction)
