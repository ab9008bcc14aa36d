"""SecurityEventNotification: what has happened is told as soon as there is a connection."""

from __future__ import annotations

import ssl
import threading
from concurrent.futures import Future
from typing import Any

from ocppsim import ChargePoint, ConnectError, ConnectionLost, timestamp

__all__ = ["Events", "why_refused"]

MAX_WAITING = 1000
MAX_INFO = 255

_VERSION = ("PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL", "WRONG_SSL_VERSION", "VERSION_TOO_LOW")
# where no cipher is shared the CSMS says no more than that the handshake failed
_CIPHER = ("HANDSHAKE_FAILURE", "INSUFFICIENT_SECURITY", "NO_CIPHERS_AVAILABLE", "WRONG_CIPHER")


class Events:
    """The security events of one charge point that the CSMS does not know of yet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[dict[str, Any]] = []

    def tell(self, cp: ChargePoint, type: str, techInfo: object = "") -> None:
        """Send a SecurityEventNotification, now or when `cp` is connected again. Never blocks."""
        event = {"type": type, "timestamp": timestamp()}
        if techInfo:
            event["techInfo"] = str(techInfo)[:MAX_INFO]
        cp.log("security event %s: %s", type, techInfo)
        with self._lock:
            self._waiting.append(event)
            del self._waiting[:-MAX_WAITING]
        if cp.connected:
            self.deliver(cp)

    def deliver(self, cp: ChargePoint) -> None:
        """Send what waits. Never blocks."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for event in waiting:
            future = cp.submit("SecurityEventNotification", event)
            future.add_done_callback(lambda done, event=event: self._done(cp, event, done))  # type: ignore[misc]

    def _done(self, cp: ChargePoint, event: dict[str, Any], done: Future[Any]) -> None:
        error = done.exception()
        if isinstance(error, ConnectionLost):
            with self._lock:
                self._waiting.append(event)
                self._waiting.sort(key=lambda each: str(each["timestamp"]))
        elif error is not None:
            cp.log("the CSMS did not take the security event %s: %s", event["type"], error)


def why_refused(error: Exception) -> str | None:
    """The security event that a connection is that did not come about; None where it is none."""
    if isinstance(error, ConnectError) and error.status in (401, 403):
        return "FailedToAuthenticateAtCentralSystem"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return "InvalidCentralSystemCertificate"
        if isinstance(cause, ssl.SSLError):
            reason = cause.reason or ""
            if any(word in reason for word in _VERSION):
                return "InvalidTLSVersion"
            if any(word in reason for word in _CIPHER):
                return "InvalidTLSCipherSuite"
        cause = cause.__cause__ or cause.__context__
    return None
