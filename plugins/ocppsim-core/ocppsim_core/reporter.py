"""StatusNotifications: which of the statuses are told to the central system, and when."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from ocppsim import timestamp

from .connector import NO_FAULT, Connector

if TYPE_CHECKING:
    from .body import Body
    from .clock import Job

__all__ = ["Reporter"]

Report = dict[str, Any]


class Reporter:
    """Tells each status, in its order; of those while offline only the last, if it is news.

    A status that a transaction brought waits until the message of the transaction is on its way. A
    status that lasts less than MinimumStatusDuration is not told (OCPP 1.6 §9.1.20). paused: how
    many requests are being answered; meanwhile nothing is told.
    """

    def __init__(self, body: Body) -> None:
        self._body = body
        self.paused = 0
        self._waiting: dict[int, deque[Report]] = {}
        self._told: dict[int, Report] = {}
        self._stable: dict[int, Job] = {}

    def note(self, connector: Connector, status: str) -> None:
        """`connector` has this status now."""
        waiting = self._waiting.setdefault(connector.number, deque())
        report = self.report(connector, status)
        if _same(report, waiting[-1] if waiting else self._told.get(connector.number)):
            return
        waiting.append(report)
        duration = self._body.settings["MinimumStatusDuration"]
        if duration and self._told.get(connector.number):
            self._wait(connector.number, duration)
        else:
            self.flush(connector.number)

    def all_anew(self) -> None:
        """Tell the status of the charge point and of each connector, as after a boot."""
        self.forget()
        for connector in self._body.all_connectors():
            self._waiting[connector.number] = deque([self.report(connector)])
            self.flush(connector.number)

    def tell_again(self, connector: Connector) -> None:
        """Tell its status because the central system wants it; before acceptance too."""
        self._body.outbox.tell("StatusNotification", self.report(connector))

    def assume(self) -> None:
        """The script tells the statuses of its boot: from now on what changes is told."""
        self.forget()
        for connector in self._body.all_connectors():
            self._told[connector.number] = self.report(connector)

    def forget(self) -> None:
        """The central system knows nothing of the statuses any more."""
        for job in self._stable.values():
            job.cancel()
        self._stable.clear()
        self._told.clear()
        self._waiting.clear()

    def went_offline(self) -> None:
        """Of what has happened meanwhile only the last will be told."""
        for waiting in self._waiting.values():
            while len(waiting) > 1:
                waiting.popleft()

    def flush_all(self) -> None:
        for number in list(self._waiting):
            self.flush(number)

    def flush(self, number: int) -> None:
        """Send what waits of this connector, if it may go now."""
        body = self._body
        waiting = self._waiting.get(number)
        if not waiting or not body.online:
            if waiting:
                self.went_offline()
            return
        if self.paused or number in self._stable or body.outbox.holds_back(number):
            return
        while waiting:
            report = waiting.popleft()
            if not _same(report, self._told.get(number)):
                self._send(number, report)

    def report(self, connector: Connector, status: str | None = None) -> Report:
        """The payload of a StatusNotification."""
        status = connector.status if status is None else status
        fault = connector.fault if status == "Faulted" else connector.warning
        return {
            "connectorId": connector.number,
            "status": status,
            **(fault or NO_FAULT).fields(),
            "timestamp": timestamp(self._body.clock.now()),
        }

    def _wait(self, number: int, duration: float) -> None:
        if number in self._stable:
            self._stable[number].cancel()
        self._stable[number] = self._body.actor.after(duration, lambda: self._is_stable(number))

    def _is_stable(self, number: int) -> None:
        self._stable.pop(number, None)
        waiting = self._waiting[number]
        while len(waiting) > 1:
            waiting.popleft()
        self.flush(number)

    def _send(self, number: int, report: Report) -> None:
        self._told[number] = report

        def failed() -> None:
            # the connection is gone: again, when there is one
            if self._told.get(number) is report:
                del self._told[number]
                waiting = self._waiting.setdefault(number, deque())
                if not waiting:
                    waiting.append(report)

        self._body.outbox.tell("StatusNotification", report, lost=failed)


def _same(one: Report, other: Report | None) -> bool:
    return other is not None and {**one, "timestamp": ""} == {**other, "timestamp": ""}
