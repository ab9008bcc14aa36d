"""A connector: what is plugged in, who uses it, what is broken; and the status that follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from ocppsim.v16.types import ChargePointErrorCode

from .statuses import moves

if TYPE_CHECKING:
    from .clock import Job
    from .transaction import Transaction

__all__ = ["Connector", "Driver", "Fault"]

Lock = Literal["works", "open", "stuck"]

_ERROR_CODES = tuple(code for code in get_args(ChargePointErrorCode) if code != "NoError")
_LENGTHS = {"info": 50, "vendorId": 255, "vendorErrorCode": 50}


@dataclass(frozen=True, slots=True)
class Fault:
    """What a StatusNotification says beside the status (OCPP 1.6 §6.47)."""

    errorCode: str
    info: str | None = None
    vendorId: str | None = None
    vendorErrorCode: str | None = None

    def problem(self) -> str | None:
        """Why no StatusNotification can say so; None where one can."""
        if self.errorCode not in _ERROR_CODES:
            return f"{self.errorCode!r:.80} is no fault: {', '.join(_ERROR_CODES)}"
        for name, most in _LENGTHS.items():
            if len(getattr(self, name) or "") > most:
                return f"the {name} of a fault has at most {most} characters"
        return None

    def fields(self) -> dict[str, str]:
        """The fields of a StatusNotification."""
        found = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in found.items() if value is not None}


NO_FAULT = Fault("NoError")


@dataclass(slots=True)
class Driver:
    """Who may charge here, and has no transaction yet.

    remote: the central system started it. profile: the chargingProfile that came with that.
    deadline: the job that gives up waiting for the cable.
    """

    idTag: str
    parentIdTag: str | None = None
    remote: bool = False
    profile: Mapping[str, Any] | None = None
    deadline: Job | None = None


@dataclass(slots=True)
class Connector:
    """One connector, from 1, or the whole charge point, 0.

    fixed: the cable is part of the station; else the driver brings one, which is locked while it
    connects station and car. lock: ``"open"`` does not close, ``"stuck"`` does not open. asking:
    the idTag that is being authorized. over: a transaction has ended, and the driver has not yet
    left. wish: whether it is to be operative once the transaction is over. holds: who keeps it from
    others (a reservation), by name. warning: an
    error that is told, and changes nothing. suspended: why no energy is offered, by name.
    """

    number: int
    fixed: bool = False
    at_station: bool = False
    at_car: bool = False
    locked: bool = False
    lock: Lock = "works"
    fault: Fault | None = None
    warning: Fault | None = None
    operative: bool = True
    wish: bool | None = None
    driver: Driver | None = None
    asking: str | None = None
    transaction: Transaction | None = None
    last: Transaction | None = None
    over: bool = False
    car_takes_energy: bool = True
    holds: dict[str, str] = field(default_factory=dict)
    suspended: set[str] = field(default_factory=set)
    status: str = "Available"

    @property
    def occupied(self) -> bool:
        """Whether the station sees a cable."""
        return self.at_car if self.fixed else self.at_station

    @property
    def complete(self) -> bool:
        """Whether station and car are connected."""
        return self.at_car and (self.fixed or self.at_station)

    @property
    def free(self) -> bool:
        """Whether a driver may begin here, as far as the connector itself goes."""
        busy = self.transaction or self.driver or self.asking
        return not busy and self.fault is None and self.operative and self.wish is not False

    def unlock(self) -> bool:
        """Let go of the cable. Whether it is free now."""
        self.locked = self.locked and self.lock == "stuck"
        return not self.locked

    def wanted(self) -> str:
        """The status that follows from all that."""
        if self.fault is not None:
            return "Faulted"
        if self.number == 0:
            return "Available" if self.operative else "Unavailable"
        if self.transaction is not None:
            return self._in_transaction(self.transaction)
        if self.driver is not None and self.operative:
            return "Preparing"
        if self.over and self.occupied:
            return "Finishing"
        if not self.operative:
            return "Unavailable"
        if self.holds:
            return "Reserved"
        return "Preparing" if self.occupied else "Available"

    def go(self) -> list[str]:
        """Take the status that is wanted; the statuses on the way, each a legal move."""
        wanted = self.wanted()
        if self.number == 0:
            steps = [] if wanted == self.status else [wanted]
        else:
            steps = moves(self.status, wanted)
        self.status = wanted
        return steps

    def _in_transaction(self, transaction: Transaction) -> str:
        if self.suspended:
            return "SuspendedEVSE"
        if not transaction.ours and not self.occupied:
            return "Charging"  # a script's own, which plays without cables
        return "Charging" if self.complete and self.car_takes_energy else "SuspendedEV"
