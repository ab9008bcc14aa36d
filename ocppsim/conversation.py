"""What a charge point and its CSMS say to each other: every frame is decoded, judged, traced, and
handed on.

A conversation outlives its connections: calls, trace and violations go on after a reconnect.
"""

from __future__ import annotations

import difflib
import logging
import time
import uuid
from collections.abc import Callable, Collection
from concurrent.futures import Future
from typing import Any, TypeVar

from . import rpc, schema
from .calls import Call, Calls, Result
from .errors import CallError, ConnectionLost, Fault, InvalidPayload, OcppsimError
from .masking import mask_faults, mask_text
from .protocol import Protocol
from .request import Answers, Request
from .rpc import BadFrame, CallFrame, ErrorFrame, Frame, ResultFrame
from .trace import Trace, TracedFrame
from .transport import Transport
from .violation import Violation

__all__ = ["Conversation"]

T = TypeVar("T")

BOOT = "BootNotification"
MAX_VIOLATIONS = 1000
# how other versions of OCPP spell error codes; a CSMS that speaks several often uses them in 1.6
_OTHER_SPELLINGS = {
    "FormatViolation",
    "MessageTypeNotSupported",
    "OccurrenceConstraintViolation",
    "RpcFrameworkError",
}


class Conversation:
    """One charge point's side of OCPP-J.

    on_request(frame, answers): a valid CALL of the CSMS, in the reader thread, and where its
    answers go. on_accepted(): the CSMS has accepted a BootNotification; in the reader thread.
    accepted: whether it accepted the last one on the wire; one that is under way counts as not, and
    one that it answers with a CALLERROR changes nothing.
    """

    def __init__(
        self,
        name: str,
        protocol: Protocol,
        *,
        strict: bool,
        lenient: Collection[str],
        trace_size: int,
        log: logging.LoggerAdapter[logging.Logger],
        on_request: Callable[[CallFrame, Answers], None],
        on_accepted: Callable[[], object],
    ) -> None:
        self.name = name
        self.accepted = False
        self._was_accepted = False  # before the BootNotification that is under way
        self.protocol = protocol
        self.strict = strict
        self.lenient = frozenset(lenient)
        self.trace = Trace(trace_size)
        self.violations: list[Violation] = []
        self.calls = Calls(self._transmit)
        self._log = log
        self._on_request = on_request
        self._on_accepted = on_accepted
        self._transport: Transport | None = None
        self._seen: dict[str, str] = {}  # ids of the CSMS's CALLs on this connection, their action
        # CALLs that were sent raw and are not answered: their action, and when (monotonic, s)
        self._raw: dict[str, tuple[str | None, float]] = {}

    def attach(self, transport: Transport) -> None:
        """From now on over this connection."""
        self._transport = transport
        self._seen.clear()

    @property
    def connected(self) -> bool:
        """False where `submit` fails at once."""
        transport = self._transport
        return transport is not None and transport.alive

    def check(self, action: str, payload: Any) -> None:
        """Raises InvalidPayload where `submit` would, for who has no choice but to validate."""
        self._refuse_invalid(action, payload, "", optional=False)
        self._encode(CallFrame("", action, payload), action, "request")

    def submit(
        self,
        action: str,
        payload: Any,
        *,
        timeout: float,
        validate: bool,
        unique_id: str | None,
        concurrent: bool,
    ) -> Future[Result]:
        """A CALL to the CSMS. Raises InvalidPayload; all else ends the future."""
        unique_id = str(uuid.uuid4()) if unique_id is None else unique_id
        if validate:
            self._refuse_invalid(action, payload, unique_id)
        text = self._encode(CallFrame(unique_id, action, payload), action, "request")
        call = Call(action, payload, unique_id, text, timeout, concurrent)
        if not self.connected:
            call.future.set_exception(ConnectionLost(f"{action} was not sent: not connected"))
        else:
            self.calls.submit(call)
        return call.future

    def send_raw(
        self, data: str | bytes, *, fragments: int = 1, transport: Transport | None = None
    ) -> None:
        """Anything at all. Raises ConnectionLost."""
        frame = rpc.decode(data)
        action = frame.action if isinstance(frame, CallFrame) else None
        traced = TracedFrame(self.name, "sent", data, frame, action, list(frame.faults))
        if frame.type == "CALL" or getattr(frame, "message_type", None) == rpc.CALL:
            _remember(self._raw, frame.unique_id or "", (action, time.monotonic()))
        self.put(transport or self._connected(), traced, wait=True, fragments=fragments)

    def received(self, transport: Transport, data: str | bytes, fault: Fault | None) -> None:
        """A message of the CSMS, in the reader thread of `transport`. Never raises."""
        try:
            frame = rpc.decode(data)
            traced = TracedFrame(self.name, "received", data, frame)
            if fault is not None:
                traced.faults.append(fault)
            traced.faults += frame.faults
            then = self._judge(transport, frame, traced)
            self.trace.add(traced)
            if traced.faults:
                self._record_violations(traced)
            self.trace.tell(traced, wait=True)
            if traced.action == BOOT and isinstance(frame, (ResultFrame, ErrorFrame)):
                self._booted(frame)
            then()
        except Exception:
            text = mask_text(repr(data)[:500])
            self._log.exception("a frame could not be handled; please report this: %s", text)

    def _booted(self, answer: ResultFrame | ErrorFrame) -> None:
        if isinstance(answer, ResultFrame):
            self.accepted = answer.payload.get("status") == "Accepted"
        else:
            self.accepted = self._was_accepted
        if self.accepted:
            self._on_accepted()

    def lost(self, transport: Transport, error: OcppsimError) -> None:
        """This connection is over."""
        if self._transport is transport:
            self._transport = None
            self.calls.fail_all(error)

    def _judge(
        self, transport: Transport, frame: Frame, traced: TracedFrame
    ) -> Callable[[], object]:
        """Add to the faults of `traced`; what is to be done once it is in the trace."""
        if isinstance(frame, CallFrame):
            return self._judge_call(transport, frame, traced)
        if isinstance(frame, BadFrame) and frame.message_type in (None, rpc.CALL):
            if frame.unique_id is None:
                return _nothing
            refusal = ErrorFrame(frame.unique_id, *_reason(frame.faults))
            return lambda: self._refuse(transport, refusal, None)
        if frame.unique_id is None:
            return _nothing
        return self._judge_answer(frame, frame.unique_id, traced)

    def _judge_call(
        self, transport: Transport, frame: CallFrame, traced: TracedFrame
    ) -> Callable[[], object]:
        traced.action = frame.action
        action = self.protocol.actions.get(frame.action)
        lenient = frame.action in self.lenient
        if frame.unique_id in self._seen:
            text = "this id was used before on this connection"
            traced.faults.append(Fault("$[1]", "unique id", text))
        _remember(self._seen, frame.unique_id, frame.action)
        if action is None or not action.from_csms:
            # a handler may know it all the same; if none does, the default answers
            text = f"{frame.action!r:.80} is no action of OCPP {self.protocol.version}"
            if action is not None:
                text = f"{frame.action} is for the charge point to send"
            if not lenient:
                traced.faults.append(Fault("$[2]", "action", text))
        else:
            faults = schema.check(action.request, frame.payload)
            if faults and lenient:
                self._let_through(frame.action, faults, frame.payload)
            elif faults:
                traced.faults += faults
                refusal = ErrorFrame(frame.unique_id, *_reason(faults))
                return lambda: self._refuse(transport, refusal, frame.action)
        return lambda: self._on_request(frame, _Answers(self, transport))

    def _let_through(self, action: str, faults: list[Fault], payload: object) -> None:
        text = "; ".join(mask_faults(faults, payload))
        self._log.info("%s: let through as lenient: %s", action, text)

    def _judge_answer(
        self, frame: ResultFrame | ErrorFrame | BadFrame, unique_id: str, traced: TracedFrame
    ) -> Callable[[], object]:
        call = self.calls.take(unique_id)
        if call is None and unique_id in self._raw:
            traced.action, sent = self._raw.pop(unique_id)
            traced.latency = time.monotonic() - sent
            return _nothing
        if call is None:
            past = self.calls.past(unique_id)
            if past in ("timed out", "been given up"):
                self._log.info("a late answer to %s is dropped: its call has %s", unique_id, past)
            else:
                text = "a second answer to this id" if past else "no call with this id is open"
                traced.faults.append(Fault("$[1]", "answer to a call", text))
            return _nothing
        traced.action = call.action
        traced.latency = call.latency()
        try:
            outcome = self._outcome(call, frame, traced)
        except Exception as error:  # whatever it is, the call must end, and the next one go
            self._log.exception("an answer could not be judged; please report this")
            outcome = error
        return lambda: self.calls.settle(call, outcome)

    def _outcome(
        self, call: Call, frame: ResultFrame | ErrorFrame | BadFrame, traced: TracedFrame
    ) -> Result | Exception:
        if isinstance(frame, ErrorFrame):
            if frame.code not in self.protocol.error_codes | _OTHER_SPELLINGS:
                text = f"{frame.code!r:.80} is no error code of OCPP-J {self.protocol.version}"
                traced.faults.append(Fault("$[2]", "error code", text))
            return CallError(
                frame.code,
                frame.description,
                frame.details,
                action=call.action,
                unique_id=call.unique_id,
            )
        if isinstance(frame, BadFrame):
            return InvalidPayload(call.action, "response", frame.faults, received=True)
        return self._judge_result(call, frame, traced)

    def _judge_result(
        self, call: Call, frame: ResultFrame, traced: TracedFrame
    ) -> Result | Exception:
        action = self.protocol.actions.get(call.action)
        faults = schema.check(action.response, frame.payload) if action else []
        if faults and call.action in self.lenient:
            self._let_through(call.action, faults, frame.payload)
        elif faults:
            traced.faults += faults
            if self.strict:
                return InvalidPayload(
                    call.action, "response", faults, payload=frame.payload, received=True
                )
        return Result(frame.payload, call.action, call.unique_id, traced.latency or 0.0)

    def _record_violations(self, traced: TracedFrame) -> None:
        text = traced.text[:10_000]
        for fault in traced.faults:
            violation = Violation(
                self.name, traced.time, fault.rule, fault.path, fault.message, traced.action, text
            )
            if len(self.violations) < MAX_VIOLATIONS:
                self.violations.append(violation)
            self._log.warning("the CSMS broke the protocol: %s", violation)

    def _refuse_invalid(
        self, name: str, payload: Any, unique_id: str, *, optional: bool = True
    ) -> None:
        known = self.protocol.from_charge_point
        action = known.get(name)
        if action is None:
            text = f"{name!r} is no action of OCPP {self.protocol.version}"
            if name in self.protocol.actions:
                text = f"{name} is for the CSMS to send"
            elif close := difflib.get_close_matches(name, known, 1):
                text += f"; did you mean {close[0]}?"
            faults = [Fault("$[2]", "action", text, value=name)]
        else:
            faults = schema.check(action.request, payload)
        if not isinstance(unique_id, str):
            text = f"a unique id is a string, not {unique_id!r:.80}"
            faults = [*faults, Fault("$[1]", "type string", text, value=unique_id)]
        elif len(unique_id) > rpc.MAX_UNIQUE_ID:
            text = f"a unique id has at most {rpc.MAX_UNIQUE_ID} characters: {unique_id!r:.80}"
            rule = f"maxLength {rpc.MAX_UNIQUE_ID}"
            faults = [*faults, Fault("$[1]", rule, text, value=unique_id)]
        if faults:
            raise InvalidPayload(name, "request", faults, payload=payload, optional=optional)

    def _encode(self, frame: CallFrame | ResultFrame | ErrorFrame, action: str, kind: str) -> str:
        try:
            return rpc.encode(frame)
        except (TypeError, ValueError, RecursionError) as error:
            fault = Fault("$", "JSON", f"this is not JSON: {error}")
            raise InvalidPayload(action, kind, [fault], payload=None) from None

    def _transmit(self, call: Call) -> None:
        frame = CallFrame(call.unique_id, call.action, call.payload)
        traced = TracedFrame(self.name, "sent", call.text, frame, call.action)
        if call.ended:  # by the loss of a connection before this one
            return
        # never waits: the answer's deadline and the send deadline end it if the peer does not read
        self.put(self._connected(), traced, wait=False)

    def reply(
        self,
        transport: Transport,
        request: Request,
        frame: ResultFrame | ErrorFrame,
        validate: bool,
    ) -> None:
        """Answer `request` on the connection that it came by. Raises InvalidPayload,
        ConnectionLost."""
        action = self.protocol.actions.get(request.action)
        if validate and action is not None and isinstance(frame, ResultFrame):
            faults = schema.check(action.response, frame.payload)
            if faults:
                raise InvalidPayload(request.action, "response", faults, payload=frame.payload)
        text = self._encode(frame, request.action, "response")
        traced = TracedFrame(self.name, "sent", text, frame, request.action, latency=request.age())
        self.put(transport, traced, wait=True)

    def _refuse(self, transport: Transport, refusal: ErrorFrame, action: str | None) -> None:
        try:
            traced = TracedFrame(self.name, "sent", rpc.encode(refusal), refusal, action)
            self.put(transport, traced, wait=False)
        except ConnectionLost as error:
            self._log.info("not answered: %s", error)

    def put(
        self, transport: Transport, traced: TracedFrame, *, wait: bool, fragments: int = 1
    ) -> None:
        """Send and trace one frame."""
        if not transport.alive:
            raise ConnectionLost(f"{traced.action or 'it'} was not sent: the connection is gone")

        def first() -> None:
            # here, so that no answer is quicker
            if traced.action == BOOT and traced.type == "CALL":
                self._was_accepted, self.accepted = self.accepted, False
            self.trace.add(traced)

        transport.send(traced.text, first=first, wait=wait, fragments=fragments)
        self.trace.tell(traced, wait=False)

    def _connected(self) -> Transport:
        if self._transport is None:
            raise ConnectionLost("not connected")
        return self._transport


class _Answers:
    """Where the answers to one request go: to the connection that it came by."""

    def __init__(self, conversation: Conversation, transport: Transport) -> None:
        self._conversation = conversation
        self._transport = transport

    @property
    def alive(self) -> bool:
        return self._transport.alive

    def send(self, request: Request, frame: ResultFrame | ErrorFrame, *, validate: bool) -> None:
        self._conversation.reply(self._transport, request, frame, validate)

    def send_raw(self, text: str | bytes) -> None:
        self._conversation.send_raw(text, transport=self._transport)


def _remember(ids: dict[str, T], unique_id: str, what: T) -> None:
    ids[unique_id] = what
    if len(ids) > 1000:
        del ids[next(iter(ids))]


def _nothing() -> None:
    pass


def _reason(faults: list[Fault]) -> tuple[str, str, dict[str, Any]]:
    """Code, description and details of the CALLERROR that says what is wrong."""
    details = {
        "faults": [{"path": f.path, "rule": f.rule, "message": f.message} for f in faults[:20]]
    }
    return faults[0].code, str(faults[0])[:255], details
