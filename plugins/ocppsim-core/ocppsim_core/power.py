"""Power and resets: what ends, what survives, and how the station comes back."""

from __future__ import annotations

import concurrent.futures
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING

from ocppsim import ConnectionLost, OcppsimError, Reconnect, Result, WaitTimeout
from ocppsim.interrupts import check, wait_for

from .connector import Fault

if TYPE_CHECKING:
    from .body import Body

__all__ = ["Power"]

# s that a battery lasts, and that a soft reset waits for the central system
LAST_WORDS = 10.0


class Power:
    """Its methods block, in the thread of whoever calls them, never in the station's.

    failures: how many of the next resets fail. resetting: the central system has asked for one
    that is under way.
    """

    def __init__(self, body: Body) -> None:
        self._body = body
        self._turn = threading.Lock()  # held by who switches, which ends by its time-outs
        self._policy = body.cp.reconnecting or Reconnect()
        self.failures = 0
        self.resetting = False

    def on(self) -> None:
        """Switch on, and boot; without a connection as soon as there is one."""
        with self._turn:
            if not self._body.on:
                self._body.actor.do(self._up)
                self._body.cp.reconnecting = self._policy

    def off(self, *, battery: bool) -> None:
        """Cut the power. With a battery transactions are stopped in good order first."""
        body = self._body
        with self._turn:
            if not body.on:
                return
            if battery:
                body.actor.do(lambda: body.sessions.stop_all("PowerLoss"))
                if body.online:  # else what is left goes after the next boot
                    self.wait_for_answers()
            body.cp.reconnecting = None
            body.cp.queue.accepted = False
            body.cp.abort()
            body.actor.do(lambda: self._down("PowerLoss"))

    def reset(self, kind: str) -> None:
        """Stop what has to be stopped, hang up, connect, boot (OCPP 1.6 §5.14)."""
        body = self._body
        with self._turn:
            if not body.on:
                self.resetting = False
                return
            if kind == "Soft":
                body.actor.do(lambda: body.sessions.stop_all("SoftReset"))
                self.wait_for_answers()
            if not self._works():
                body.actor.do(self._failed)
                return
            body.cp.queue.accepted = False
            body.actor.do(lambda: self._down("HardReset" if kind == "Hard" else "SoftReset"))
            try:
                body.cp.reconnect()
            except ConnectionLost:
                return  # closed meanwhile
            except OcppsimError as error:
                body.log("no connection after the reset: %s", error)
            body.actor.do(self._up)
            body.cp.reconnecting = self._policy

    def wait_until_accepted(self, timeout: float) -> None:
        """Raises WaitTimeout, ConnectionLost where the station is closed meanwhile."""
        body = self._body
        with body.changed:
            wait_for(
                body.changed,
                lambda: body.boot.registration == "Accepted" or body.actor.closed,
                timeout,
            )
        if body.actor.closed:
            raise ConnectionLost("the station was closed while it booted")
        if body.boot.registration != "Accepted":
            said = body.boot.registration or "nothing"
            raise WaitTimeout(f"the boot was not accepted within {timeout:g} s: {said}")

    def _up(self) -> None:
        self.resetting = False  # whoever hears of the boot may ask for the next one
        self._body.on = True
        self._body.start_over()
        self._body.boot.begin()

    def _down(self, reason: str) -> None:
        body = self._body
        body.boot.end()
        body.cp.stop_heartbeat()
        body.sessions.stop_all(reason)
        body.settle()
        body.on = False
        for connector in body.connectors.values():
            connector.unlock()

    def _works(self) -> bool:
        """Whether one of the attempts at a reset works."""
        for _ in range(1 + int(self._body.settings["ResetRetries"])):
            if self.failures <= 0:
                return True
            self.failures -= 1
            self._body.log("the reset failed; left of such failures: %d", self.failures)
        return False

    def _failed(self) -> None:
        self.resetting = False
        self._body.main.warning = Fault("ResetFailure")
        self._body.extensions.event("reset failed")

    def wait_for_answers(self, timeout: float = LAST_WORDS) -> bool:
        """For what was sent, what the answers to that bring, and what waits for the station's own
        answer to a request. Whether all is answered; without a connection there is no hope."""
        body, end = self._body, time.monotonic() + timeout

        def left_to_do() -> tuple[set[Future[Result]], int]:
            return set(body.outbox.pending), body.reporter.paused

        while any(waiting := body.actor.do(left_to_do)):
            check()
            left = end - time.monotonic()
            if left <= 0 or not body.cp.connected:
                return False
            if pending := waiting[0]:
                # what has failed may go again after a pause
                part = min(left, 0.5)
                concurrent.futures.wait(pending, part, concurrent.futures.FIRST_COMPLETED)
            else:
                time.sleep(0.005)
        return True
