"""From power to acceptance: BootNotification until it is Accepted (OCPP 1.6 §4.2)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ocppsim import ConnectionLost, OcppsimError, Result

if TYPE_CHECKING:
    from .body import Body
    from .clock import Job

__all__ = ["Boot"]

# s between two BootNotifications where the central system leaves it to the station, or is silent
PAUSE = 30.0


class Boot:
    """registration: what the central system said last: Accepted, Pending, Rejected; None before.

    fields: the payload of the BootNotification.
    """

    def __init__(self, body: Body, fields: Mapping[str, Any]) -> None:
        self._body = body
        self.fields = dict(fields)
        self.registration: str | None = None
        self.callbacks: list[Callable[[], object]] = []
        self._under_way = False
        self._again: Job | None = None

    def begin(self) -> None:
        """The power has come."""
        self.end()
        self.registration = None
        self.send()

    def end(self) -> None:
        """The power has gone."""
        self.registration = None
        self._under_way = False
        if self._again is not None:
            self._again.cancel()
            self._again = None

    def connected(self) -> None:
        """There is a connection, for the first time or again: the boot goes on where it was."""
        if self.registration == "Accepted":
            self._beat()
            self._body.reporter.flush_all()
        elif self._again is None:
            self.send()

    def send(self) -> None:
        """Send a BootNotification, unless one is under way."""
        if self._under_way or not self._body.on or not self._body.cp.connected:
            return
        self._under_way = True
        if self._again is not None:
            self._again.cancel()
            self._again = None
        self._body.outbox.ask("BootNotification", self.fields, self._answered)

    def told(self, answer: Mapping[str, Any], *, own: bool) -> None:
        """The central system answered a BootNotification, of the station's or of the script's."""
        status, interval = answer.get("status"), answer.get("interval")
        if status not in ("Accepted", "Pending", "Rejected") or not isinstance(interval, int):
            return
        before, self.registration = self.registration, status
        if status != "Accepted":
            if self._body.on:
                self._body.cp.stop_heartbeat()  # it sends nothing unasked now
            self._later(interval)
            return
        self._body.on = True
        if self._again is not None:
            self._again.cancel()
            self._again = None
        if not own:
            if before != "Accepted":
                self._body.reporter.assume()
            return
        self._set_interval(interval)
        self._beat()
        if before != "Accepted":
            self._body.booted()
            self._call_back()

    def _answered(self, answer: Result | OcppsimError) -> None:
        # what it says was read off the traffic
        self._under_way = False
        if isinstance(answer, OcppsimError) and self._body.on:
            if isinstance(answer, ConnectionLost):
                return  # at once with the next connection
            self._body.log("BootNotification: %s", answer)
            self._later(0)

    def _later(self, interval: float) -> None:
        if self._again is not None:
            self._again.cancel()
        pause = interval if interval > 0 else PAUSE

        def again() -> None:
            self._again = None
            # a Rejected is over with its interval
            self.registration = None if self.registration == "Rejected" else self.registration
            self.send()

        self._again = self._body.actor.after(pause, again)

    def _set_interval(self, interval: int) -> None:
        if interval > 0:
            most = self._body.cp.configuration.definition("HeartbeatInterval").maximum
            self._body.settings["HeartbeatInterval"] = int(min(interval, most or interval))

    def _beat(self) -> None:
        self._body.start_heartbeat()

    def _call_back(self) -> None:
        callbacks = list(self.callbacks)
        if not callbacks:
            return

        def run() -> None:
            for callback in callbacks:
                self._body.guarded("a callback of at_boot", callback)

        name = f"ocppsim {self._body.cp.name} at_boot"
        threading.Thread(target=run, name=name, daemon=True).start()
