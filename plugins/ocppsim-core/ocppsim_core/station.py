"""`Station`: what a script does to a charge point with its hands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeVar
from weakref import WeakKeyDictionary, WeakSet

from ocppsim import ChargePoint, ConnectionLost, TracedFrame, WaitTimeout

from .authorization import Authorizer
from .body import Body
from .clock import Clock, StationClock
from .connector import Connector, Fault
from .extensions import MayStart, Profile, Starting
from .grid import Grid
from .power import Power
from .requests import DataTransfer, Requests
from .sessions import REFUSED
from .statuses import STATUSES
from .transaction import Transaction
from .vehicle import Vehicle
from .wire import Wire

__all__ = ["Session", "Station", "find", "known"]

T = TypeVar("T")
Side = Literal["station", "car"]

known: WeakSet[ChargePoint] = WeakSet()
"""Charge points that live with this plugin."""

_stations: WeakKeyDictionary[ChargePoint, Station] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Session:
    """A transaction as it is at a moment. transactionId: None until the central system has given
    it one. meter: what its meter shows, Wh. ours: the station began it, not the script."""

    connectorId: int
    idTag: str
    transactionId: int | None
    meterStart: int
    meter: int
    timestamp: datetime
    reservationId: int | None
    ours: bool


class Station:
    """A station that lives on `cp`: it boots, answers, charges and reports by itself, while a script
    does what people and cars do to it.

    connectors: how many. vehicle: the car that comes, one of its kind to each connector. fixed: its
    cables are part of it; else drivers bring their own, which are locked while they charge. speed:
    how much faster than ours its time runs. grid, max_current_a: what the connectors hang on, and
    what their wires bear, A in each phase. seed: the same one gives the same voltages. boot: the
    payload of its BootNotification. configuration: values of keys at the beginning. clock: instead
    of one that runs at `speed`.

    Its state is one place: what the script sends raw changes it too. All acts work from any thread
    but the station's own, and come back when what follows from them inside the station is done.
    They raise ValueError for what cannot be done with a real station, such as to plug in a second
    cable, and RuntimeError once it is closed.
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
        self._requests = Requests(self._body, self._power)
        _stations[cp] = self

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
        _stations.pop(self.cp, None)

    # --- drivers and cars ---

    def plug_in(
        self, connector: int, side: Side | None = None, *, vehicle: Vehicle | None = None
    ) -> None:
        """Plug the cable in: at the station, at the car, or (None) wherever it is not yet.

        vehicle: another car than before.
        """

        def act() -> None:
            found = self._body.connector(connector)
            ends = self._ends(found, side)
            if side is None:
                ends = [end for end in ends if not getattr(found, f"at_{end}")]
            if not ends or any(getattr(found, f"at_{end}") for end in ends):
                raise ValueError(f"connector {connector}: the cable is plugged in there already")
            if vehicle is not None:
                self._body.metering.bring(connector, vehicle)
            for end in ends:
                setattr(found, f"at_{end}", True)

        self.do(act)

    def unplug(self, connector: int, side: Side | None = None) -> None:
        """Pull the cable: at the station, at the car, or (None) at the car and, where it is not
        locked then, at the station.

        Raises ValueError where no cable is in, or it is locked at this side.
        """
        ends = self.do(lambda: self._unplugged_from(connector, side))
        if "car" in ends:
            self.do(lambda: self._pull_at_car(self._body.connector(connector)))
        if "station" in ends:
            must = side == "station"
            self.do(lambda: self._pull_at_station(self._body.connector(connector), must))

    def present_id_tag(self, idTag: str, connector: int | None = None, *, wait: bool = True) -> str:
        """Hold a card up to the reader: of this connector, or (None) of the whole station, which
        takes it for the connector where it makes sense.

        Returns what the reader shows: Accepted, or the status that stands against it; "Refused"
        where no card is wanted now. wait=False does not wait for the central system, and returns "".
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
        self._with_car(connector, Vehicle.pause)

    def resume_car(self, connector: int) -> None:
        """The car takes energy again."""
        self._with_car(connector, Vehicle.resume)

    def vehicle(self, connector: int) -> Vehicle:
        """The car that is plugged in here, or would be. To look at: its state of charge follows."""

        def look() -> Vehicle:
            number = self._body.connector(connector).number
            self._body.metering.catch_up(number)
            return self._body.metering.vehicle(number)

        return self.do(look)

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

        def act() -> None:
            one = self._body.main if connector == 0 else self._body.connector(connector)
            if stops:
                one.fault = found
            else:
                one.warning = found

        self.do(act)

    def repair(self, connector: int) -> None:
        """Nothing is broken any more here, the lock neither."""

        def act() -> None:
            one = self._body.main if connector == 0 else self._body.connector(connector)
            one.fault = one.warning = None
            one.lock = "works"

        self.do(act)

    def break_lock(self, connector: int, how: Literal["open", "stuck"] = "open") -> None:
        """The lock does not close any more (``"open"``), or does not open (``"stuck"``)."""

        def act() -> None:
            self._body.connector(connector).lock = how

        self.do(act)

    def open_door(self) -> None:
        """Somebody opens the housing: no energy is offered, and the station is Faulted, until
        `close_door`."""
        self._door(True)

    def close_door(self) -> None:
        self._door(False)

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
        return (self._body.main if connector == 0 else self._body.connector(connector)).status

    def history(self, connector: int) -> list[str]:
        """Each status that it has had, in their order."""
        with self._body.changed:
            return [status for number, status in self._body.history if number == connector]

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
        found = self._body.main if connector == 0 else self._body.connector(connector)
        history = self._body.history
        with self._body.changed:
            start = len(history)

        def seen() -> bool:
            return found.status == status or (connector, status) in history[start:]

        if not self._wait(seen, timeout):
            text = f"connector {connector} is {found.status}, and was not {status}"
            raise WaitTimeout(f"{text} within {timeout:g} s")

    # --- for scripts and other plugins ---

    def do(self, function: Callable[[], T]) -> T:
        """Run `function` in the station's thread, between all else; what it returns, or raises. It
        must not block."""
        return self._body.actor.do(function)

    @property
    def authorizers(self) -> list[Authorizer]:
        """Functions that are asked in turn what is known of an idTag, before the authorization
        cache: ``authorizer(idTag)`` returns an idTagInfo, or None."""
        return self._body.rules.authorizers

    @property
    def may_start(self) -> list[MayStart]:
        """Functions that are asked before a driver begins: ``check(connectorId, idTag,
        parentIdTag)`` returns why not, or None."""
        return self._body.extensions.may_start

    @property
    def starting(self) -> list[Starting]:
        """Functions that are asked when a transaction starts: ``ask(connectorId, idTag,
        parentIdTag)`` returns more fields for the StartTransaction, such as a reservationId."""
        return self._body.extensions.starting

    @property
    def remote_profiles(self) -> list[Profile]:
        """Functions that are asked about the chargingProfile of a RemoteStartTransaction:
        ``check(connectorId, chargingProfile)`` returns why not, or None."""
        return self._body.extensions.profiles

    def block(self, connector: int, owner: str) -> None:
        """Let `owner` keep a connector for somebody: while nobody uses it, it is Reserved. Whom it
        lets begin there is for its function in `may_start` to say."""
        self.do(lambda: self._body.connector(connector).holds.update({owner: "Reserved"}))

    def unblock(self, connector: int, owner: str) -> None:
        """`owner` keeps it no longer."""
        self.do(lambda: self._body.connector(connector).holds.pop(owner, None))

    def set_limit(
        self,
        owner: str,
        connector: int,
        amperes: float | None = None,
        *,
        watts: float | None = None,
        phases: int | None = None,
    ) -> None:
        """Let `owner` allow no more than this at a connector, in place of what it allowed before:
        `amperes` in each phase, `watts` over all, so many `phases`; with none of them it has no
        limit. The smallest one of all owners holds; 0 suspends (SuspendedEVSE)."""

        def act() -> None:
            self._body.metering.catch_up(self._body.connector(connector).number)
            meter = self._body.metering.meter(connector)
            meter.set_limit(owner, amperes, watts=watts, phases=phases)

        self.do(act)

    def authorize(self, idTag: str, then: Callable[[Mapping[str, Any]], object]) -> None:
        """Find out about an idTag as a card at the reader does; ``then(idTagInfo)`` in the station's
        thread."""
        self.do(lambda: self._body.sessions.authorize(idTag, then))

    def at_boot(self, callback: Callable[[], object]) -> None:
        """Have `callback()` called each time that a boot was accepted, in a thread where it may
        block and call."""
        self._body.boot.callbacks.append(callback)

    def on_status(self, callback: Callable[[int, str], object]) -> None:
        """Have ``callback(connectorId, status)`` told of each new status, in the station's thread."""
        self._body.extensions.on_status.append(callback)

    def on_start(self, callback: Callable[[Session], object]) -> None:
        """Have ``callback(session)`` told of each transaction that the station begins, in its
        thread."""
        self._body.extensions.on_start.append(lambda one: callback(self._session(one)))

    def on_stop(self, callback: Callable[[Session, str], object]) -> None:
        """Have ``callback(session, reason)`` told of each transaction that it ends, in its
        thread."""
        stops = self._body.extensions.on_stop
        stops.append(lambda one, reason: callback(self._session(one), reason))

    def on_event(self, callback: Callable[[str, Mapping[str, Any]], object]) -> None:
        """Have ``callback(name, details)`` told of what is only to be seen: ``blink``, ``door``,
        ``reset failed``; in the station's thread."""
        self._body.extensions.on_event.append(callback)

    def on_data_transfer(
        self, vendorId: str, messageId: str | None = None
    ) -> Callable[[DataTransfer], DataTransfer]:
        """A decorator: have the function answer DataTransfers of this vendor, as any handler does;
        without a messageId all of them that no other one answers."""

        def register(handler: DataTransfer) -> DataTransfer:
            self._requests.on_data_transfer(vendorId, messageId, handler)
            return handler

        return register

    def add_profile(self, name: str) -> None:
        """Add a feature profile to SupportedFeatureProfiles."""

        def act() -> None:
            names = self._body.settings["SupportedFeatureProfiles"]
            if name not in names:
                self._body.settings["SupportedFeatureProfiles"] = [*names, name]

        self.do(act)

    # --- inside ---

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
            body.changed.wait_for(lambda: condition() or body.actor.closed, timeout)
            if not condition() and body.actor.closed:
                raise ConnectionLost("the station is closed")
            return condition()

    def _ends(self, connector: Connector, side: Side | None) -> list[str]:
        if side == "station" and connector.fixed:
            raise ValueError(f"connector {connector.number}: its cable is fixed at the station")
        if side not in (None, "station", "car"):
            raise ValueError(f"a cable has the sides station and car, not {side!r:.40}")
        if side is not None:
            return [side]
        return ["car"] if connector.fixed else ["station", "car"]

    def _unplugged_from(self, number: int, side: Side | None) -> list[str]:
        connector = self._body.connector(number)
        ends = [end for end in self._ends(connector, side) if getattr(connector, f"at_{end}")]
        if not ends:
            raise ValueError(f"connector {number}: there is no cable to be pulled")
        return ends

    def _pull_at_car(self, connector: Connector) -> None:
        body = self._body
        if not connector.at_car:
            return
        body.metering.catch_up(connector.number)
        connector.at_car = False
        transaction = connector.transaction
        if transaction is None:
            if not connector.over or connector.last is None:
                connector.unlock()
        elif body.settings["StopTransactionOnEVSideDisconnect"] and body.on:
            unlock = bool(body.settings["UnlockConnectorOnEVSideDisconnect"])
            body.sessions.stop(transaction, "EVDisconnected", unlock=unlock)

    def _pull_at_station(self, connector: Connector, must: bool) -> None:
        if connector.locked:
            if must:
                raise ValueError(f"connector {connector.number}: the cable is locked")
            return
        if connector.at_station:
            connector.at_station = False
            if connector.fault is not None and connector.fault.errorCode == "ConnectorLockFailure":
                connector.fault = None

    def _with_car(self, number: int, function: Callable[[Vehicle], None]) -> None:
        def act() -> None:
            self._body.metering.catch_up(self._body.connector(number).number)
            function(self._body.metering.vehicle(number))

        self.do(act)

    def _door(self, opened: bool) -> None:
        body = self._body

        def act() -> None:
            if body.door_open == opened:
                raise ValueError(f"the door is {'open' if opened else 'closed'} already")
            body.door_open = opened
            body.main.fault = Fault("OtherError", "door open") if opened else None
            for connector in body.connectors.values():
                if opened:
                    connector.suspended.add("door")
                else:
                    connector.suspended.discard("door")
            body.extensions.event("door", open=opened)

        self.do(act)

    def _session(self, transaction: Transaction) -> Session:
        metering, number = self._body.metering, transaction.connectorId
        metering.catch_up(number)
        return Session(
            number,
            transaction.idTag,
            transaction.transactionId,
            transaction.meterStart,
            transaction.register(metering.meter(number).register_wh),
            transaction.timestamp,
            transaction.reservationId,
            transaction.ours,
        )


def find(cp: ChargePoint) -> Station | None:
    """The station that lives on `cp`."""
    return _stations.get(cp)
