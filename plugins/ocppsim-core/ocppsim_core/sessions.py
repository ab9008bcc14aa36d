"""Drivers and transactions: from a cable and a card to a StopTransaction (OCPP 1.6 §4.8, §4.10)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from ocppsim import OcppsimError, Result, timestamp

from .authorization import IdTagInfo, same_group, same_tag
from .connector import Connector, Driver, Fault
from .transaction import Transaction

if TYPE_CHECKING:
    from .body import Body

__all__ = ["REFUSED", "Sessions"]

REFUSED = "Refused"
"""What a reader shows where no card is wanted now."""

Shown = Callable[[str], object]


class Sessions:
    """Who charges where."""

    def __init__(self, body: Body) -> None:
        self._body = body

    # --- cards ---

    def present(self, idTag: str, number: int | None, shown: Shown) -> None:
        """A driver holds up a card; `shown(status)` once it is clear what the reader shows."""
        body = self._body
        connector = self._choose(idTag) if number is None else body.connector(number)
        if not body.on:
            shown(REFUSED)
        elif connector.transaction is not None:
            self._stop_with(idTag, connector, connector.transaction, shown)
        elif connector.locked and connector.last is not None and connector.over:
            self._unlock_with(idTag, connector, connector.last, shown)
        elif connector.driver is not None and same_tag(connector.driver.idTag, idTag):
            self.withdraw(connector)  # the second time it is taken back
            shown("Accepted")
        elif not connector.free or body.broken:
            shown(REFUSED)
        else:
            self._start_with(idTag, connector, shown)

    def _choose(self, idTag: str) -> Connector:
        """Which connector a card means that is held up to a reader for all of them."""
        connectors = list(self._body.connectors.values())

        def rank(connector: Connector) -> int:
            transaction, driver = connector.transaction, connector.driver
            if transaction is not None and same_tag(transaction.idTag, idTag):
                return 0
            if driver is not None and same_tag(driver.idTag, idTag):
                return 1
            if connector.free and connector.occupied and not connector.over:
                return 2
            if connector.free and not connector.holds:
                return 3
            return 4 if connector.free else 5

        return min(connectors, key=rank)

    def _start_with(self, idTag: str, connector: Connector, shown: Shown) -> None:
        connector.asking = idTag

        def verdict(info: IdTagInfo) -> None:
            if connector.asking != idTag:  # power failure, reset
                shown(REFUSED)
                return
            connector.asking = None
            status = str(info["status"])
            if status == "Accepted" and not self._admit(connector, idTag, info):
                status = REFUSED
            shown(status)

        self.authorize(idTag, verdict)

    def authorize(self, idTag: str, verdict: Callable[[IdTagInfo], object]) -> None:
        """`verdict(idTagInfo)`, from what is known, or from the central system."""
        body = self._body
        known = body.rules.decide(idTag, online=body.online)
        if known is not None:
            verdict(known)
            return

        def answered(answer: Result | OcppsimError) -> None:
            if isinstance(answer, OcppsimError):
                body.log("Authorize: %s; it is decided as if offline", answer)
                verdict(body.rules.decide(idTag, online=False) or {"status": "Invalid"})
            else:
                verdict(answer["idTagInfo"])

        body.outbox.ask("Authorize", {"idTag": idTag}, answered)

    def _stop_with(
        self, idTag: str, connector: Connector, transaction: Transaction, shown: Shown
    ) -> None:
        def stop() -> None:
            if connector.transaction is transaction:
                self.stop(transaction, "Local", idTag=idTag)
            shown("Accepted")

        self._if_of_group(idTag, transaction, stop, shown)

    def _unlock_with(
        self, idTag: str, connector: Connector, transaction: Transaction, shown: Shown
    ) -> None:
        def unlock() -> None:
            connector.unlock()
            shown("Accepted")

        self._if_of_group(idTag, transaction, unlock, shown)

    def _if_of_group(
        self,
        idTag: str,
        transaction: Transaction,
        then: Callable[[], object],
        shown: Shown,
    ) -> None:
        if same_tag(idTag, transaction.idTag):
            then()
            return

        def verdict(info: IdTagInfo) -> None:
            parent = info.get("parentIdTag")
            mine = transaction.parentIdTag
            if info["status"] == "Accepted" and same_group(idTag, parent, transaction.idTag, mine):
                then()
            else:
                shown(REFUSED if info["status"] == "Accepted" else str(info["status"]))

        self.authorize(idTag, verdict)

    # --- from the central system ---

    def remote_start(
        self, payload: Mapping[str, Any]
    ) -> tuple[str, Connector | None, Callable[[], object]]:
        """The answer to a RemoteStartTransaction, the connector that is kept for it, and what to do
        once the answer has left."""
        body = self._body
        idTag, number = str(payload["idTag"]), payload.get("connectorId")
        profile = payload.get("chargingProfile")
        connector = self._choose(idTag) if number is None else body.connectors.get(number)
        if connector is None:
            why: str | None = f"there is no connector {number}"
        elif body.boot.registration != "Accepted":
            why = "the boot is not accepted"
        elif body.broken:
            why = "the station is Faulted"
        elif not connector.free:
            why = f"connector {connector.number} is {connector.status}"
        else:
            parent = (body.rules.known(idTag) or {}).get("parentIdTag")
            why = body.extensions.refusal(connector.number, idTag, parent)
            if why is None and profile is not None:
                why = body.extensions.profile_refusal(connector.number, profile)
        if connector is None or why is not None:
            body.log("RemoteStartTransaction is rejected: %s", why)
            return "Rejected", None, lambda: None
        connector.asking = idTag
        return "Accepted", connector, lambda: self._remote_start(connector, idTag, profile)

    def _remote_start(
        self, connector: Connector, idTag: str, profile: Mapping[str, Any] | None
    ) -> None:
        def verdict(info: IdTagInfo) -> None:
            if connector.asking != idTag:
                return
            connector.asking = None
            if info["status"] == "Accepted":
                self._admit(connector, idTag, info, remote=True, profile=profile)
            else:
                self._body.log("remote start: %s is %s", idTag, info["status"])

        if self._body.settings["AuthorizeRemoteTxRequests"]:
            self.authorize(idTag, verdict)
        else:
            verdict({"status": "Accepted", **_parent(self._body.rules.known(idTag))})

    def find(self, transactionId: object) -> Transaction | None:
        """The transaction under way that the central system calls so."""
        for connector in self._body.connectors.values():
            transaction = connector.transaction
            if transaction is None or transaction.transactionId is None:
                continue
            if transaction.transactionId == transactionId:
                return transaction
        return None

    # --- drivers ---

    def _admit(
        self,
        connector: Connector,
        idTag: str,
        info: IdTagInfo,
        *,
        remote: bool = False,
        profile: Mapping[str, Any] | None = None,
    ) -> bool:
        """Let a driver begin. Whether he may."""
        body = self._body
        parent = info.get("parentIdTag")
        why = body.extensions.refusal(connector.number, idTag, parent)
        if body.broken or not connector.free:
            number = 0 if body.broken else connector.number
            why = f"connector {number} is {(body.main if body.broken else connector).status}"
        if why is not None:
            body.log("%s may not begin: %s", idTag, why)
            return False
        driver = Driver(idTag, parent, remote, profile)
        connector.driver = driver
        connector.over = False
        timeout = body.settings["ConnectionTimeOut"]
        if timeout and not connector.complete:

            def give_up() -> None:
                if connector.driver is driver:
                    body.log("connector %d: no cable within %g s", connector.number, timeout)
                    self.withdraw(connector)

            driver.deadline = body.actor.after(timeout, give_up)
        return True

    def withdraw(self, connector: Connector) -> None:
        """The driver does not begin after all."""
        driver, connector.driver = connector.driver, None
        connector.asking = None
        if driver is not None and driver.deadline is not None:
            driver.deadline.cancel()

    # --- transactions ---

    def follow(self, connector: Connector) -> None:
        """Lock the cable; begin the transaction that has all that it needs."""
        self._body.availability.follow(connector)
        if not connector.occupied:
            connector.over = False
            connector.last = None if connector.transaction is None else connector.last
        self._lock(connector)
        if (
            self._body.on
            and not self._body.broken
            and connector.driver is not None
            and connector.complete
            and connector.transaction is None
            and connector.fault is None
            and connector.operative
        ):
            self._start(connector, connector.driver)

    @staticmethod
    def _lock(connector: Connector) -> None:
        if connector.fixed or connector.over or connector.locked or not connector.complete:
            return
        if connector.lock == "open":
            connector.fault = connector.fault or Fault("ConnectorLockFailure")
        elif connector.fault is None and connector.operative:
            connector.locked = True

    def _start(self, connector: Connector, driver: Driver) -> None:
        body, number = self._body, connector.number
        body.metering.catch_up(number)
        meter, now = body.metering.meter(number).register_wh, body.clock.now()
        self.withdraw(connector)
        transaction = Transaction(
            number,
            driver.idTag,
            meter,
            now,
            begun=meter,
            parentIdTag=driver.parentIdTag,
            remote=driver.remote,
            profile=driver.profile,
        )
        payload = {
            "connectorId": number,
            "idTag": driver.idTag,
            "meterStart": meter,
            "timestamp": timestamp(now),
            **body.extensions.start_fields(number, driver.idTag, driver.parentIdTag),
        }
        transaction.reservationId = payload.get("reservationId")
        connector.transaction = transaction
        connector.last = transaction
        body.outbox.start(transaction, payload)
        body.metering.begin(transaction)
        body.extensions.started(transaction)

    def answered(self, transaction: Transaction, answer: Mapping[str, Any]) -> None:
        """The central system has answered the StartTransaction."""
        body, info = self._body, answer.get("idTagInfo") or {}
        number = answer.get("transactionId")
        transaction.transactionId = number if isinstance(number, int) else None
        body.rules.learn(transaction.idTag, info)
        transaction.parentIdTag = info.get("parentIdTag") or transaction.parentIdTag
        connector = body.connectors[transaction.connectorId]
        if info.get("status") == "Accepted" or connector.transaction is not transaction:
            return
        if not transaction.ours:
            return  # what follows is up to the script
        transaction.invalid = True
        if body.settings["StopTransactionOnInvalidId"]:
            # the cable stays locked until its owner shows the card (§3.5.1)
            self.stop(transaction, "DeAuthorized", unlock=False)
        else:
            body.metering.catch_up(connector.number)
            meter = body.metering.meter(connector.number).register_wh
            transaction.limit = meter + body.settings["MaxEnergyOnInvalidId"]

    def stop(
        self,
        transaction: Transaction,
        reason: str,
        *,
        idTag: str | None = None,
        unlock: bool = True,
    ) -> Future[Result] | None:
        """End a transaction now. None where it has ended already."""
        body = self._body
        connector = body.connectors[transaction.connectorId]
        if connector.transaction is not transaction:
            return None
        body.metering.catch_up(connector.number)
        meter = transaction.register(body.metering.meter(connector.number).register_wh)
        payload: dict[str, Any] = {
            "meterStop": meter,
            "timestamp": timestamp(body.clock.now()),
            "reason": reason,
        }
        if idTag is not None:
            payload["idTag"] = idTag
        if transaction.ours:
            data = body.metering.end(transaction)
            if data:
                payload["transactionData"] = data
        self.ended(transaction, unlock=unlock)
        body.extensions.stopped(transaction, reason)
        return body.outbox.stop(transaction, payload)

    def stop_all(self, reason: str) -> list[Future[Result]]:
        """End all transactions, and let go of whoever has none yet."""
        for connector in self._body.connectors.values():
            self.withdraw(connector)
        connectors = self._body.connectors.values()
        under_way = [c.transaction for c in connectors if c.transaction is not None]
        futures = [self.stop(transaction, reason) for transaction in under_way]
        return [future for future in futures if future is not None]

    def ended(self, transaction: Transaction, *, unlock: bool = True) -> None:
        """A transaction is over; the driver may go."""
        connector = self._body.connectors[transaction.connectorId]
        if connector.transaction is transaction:
            connector.transaction = None
            connector.over = connector.occupied
            if unlock:
                connector.unlock()


def _parent(info: IdTagInfo | None) -> dict[str, Any]:
    parent = (info or {}).get("parentIdTag")
    return {} if parent is None else {"parentIdTag": parent}
