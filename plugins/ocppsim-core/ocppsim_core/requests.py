"""What a station answers to the requests of the central system."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from ocppsim import Request

if TYPE_CHECKING:
    from .body import Body
    from .power import Power

__all__ = ["TRIGGERS", "Requests"]

TRIGGERS = ("TriggerMessage", "ExtendedTriggerMessage")

Payload = dict[str, Any]
Answer = Payload | Iterator[Payload] | None
DataTransfer = Callable[[Request], Any]


class Plan(NamedTuple):
    """An answer; what to do once it has left; and what if it cannot."""

    status: str
    then: Callable[[], object] = lambda: None
    instead: Callable[[], object] = lambda: None


class Requests:
    """One method an action, by its name; in the handler's thread. What is decided is decided in
    the station's."""

    def __init__(self, body: Body, power: Power) -> None:
        self._body = body
        self._power = power
        self._vendors: dict[str, dict[str | None, DataTransfer]] = {}

    def answer(self, request: Request) -> Answer:
        """None: this station has no answer of its own, or no power."""
        function = getattr(self, request.action, None)
        if function is None or not self._body.on:
            return None
        answer: Answer = function(request)
        return answer

    # --- configuration ---

    def GetConfiguration(self, request: Request) -> Answer:
        return self._body.settings.answer(request)

    def ChangeConfiguration(self, request: Request) -> Answer:
        return self._body.settings.answer(request)

    # --- sessions ---

    def RemoteStartTransaction(self, request: Request) -> Answer:
        def decide() -> Plan:
            status, connector, then = self._body.sessions.remote_start(request.payload)

            def instead() -> None:
                if connector is not None:
                    self._body.sessions.withdraw(connector)

            return Plan(status, then, instead)

        return self._carry_out(decide)

    def RemoteStopTransaction(self, request: Request) -> Answer:
        sessions = self._body.sessions

        def decide() -> Plan:
            transaction = sessions.find(request.payload["transactionId"])
            if transaction is None or self._body.boot.registration != "Accepted":
                return Plan("Rejected")
            return Plan("Accepted", lambda: sessions.stop(transaction, "Remote"))

        return self._carry_out(decide)

    def UnlockConnector(self, request: Request) -> Answer:
        def decide() -> Plan:
            connector = self._body.connectors.get(request.payload["connectorId"])
            if connector is None or connector.fixed:
                return Plan("NotSupported")
            stuck = connector.lock == "stuck" and connector.locked
            status = "UnlockFailed" if stuck else "Unlocked"
            transaction = connector.transaction
            if transaction is not None:
                return Plan(status, lambda: self._body.sessions.stop(transaction, "UnlockCommand"))
            if connector.unlock():
                connector.over = connector.occupied
            return Plan(status)

        return self._carry_out(decide)

    def ClearCache(self, request: Request) -> Answer:
        def decide() -> Plan:
            self._body.rules.cache.clear()
            return Plan("Accepted")

        return self._carry_out(decide)

    # --- the station ---

    def ChangeAvailability(self, request: Request) -> Answer:
        number, operative = request.payload["connectorId"], request.payload["type"] == "Operative"

        def decide() -> Plan:
            availability = self._body.availability
            status = availability.status(number, operative)
            if status != "Rejected":
                availability.change(number, operative)
            return Plan(status)

        return self._carry_out(decide)

    def Reset(self, request: Request) -> Iterator[Payload]:
        power = self._power
        with self._body.changed:
            busy, power.resetting = power.resetting, True
        if busy:
            yield {"status": "Rejected"}
            return
        try:
            yield {"status": "Accepted"}
            power.reset(request.payload["type"])
        except BaseException:  # the answer could not leave, for one
            power.resetting = False
            raise

    def TriggerMessage(self, request: Request) -> Answer:
        name = f"_trigger_{request.payload['requestedMessage']}"
        trigger = getattr(self, name, None)
        if trigger is None:
            return None
        return self._carry_out(lambda: trigger(request.payload.get("connectorId")))

    ExtendedTriggerMessage = TriggerMessage

    def _trigger_BootNotification(self, number: int | None) -> Plan:
        return Plan("Accepted", self._body.boot.send)

    def _trigger_Heartbeat(self, number: int | None) -> Plan:
        return Plan("Accepted", lambda: self._body.outbox.tell("Heartbeat", {}))

    def _trigger_StatusNotification(self, number: int | None) -> Plan:
        connectors = [c for c in self._body.all_connectors() if number in (None, c.number)]

        def send() -> None:
            for connector in connectors:
                self._body.reporter.tell_again(connector)

        return Plan("Accepted", send) if connectors else Plan("Rejected")

    def _trigger_MeterValues(self, number: int | None) -> Plan:
        body = self._body
        numbers = [n for n in body.connectors if number in (None, n)]
        if number == 0 or not numbers or not body.settings["MeterValuesSampledData"]:
            return Plan("Rejected")
        return Plan("Accepted", lambda: body.metering.trigger(numbers))

    # --- data transfer ---

    def on_data_transfer(self, vendorId: str, messageId: str | None, handler: DataTransfer) -> None:
        self._vendors.setdefault(vendorId.casefold(), {})[messageId] = handler

    def DataTransfer(self, request: Request) -> Any:
        messages = self._vendors.get(str(request.payload["vendorId"]).casefold())
        if messages is None:
            return {"status": "UnknownVendorId"}
        handler = messages.get(request.payload.get("messageId"), messages.get(None))
        if handler is None:
            return {"status": "UnknownMessageId"}
        return handler(request)

    # --- inside ---

    def _carry_out(self, decide: Callable[[], Plan]) -> Iterator[Payload]:
        reporter = self._body.reporter

        def begin() -> Plan:
            reporter.paused += 1  # what changes now is told after the answer
            return decide()

        def end(left: bool) -> None:
            reporter.paused -= 1
            (plan.then if left else plan.instead)()
            reporter.flush_all()

        plan = self._body.actor.do(begin)
        left = False
        try:
            yield {"status": plan.status}
            left = True
        finally:
            self._body.actor.do(lambda: end(left))
