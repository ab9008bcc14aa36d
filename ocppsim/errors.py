"""What can go wrong, as one tree.

::

    OcppsimError
    ├── ConnectError         (ConnectionError)  no connection came about
    ├── ConnectionLost       (ConnectionError)  there is no connection now
    ├── CallTimeout          (TimeoutError)     the CSMS did not answer a CALL in time
    ├── WaitTimeout          (TimeoutError)     what the script waited for did not come
    ├── CallError                               the CSMS answered with a CALLERROR;
    │                                           raised by a handler: the CALLERROR to answer with
    ├── InvalidPayload       (ValueError)       a payload breaks its schema
    ├── GivenUp                                 a message of the transaction queue was given up
    ├── StateError           (OSError)          the state of a charge point cannot be kept there
    ├── TransferError        (OSError)          a file was not sent or fetched
    ├── CertificateError     (ValueError)       a certificate, key, password or subject is not good
    ├── AlreadyAnswered      (RuntimeError)     a request was to be answered a second time
    └── WouldDeadlock        (RuntimeError)     a blocking call from a thread that must not block
    Stopped                  (BaseException)    the script is to end; beside the tree, so that no
                                                ``except Exception`` of the script goes on

Every text is made for a person: what was wrong, where, and what to do. None holds a password.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "AlreadyAnswered",
    "CallError",
    "CallTimeout",
    "CertificateError",
    "ConnectError",
    "ConnectionLost",
    "Fault",
    "GivenUp",
    "InvalidPayload",
    "OcppsimError",
    "StateError",
    "Stopped",
    "TransferError",
    "WaitTimeout",
    "WouldDeadlock",
]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a frame or a payload.

    path: where, as a JSON path (``$.meterValue[0].timestamp``; ``$`` is the whole).
    rule: the rule that is broken (``maxLength 20``, ``required idTag``, ``JSON``, ``unique id``).
    message: the same for a person.
    code: the CALLERROR code that OCPP-J 1.6 §4.2.3 has for it.
    """

    path: str
    rule: str
    message: str
    code: str = "FormationViolation"
    value: Any = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


class OcppsimError(Exception):
    """The root of this tree."""


class ConnectError(OcppsimError, ConnectionError):
    """No connection came about.

    url: where to, without password. status, headers, body: the HTTP answer of a refused handshake
    (None, {}, b"" where there was none). refused: whether the CSMS was reached, and then refused or
    hung up.
    """

    def __init__(
        self,
        message: str,
        *,
        url: str = "",
        refused: bool = False,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> None:
        super().__init__(message)
        self.url = url
        self.refused = refused
        self.status = status
        self.headers = dict(headers or {})
        self.body = body


class ConnectionLost(OcppsimError, ConnectionError):
    """There is no connection (any more); a call under way may or may not have reached the CSMS.

    code: the WebSocket close code, None where none was received (RFC 6455 §7.4).
    """

    def __init__(self, message: str, *, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class CallTimeout(OcppsimError, TimeoutError):
    """The CSMS did not answer a CALL within `timeout` seconds, counted from sending it."""

    def __init__(self, action: str, unique_id: str, timeout: float) -> None:
        super().__init__(f"{action}: no answer within {timeout:g} s (uniqueId {unique_id})")
        self.action = action
        self.unique_id = unique_id
        self.timeout = timeout


class WaitTimeout(OcppsimError, TimeoutError):
    """What the script waited for did not come in time; the text says what came instead."""


class CallError(OcppsimError):
    """A CALLERROR (OCPP-J 1.6 §4.2.3).

    From `ChargePoint.call`: what the CSMS answered, `code` as it spelt it. Raised by a handler:
    what to answer with.
    """

    def __init__(
        self,
        code: str = "GenericError",
        description: str = "",
        details: Mapping[str, Any] | None = None,
        *,
        action: str = "",
        unique_id: str = "",
    ) -> None:
        text = f"{action}: {code}" if action else code
        if description:
            text += f": {description}"
        if details:
            text += f" {json.dumps(details, ensure_ascii=False, default=str)}"
        super().__init__(text)
        self.code = code
        self.description = description
        self.details = dict(details or {})
        self.action = action
        self.unique_id = unique_id


class InvalidPayload(OcppsimError, ValueError):
    """A payload that breaks its schema: one to be sent (nothing has left), or one received.

    action: the action; kind: ``"request"`` or ``"response"``; received: whether it came from the
    CSMS; faults: every `Fault`. `path`, `rule` and `value` are those of the first.
    payload: the payload itself. optional: whether it could be sent without validation.
    """

    def __init__(
        self,
        action: str,
        kind: str,
        faults: Sequence[Fault],
        *,
        payload: Any = None,
        received: bool = False,
        sender: str = "the CSMS",
        optional: bool = True,
    ) -> None:
        from .masking import mask_faults  # which imports this module

        who = f"{sender} sent an invalid" if received else "invalid"
        text = f"{action}: {who} {kind}: " + "; ".join(mask_faults(faults[:5], payload))
        if len(faults) > 5:
            text += f"; and {len(faults) - 5} more"
        if optional and not received and faults[0].rule != "JSON":
            text += " (validate=False sends it all the same)"
        super().__init__(text)
        self.action = action
        self.kind = kind
        self.faults = tuple(faults)
        self.path = faults[0].path
        self.rule = faults[0].rule
        self.value = faults[0].value
        self.payload = payload
        self.received = received


class GivenUp(OcppsimError):
    """A message of the transaction queue was given up; it will not be sent any more.

    ``__cause__`` is what the last attempt failed with.
    """

    def __init__(self, action: str, why: str) -> None:
        super().__init__(f"{action} was given up: {why}")
        self.action = action


class StateError(OcppsimError, OSError):
    """The state of a charge point cannot be kept there: the folder is in use or unusable."""


class TransferError(OcppsimError, OSError):
    """A file was not sent or fetched, or not whole.

    location: where, without user and password. reply: the answer of the server that ended it, with
    its code (``550 No such file.``), in one line and with the password masked; None where there was
    none.
    """

    def __init__(self, message: str, *, location: str = "", reply: str | None = None) -> None:
        super().__init__(message)
        self.location = location
        self.reply = reply


class CertificateError(OcppsimError, ValueError):
    """A certificate, a key, its password, or a subject is not what it has to be.

    The text, in one line, says which file and why; it never holds a key or a password.
    """


class AlreadyAnswered(OcppsimError, RuntimeError):
    """A request was to be answered a second time; `send_raw` can do that on purpose."""


class Stopped(BaseException):
    """The script is to end: raised where its threads wait or work, when somebody stops it.

    Not to be caught but to clean up: each further wait raises it again.
    """

    def __init__(self, message: str = "the script was stopped") -> None:
        super().__init__(message)


class WouldDeadlock(OcppsimError, RuntimeError):
    """A blocking call from the reader thread or an observer, which the answer would have to
    pass."""
