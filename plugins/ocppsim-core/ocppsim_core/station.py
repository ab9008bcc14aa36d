"""`Station`: what a script does to a charge point with its hands."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, Literal
from weakref import WeakKeyDictionary, WeakSet

from ocppsim import ChargePoint, ConnectionLost, TracedFrame, WaitTimeout
from ocppsim.interrupts import wait_for

from .body import Body
from .clock import Clock, ManualClock, StationClock
from .connector import Fault
from .grid import Grid
from .hands import Hands, Side
from .interface import Session
from .power import Power
from .requests import Requests
from .sessions import REFUSED
from .statuses import STATUSES
from .vehicle import Vehicle
from .view import View
from .wire import Wire

__all__ = ["Session", "Station", "find", "known", "on_station"]

_log = logging.getLogger("ocppsim.core")

known: WeakSet[ChargePoint] = WeakSet()
"""Charge points that live with this plugin."""

_stations: WeakKeyDictionary[ChargePoint, Station] = WeakKeyDictionary()
_awaited: WeakKeyDictionary[ChargePoint, list[Callable[[Station], object]]] = WeakKeyDictionary()


class Station(View):
    """A station that lives on `cp`: it boots, answers, charges and reports by itself, while a
    script does what people and cars do to it.

    connectors: how many. vehicle: the car that comes, one of its kind to each connector. fixed: its
    cables are part of it; else drivers bring their own, which are locked while they charge. speed:
    how much faster than ours its time runs. grid, max_current_a: what the connectors hang on, and
    what their wires bear, A in each phase. seed: the same one gives the same voltages. boot: the
    payload of its BootNotification. configuration: values of keys at the beginning. clock: instead
    of one that runs at `speed`.

    Its state is one place: what the script sends raw changes it too. All acts work from any thread
    but the station's own, and come back when what follows from them inside the station is done.
    They raise ValueError for what cannot be done with a real station, such as to plug in a second
    cable, and ConnectionLost once it is closed.
    """

    def __init__(
        self,
        cp: ChargePoint,
        connectors: int = 1,
        vehicle: Vehicle | None = None,
        *,
        fixed: bool = False,
        speed: float = 1.0,
        grid: Grid | None = None,
        max_current_a: float = 32.0,
        seed: int = 0,
        boot: Mapping[str, Any] | None = None,
        configuration: Mapping[str, Any] | None = None,
        clock: Clock | None = None,
    ) -> None:
        if cp not in known:
            text = "the plugin core is not with this charge point: install ocppsim-core, and have"
            raise RuntimeError(f"{text} connect() use it")
        if cp in _stations:
            raise RuntimeError(f"{cp.name} has a station already")
        if not isinstance(connectors, int) or connectors < 1:
            raise ValueError(f"a station has at least 1 connector, not {connectors!r}")
        fields = {"chargePointVendor": "ocppsim", "chargePointModel": "Station", **(boot or {})}
        self.cp = cp
        name = f"ocppsim {cp.name} station"
        self.clock = StationClock(speed, name=name) if clock is None else clock
        self._body = Body(
            cp,
            self.clock,
            connectors=connectors,
            fixed=fixed,
            grid=Grid() if grid is None else grid,
            vehicle=Vehicle() if vehicle is None else vehicle,
            max_current_a=max_current_a,
            seed=seed,
            boot=fields,
            configuration=configuration or {},
        )
        self._wire = Wire(self._body)
        self._power = Power(self._body)
        self._hands = Hands(self._body)
        self._requests = Requests(self._body, self._power)
        _stations[cp] = self
        for callback in _awaited.get(cp, []):
            self._greet(callback)

    # --- power ---

    def power_on(self, *, wait: bool = True, timeout: float = 60.0) -> None:
        """Switch on: boot until the central system accepts it, tell all statuses, send heartbeats.

        wait: until it is accepted, at most `timeout` seconds; then raises WaitTimeout. It boots on.
        Raises ConnectionLost where the charge point is closed meanwhile.
        """
        self._power.on()
        if wait:
            self._power.wait_until_accepted(timeout)

    def power_off(self, *, battery: bool = False) -> None:
        """Cut the power. With a `battery` it ends transactions in good order before (reason
        PowerLoss); without one the StopTransactions follow after the next boot."""
        self._power.off(battery=battery)

    def restart(self, reason: Literal["Soft", "Hard"] = "Soft") -> None:
        """Restart as a Reset does; blocks until it is connected again, or has failed to be."""
        self._power.reset(reason)

    def fail_resets(self, times: int = 1) -> None:
        """Let the next attempts at a reset fail; ResetRetries says how many there are."""
        self._power.failures = times

    def close(self) -> None:
        """The station does nothing any more. `ChargePoint.close` does it too."""
        self._body.actor.close()
        with self._body.changed:
            self._body.changed.notify_all()
        if _stations.pop(self.cp, None) is not None:
            self._body.extensions.event("closed")

    # --- drivers and cars ---

    def plug_in(
        self, connector: int, side: Side | None = None, *, vehicle: Vehicle | None = None
    ) -> None:
        """Plug the cable in: at the station, at the car, or (None) wherever it is not yet.

        vehicle: another car than before.
        """
        self.do(lambda: self._hands.plug_in(connector, side, vehicle))

    def unplug(self, connector: int, side: Side | None = None) -> None:
        """Pull the cable: at the station, at the car, or (None) at the car and, where it is not
        locked then, at the station.

        Raises ValueError where no cable is in, or it is locked at this side.
        """
        # one after the other: what follows from the first decides whether there is a second
        ends = self.do(lambda: self._hands.plugged_in(connector, side))
        if "car" in ends:
            self.do(lambda: self._hands.pull_at_car(connector))
        if "station" in ends:
            self.do(lambda: self._hands.pull_at_station(connector, must=side == "station"))

    def present_id_tag(self, idTag: str, connector: int | None = None, *, wait: bool = True) -> str:
        """Hold a card up to the reader: of this connector, or (None) of the whole station, which
        takes it for the connector where it makes sense.

        Returns what the reader shows: Accepted, or the status that stands against it; "Refused"
        where no card is wanted now. wait=False does not wait for the central system: then "".
        """
        if not isinstance(idTag, str) or not 0 < len(idTag) <= 20:
            raise ValueError(f"an idTag has 1 to 20 characters, not {idTag!r:.80}")
        shown: Future[str] = Future()

        def show(status: str) -> None:
            blinks = self._body.settings["BlinkRepeat"]
            intensity = self._body.settings["LightIntensity"]
            self._body.extensions.event("blink", status=status, times=blinks, intensity=intensity)
            shown.set_result(status)

        self.do(lambda: self._body.sessions.present(idTag, connector, show))
        if not wait:
            return shown.result() if shown.done() else ""
        self._wait(shown.done, None)
        return shown.result() if shown.done() else REFUSED

    def pause_car(self, connector: int) -> None:
        """The car takes no energy until `resume_car`."""
        self.do(lambda: self._hands.car(connector).pause())

    def resume_car(self, connector: int) -> None:
        """The car takes energy again."""
        self.do(lambda: self._hands.car(connector).resume())

    def vehicle(self, connector: int) -> Vehicle:
        """The car that is plugged in here, or would be. To look at: its state of charge follows."""
        return self.do(lambda: self._hands.car(connector))

    # --- what breaks ---

    def fault(
        self,
        connector: int,
        errorCode: str = "InternalError",
        *,
        info: str | None = None,
        vendorId: str | None = None,
        vendorErrorCode: str | None = None,
        stops: bool = True,
    ) -> None:
        """Something breaks, at a connector or (0) at the whole station; it is Faulted until
        `repair`. stops=False: the error is told, and all goes on (OCPP 1.6 §7.6)."""
        found = Fault(errorCode, info, vendorId, vendorErrorCode)
        self.do(lambda: self._hands.fault(connector, found, stops))

    def repair(self, connector: int) -> None:
        """Nothing is broken any more here, the lock neither."""
        self.do(lambda: self._hands.repair(connector))

    def break_lock(self, connector: int, how: Literal["open", "stuck"] = "open") -> None:
        """The lock does not close any more (``"open"``), or does not open (``"stuck"``)."""
        self.do(lambda: self._hands.break_lock(connector, how))

    def open_door(self) -> None:
        """Somebody opens the housing: no energy is offered, and the station is Faulted, until
        `close_door`."""
        self.do(lambda: self._hands.door(opened=True))

    def close_door(self) -> None:
        """The housing is closed again."""
        self.do(lambda: self._hands.door(opened=False))

    def wait_until_told(self, timeout: float = 30.0) -> None:
        """Wait until the central system has answered all that the station had to tell so far: the
        last line of many a script.

        Raises WaitTimeout, also where there is no connection.
        """
        if self._body.actor.here:
            raise RuntimeError("the station's own thread must not wait for the station")
        if not self._power.wait_for_answers(timeout):
            left = len(self._body.outbox.pending)
            raise WaitTimeout(f"not answered within {timeout:g} s: {left}")

    def advance(self, seconds: float) -> None:
        """Let time pass, where the station has a `ManualClock`: all that comes due on the way is
        done. Raises TypeError with any other clock."""
        if not isinstance(self.clock, ManualClock):
            raise TypeError("time passes by itself; a station with a ManualClock can be advanced")
        self._body.actor.advance(self.clock, seconds)

    # --- what is seen ---

    @property
    def online(self) -> bool:
        """Whether it is connected and accepted."""
        return self._body.online

    @property
    def registration(self) -> str | None:
        """What the central system said last to its BootNotification; None before."""
        return self._body.boot.registration

    @property
    def connectors(self) -> list[int]:
        """The numbers of its connectors, from 1."""
        return list(self._body.connectors)

    def status(self, connector: int) -> str:
        """The status of a connector, or (0) of the station."""
        return self._hands.at(connector).status

    def history(self, connector: int) -> list[str]:
        """The statuses that it has had, in their order; of all connectors the last 10,000."""
        with self._body.changed:
            return [status for _, number, status in self._body.history if number == connector]

    def session(self, connector: int) -> Session | None:
        """The transaction that is under way there."""

        def look() -> Session | None:
            transaction = self._body.connector(connector).transaction
            return None if transaction is None else self._session(transaction)

        return self.do(look)

    def energy(self, connector: int) -> int:
        """What the meter of a connector shows, Wh."""

        def look() -> int:
            self._body.metering.catch_up(self._body.connector(connector).number)
            return self._body.metering.meter(connector).register_wh

        return self.do(look)

    def locked(self, connector: int) -> bool:
        """Whether the cable is locked at the station."""
        return self._body.connector(connector).locked

    def wait_for(self, connector: int, status: str, timeout: float = 30.0) -> None:
        """Wait until a connector has this status, or has had it meanwhile.

        Raises WaitTimeout that tells what it has, ConnectionLost where the station is closed.
        """
        if status not in STATUSES:
            raise ValueError(f"there is no status {status!r:.40}: {', '.join(STATUSES)}")
        found = self._hands.at(connector)
        with self._body.changed:
            start = self._body.entries

        def seen() -> bool:
            return found.status == status or self._body.had(connector, status, start)

        if not self._wait(seen, timeout):
            text = f"connector {connector} is {found.status}, and was not {status}"
            raise WaitTimeout(f"{text} within {timeout:g} s")

    # --- inside ---

    def _greet(self, callback: Callable[[Station], object]) -> None:
        try:
            callback(self)
        except Exception:
            _log.exception("%s: a callback of on_station failed", self.cp.name)

    def _saw(self, frame: TracedFrame) -> None:
        self._wire.saw(frame)

    def _connected(self) -> None:
        self._body.actor.post(self._body.boot.connected)

    def _disconnected(self) -> None:
        self._body.actor.post(self._body.reporter.went_offline)

    def _wait(self, condition: Callable[[], bool], timeout: float | None) -> bool:
        """Whether `condition` came about. Raises ConnectionLost where the station is closed."""
        body = self._body
        if body.actor.here:
            raise RuntimeError("the station's own thread must not wait for the station")
        with body.changed:
            wait_for(body.changed, lambda: condition() or body.actor.closed, timeout)
            if not condition() and body.actor.closed:
                raise ConnectionLost("the station is closed")
            return condition()


def find(cp: ChargePoint) -> Station | None:
    """The station that lives on `cp`."""
    return _stations.get(cp)


def on_station(cp: ChargePoint, callback: Callable[[Station], object]) -> None:
    """Have ``callback(station)`` called as soon as a station is made on `cp`, before it boots; at
    once where there is one. For plugins: in their hook ocppsim_created."""
    _awaited.setdefault(cp, []).append(callback)
    station = find(cp)
    if station is not None:
        station._greet(callback)
