"""What the central system answers: by itself, or as a script has told it to.

By itself it is a CSMS that lets a charge point do everything, and knows nothing in particular:
every charge point is accepted, every idTag, every report. Whoever wants a refusal says so with
`CentralSystem.answer`.
"""

from __future__ import annotations

import difflib
import itertools
import logging
from collections.abc import Callable, Generator, Mapping
from typing import Any

from .. import schema
from ..clock import timestamp
from ..errors import CallError
from ..v16.actions import PROTOCOL

__all__ = ["Answer", "AnswerFunction", "Answers", "Rest", "ask", "go_on"]

log = logging.getLogger("ocppsim.csms")

Payload = dict[str, Any]
#: what a function goes on with after its answer has left
Rest = Generator[Any, None, object]
#: ``(name of the charge point, payload of the request)`` → what to answer; None: no answer at all
AnswerFunction = Callable[[str, Payload], "Payload | CallError | Rest | None"]
Answer = Payload | CallError | AnswerFunction


class Answers:
    """The answer to each action that a charge point sends. Its methods never block."""

    def __init__(self, interval: int) -> None:
        """interval: seconds between heartbeats, for the answer to BootNotification."""
        self._interval = interval
        self._transaction_ids = itertools.count(1)
        self._scripted: dict[str, Answer] = {}
        self._own: dict[str, AnswerFunction] = {}
        accepted = {"status": "Accepted"}
        self._defaults: dict[str, Callable[[Payload], Payload]] = {
            "Authorize": lambda request: {"idTagInfo": dict(accepted)},
            "BootNotification": self._boot_notification,
            # OCPP 1.6 §4.3: who has no implementation for the vendorId SHALL answer this, and this
            # central system has none for any. "Accepted" would claim that the data meant something.
            "DataTransfer": lambda request: {"status": "UnknownVendorId"},
            "DiagnosticsStatusNotification": lambda request: {},
            "FirmwareStatusNotification": lambda request: {},
            "Heartbeat": lambda request: {"currentTime": timestamp()},
            "LogStatusNotification": lambda request: {},
            "MeterValues": lambda request: {},
            "SecurityEventNotification": lambda request: {},
            # without an authority nothing more: to send CertificateSigned is up to the script
            "SignCertificate": lambda request: dict(accepted),
            "SignedFirmwareStatusNotification": lambda request: {},
            "StartTransaction": self._start_transaction,
            "StatusNotification": lambda request: {},
            # without an idTag there is nothing that idTagInfo could speak of (OCPP 1.6 §6.50)
            "StopTransaction": lambda request: (
                {"idTagInfo": dict(accepted)} if "idTag" in request else {}
            ),
        }

    def script(self, action: str, answer: Answer | None) -> None:
        """Answer `action` with `answer` from now on; None gives back the default.

        What breaks the protocol is told in the log and done all the same: on purpose is allowed.
        Raises TypeError where `answer` is no answer.
        """
        known = PROTOCOL.from_charge_point
        if action not in known:
            close = difflib.get_close_matches(action, known, 1)
            hint = f"; did you mean {close[0]}?" if close else ""
            log.warning("OCPP 1.6 has no %s for a charge point to send%s", action, hint)
        if answer is None:
            self._scripted.pop(action, None)
            return
        if isinstance(answer, Mapping):
            answer = dict(answer)
            faults = schema.check(known[action].response, answer) if action in known else []
            for fault in faults:
                log.warning("the answer to %s is against OCPP 1.6: %s", action, fault)
        elif not isinstance(answer, CallError) and not callable(answer):
            text = "a payload (a dict), a function, a CallError, or None for the default"
            raise TypeError(f"the answer to {action} is {answer!r}, not {text}")
        self._scripted[action] = answer

    def by_default(self, action: str, answer: AnswerFunction | None) -> None:
        """What the central system answers by itself; None gives back the simple answer."""
        if answer is None:
            self._own.pop(action, None)
        else:
            self._own[action] = answer

    def knows(self, action: str) -> bool:
        """Whether a script has an answer, maybe to an action that does not exist."""
        return action in self._scripted

    def to(self, action: str, payload: Payload) -> Answer:
        """The answer to a request that is as it should be; a function is for the caller to call."""
        if action in self._scripted:
            return self._scripted[action]
        if action in self._own:
            return self._own[action]
        if action in self._defaults:
            return self._defaults[action](payload)
        return CallError("NotSupported", f"this central system does not answer {action}")

    def _boot_notification(self, request: Payload) -> Payload:
        return {"status": "Accepted", "currentTime": timestamp(), "interval": self._interval}

    def _start_transaction(self, request: Payload) -> Payload:
        return {
            "transactionId": next(self._transaction_ids),
            "idTagInfo": {"status": "Accepted"},
        }


def ask(
    function: AnswerFunction, name: str, action: str, payload: Payload
) -> tuple[Payload | CallError | None, Rest | None]:
    """What `function` answers, and what it goes on with afterwards.

    Never raises: a fault of the script's becomes ``InternalError``.
    """
    rest = None
    try:
        answer = function(name, payload)
        if isinstance(answer, Generator):
            rest = answer
            answer = next(rest, None)
    except CallError as error:
        return error, None
    except Exception as error:
        log.exception("the answer function for %s of %s failed", action, name)
        return CallError("InternalError", f"{type(error).__name__}: {error}"), None
    if answer is None or isinstance(answer, (dict, CallError)):
        return answer, rest
    text = f"returned {answer!r}; a payload (a dict), a CallError or None was expected"
    log.error("the answer function for %s of %s %s", action, name, text)
    return CallError("InternalError", "the answer function returned no payload"), rest


def go_on(rest: Rest, name: str, action: str) -> None:
    """Let an answer function do what comes after its ``yield``. Never raises."""
    try:
        for _ in rest:
            log.error("the answer function for %s of %s answered a second time", action, name)
    except Exception:
        log.exception("the answer function for %s of %s failed after its answer", action, name)
