"""What people and cars do to a station; in its thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from .connector import Connector, Fault, Lock

if TYPE_CHECKING:
    from .body import Body
    from .vehicle import Vehicle

__all__ = ["Hands", "Side"]

Side = Literal["station", "car"]

OPEN_DOOR = Fault("OtherError", "door open")


class Hands:
    """Each act raises ValueError where it cannot be done."""

    def __init__(self, body: Body) -> None:
        self._body = body

    def at(self, number: int) -> Connector:
        """A connector, or (0) the whole station."""
        return self._body.main if number == 0 else self._body.connector(number)

    # --- cables ---

    def plug_in(self, number: int, side: Side | None, vehicle: Vehicle | None) -> None:
        connector = self._body.connector(number)
        ends = _ends(connector, side)
        if side is None:
            ends = [end for end in ends if not _is_in(connector, end)]
        if not ends or any(_is_in(connector, end) for end in ends):
            raise ValueError(f"connector {number}: the cable is plugged in there already")
        if vehicle is not None:
            self._body.metering.bring(number, vehicle)
        connector.at_station = connector.at_station or "station" in ends
        connector.at_car = connector.at_car or "car" in ends

    def plugged_in(self, number: int, side: Side | None) -> list[Side]:
        """Where a cable can be pulled that is to be pulled at `side`."""
        connector = self._body.connector(number)
        ends = [end for end in _ends(connector, side) if _is_in(connector, end)]
        if not ends:
            raise ValueError(f"connector {number}: there is no cable to be pulled")
        return ends

    def pull_at_car(self, number: int) -> None:
        body, connector = self._body, self._body.connector(number)
        if not connector.at_car:
            return
        body.metering.catch_up(number)
        connector.at_car = False
        transaction = connector.transaction
        if transaction is None:
            # after a transaction whose cable is to be kept, the lock waits for the card
            if not connector.over or connector.last is None:
                connector.unlock()
        elif body.settings["StopTransactionOnEVSideDisconnect"] and body.on:
            unlock = bool(body.settings["UnlockConnectorOnEVSideDisconnect"])
            body.sessions.stop(transaction, "EVDisconnected", unlock=unlock)

    def pull_at_station(self, number: int, *, must: bool) -> None:
        connector = self._body.connector(number)
        if connector.locked and must:
            raise ValueError(f"connector {number}: the cable is locked")
        if connector.locked or not connector.at_station:
            return
        connector.at_station = False
        if connector.fault is not None and connector.fault.errorCode == "ConnectorLockFailure":
            connector.fault = None

    def car(self, number: int) -> Vehicle:
        """The car of a connector, as it is by now."""
        self._body.metering.catch_up(self._body.connector(number).number)
        return self._body.metering.vehicle(number)

    # --- what breaks ---

    def break_lock(self, number: int, how: Lock) -> None:
        self._body.connector(number).lock = how

    def fault(self, number: int, fault: Fault, stops: bool) -> None:
        connector = self.at(number)
        problem = fault.problem()
        if problem is not None:
            raise ValueError(problem)
        if stops:
            connector.fault = fault
        else:
            connector.warning = fault

    def repair(self, number: int) -> None:
        connector = self.at(number)
        connector.fault = connector.warning = None
        connector.lock = "works"
        if number == 0 and self._body.door_open:
            connector.fault = OPEN_DOOR

    def door(self, *, opened: bool) -> None:
        body = self._body
        if body.door_open == opened:
            raise ValueError(f"the door is {'open' if opened else 'closed'} already")
        body.door_open = opened
        if opened:
            body.main.fault = body.main.fault or OPEN_DOOR
        elif body.main.fault is OPEN_DOOR:
            body.main.fault = None
        body.extensions.event("door", open=opened)


def _ends(connector: Connector, side: Side | None) -> list[Side]:
    if side == "station" and connector.fixed:
        raise ValueError(f"connector {connector.number}: its cable is fixed at the station")
    if side not in (None, "station", "car"):
        raise ValueError(f"a cable has the sides station and car, not {side!r:.40}")
    if side is not None:
        return [side]
    return ["car"] if connector.fixed else ["station", "car"]


def _is_in(connector: Connector, end: Side) -> bool:
    return connector.at_car if end == "car" else connector.at_station
