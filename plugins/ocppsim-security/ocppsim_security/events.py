"""SecurityEventNotification: what has happened is told as soon as there is a connection."""

from __future__ import annotations

import ssl
import time

from ocppsim import ChargePoint, ConnectError, timestamp

from .outbox import Outbox
from .security_log import MAX_INFO, SecurityLog

__all__ = ["Events", "why_refused"]

_VERSION = ("PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL", "WRONG_SSL_VERSION", "VERSION_TOO_LOW")
# where no cipher is shared the CSMS says no more than that the handshake failed
_CIPHER = ("HANDSHAKE_FAILURE", "INSUFFICIENT_SECURITY", "NO_CIPHERS_AVAILABLE", "WRONG_CIPHER")


class Events:
    """The security events of one charge point. Each goes into the `log`, and to the CSMS."""

    def __init__(self, log: SecurityLog) -> None:
        self._log = log
        self._outbox = Outbox("SecurityEventNotification")

    def tell(self, cp: ChargePoint, type: str, techInfo: object = "") -> None:
        """Send a SecurityEventNotification, now or when `cp` is connected again. Never blocks."""
        event = {"type": type, "timestamp": timestamp()}
        if techInfo:
            event["techInfo"] = str(techInfo)[:MAX_INFO]
        cp.log("security event %s: %s", type, techInfo)
        self._log.add(event, time.time())
        self._outbox.put(cp, event)

    def deliver(self, cp: ChargePoint) -> None:
        """Send what waits. Never blocks."""
        self._outbox.deliver(cp)


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
