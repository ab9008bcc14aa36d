"""What plugins and scripts may have of a station: who may charge, what holds, who is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from .authorization import Authorizer
from .body import Body
from .extensions import MayStart, Profile, Starting
from .requests import DataTransfer, Requests
from .transaction import Transaction

__all__ = ["Interface", "Session"]

T = TypeVar("T")


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


class Interface:
    """The part of `Station` that plugins build on."""

    _body: Body
    _requests: Requests

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
        """Find out about an idTag as a card at the reader does; ``then(idTagInfo)`` in the
        station's thread."""
        self.do(lambda: self._body.sessions.authorize(idTag, then))

    def at_boot(self, callback: Callable[[], object]) -> None:
        """Have `callback()` called each time that a boot was accepted, in a thread where it may
        block and call."""
        self._body.boot.callbacks.append(callback)

    def on_status(self, callback: Callable[[int, str], object]) -> None:
        """Have ``callback(connectorId, status)`` told of each new status, in the station's
        thread."""
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
        ``reset failed``, in the station's thread; and that it is ``closed``, by whoever does it."""
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
