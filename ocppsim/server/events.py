"""What happens, as server-sent events: bounded, in order, and to be resumed after a break."""

from __future__ import annotations

import json
import logging
import secrets
import select
import socket
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from flask import Blueprint, Response, request

from ..chargepoint import ChargePoint
from ..lines import message
from ..masking import Masked, Masker, mask_text
from ..record import frame_line
from ..trace import TracedFrame
from ..violation import Violation
from .refusal import Refusal

__all__ = ["MAX_CLIENTS", "PATHS", "EventLog", "blueprint"]

MAX_CLIENTS = 200
"""How many may read events at a time."""
MAX_BYTES = 64_000_000
"""How much text all events that are kept may have, about."""
MAX_TEXT = 200_000
"""How long the text of one may be."""

HEARTBEAT = 15.0
"""s without an event until a comment shows that the connection lives."""
_LOOK = 0.5  # s until it is seen that a client has gone
_PACE = 0.05  # s in which events are gathered, so that many clients do not cost much
_LOT = 500  # events in one piece
_RETRY = 1000  # ms until a browser comes back


class Event:
    """number: its place. cp: the charge point's name, None for what belongs to none."""

    __slots__ = ("_data", "_text", "cp", "kind", "number", "size", "time")

    def __init__(self, number: int, kind: str, cp: str | None, data: Any, size: int) -> None:
        self.number = number
        self.kind = kind
        self.cp = cp
        self.time = time.time()
        self.size = size
        self._data = data
        self._text: str | None = None

    @property
    def text(self) -> str:
        """Its data as JSON; made when the first client wants it."""
        if self._text is None:
            data = self._data
            if isinstance(data, tuple):
                text = frame_line(*data)
            else:
                text = json.dumps(
                    {"time": round(self.time, 6), "chargePoint": self.cp, **data},
                    separators=(",", ":"),
                    default=str,
                )
            self._text, self._data = text, None
        return self._text


class EventLog:
    """The last `size` events. Any thread may publish; each reader has its own place."""

    def __init__(self, size: int = 20_000) -> None:
        self.size = size
        # tells the numbers of this process from those of the one before
        self._run = secrets.token_hex(4)
        self._changed = threading.Condition()
        self._events: deque[Event] = deque()
        self._bytes = 0
        self._last = 0
        self._clients = 0
        self._closed = False
        self._attached: weakref.WeakSet[ChargePoint] = weakref.WeakSet()
        self._names: set[str] = set()
        self._logs = _Logs(self)
        self._logs.start()

    # --- in ---

    def publish(self, kind: str, cp: str | None, data: dict[str, Any]) -> None:
        """An event of this kind ("state", "output", "script", …) about the charge point `cp`."""
        size = sum(len(value) for value in data.values() if isinstance(value, str))
        self._add(kind, cp, data, size)

    def attach(self, cp: ChargePoint) -> None:
        """From now on its frames, secrets masked, and whether it is connected are events."""
        with self._changed:
            if cp in self._attached:
                return
            self._attached.add(cp)
            self._names.add(cp.name)
        masker = Masker()

        def framed(frame: TracedFrame) -> None:
            masked = masker.mask(frame)
            size = len(frame.text)
            if size > MAX_TEXT:
                shown = masked.text if isinstance(masked.text, str) else repr(masked.text)
                masked = Masked(None, f"{shown[:MAX_TEXT]}… ({size} in all)", masked.faults)
            self._add("frame", cp.name, (frame, masked), min(size, MAX_TEXT))

        def changed(connected: bool, why: str) -> None:
            state: dict[str, Any] = {"connected": connected}
            if not connected:
                state["reason"] = mask_text(why)
            self.publish("state", cp.name, state)

        cp._watch(changed)
        cp.trace.observers.append(framed)
        if cp.connected:
            changed(True, "")

    def knows(self, name: str) -> bool:
        """Whether a charge point of this name was attached."""
        return name in self._names

    def _add(self, kind: str, cp: str | None, data: Any, size: int) -> None:
        with self._changed:
            if self._closed:
                return
            self._last += 1
            self._events.append(Event(self._last, kind, cp, data, size))
            self._bytes += size
            while len(self._events) > self.size or self._bytes > MAX_BYTES:
                self._bytes -= self._events.popleft().size
            if self._clients:
                self._changed.notify_all()

    # --- out ---

    @property
    def last_id(self) -> str:
        """Of the newest event; who begins there gets what comes from now on."""
        return f"{self._run}-{self._last}"

    def since(
        self,
        event_id: str | None,
        cp: str | None = None,
        *,
        heartbeat: float = HEARTBEAT,
        gone: Callable[[], bool] = lambda: False,
    ) -> Iterator[str]:
        """Pieces of an event stream (WHATWG HTML §9.2): what came after `event_id` (None: what
        comes from now on), of one charge point or of all; without end.

        Where some of that is not kept any more, an event ``gap`` comes first, that says how many
        were missed. A reader that falls so far behind while it reads is cut: the stream ends, and
        its next one begins with the gap. gone: whether the reader has left; the stream ends soon
        then. Raises Refusal where there are too many readers.
        """
        place, gap = self._place(event_id)
        with self._changed:
            # those who have just left are seen within this time
            if not self._changed.wait_for(lambda: self._clients < MAX_CLIENTS, 3 * _LOOK):
                text = f"{MAX_CLIENTS} clients read events already"
                raise Refusal(503, text, where="events", hint="close some")
            self._clients += 1
        stream = self._stream(place, gap, cp, heartbeat, gone)
        next(stream)  # so that closing it lets another one in, even if nobody reads it
        return stream

    def close(self) -> None:
        """All streams end."""
        self._logs.stop()
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _place(self, event_id: str | None) -> tuple[int, str]:
        """After which number to begin, and what to say of what is missing."""
        with self._changed:
            oldest = self._events[0].number if self._events else self._last + 1
            if event_id is None:
                return self._last, ""
            run, _, number = event_id.partition("-")
            if run != self._run or not number.isdecimal() or int(number[:18]) > self._last:
                missed, why = None, "the server was started anew, or never had this id"
            elif int(number) >= oldest - 1:
                return int(number), ""
            else:
                missed, why = oldest - 1 - int(number), "they are not kept any more"
            data = {"missed": missed, "why": why, "after": event_id[:60]}
            return oldest - 1, self._shown("gap", oldest - 1, json.dumps(data))

    def _shown(self, kind: str, number: int, text: str) -> str:
        return f"id: {self._run}-{number}\nevent: {kind}\ndata: {text}\n\n"

    def _stream(
        self, place: int, gap: str, cp: str | None, heartbeat: float, gone: Callable[[], bool]
    ) -> Iterator[str]:
        try:
            yield ""
            # at once, so that the client knows that it is connected, and where it is
            here = "" if gap else f"id: {self._run}-{place}\n"
            yield f"retry: {_RETRY}\n{here}\n{gap}"
            said = place
            while True:
                lot = self._next(place, heartbeat, gone)
                if lot is None:
                    return
                if lot:
                    place = lot[-1].number
                mine = [event for event in lot if cp is None or event.cp == cp]
                if mine:
                    said = mine[-1].number
                    yield "".join(self._shown(e.kind, e.number, e.text) for e in mine)
                elif not lot or place - said > self.size // 2:
                    # the id alone: so that a break does not look like a gap
                    said = place
                    yield f": alive\nid: {self._run}-{place}\n\n"
        finally:
            with self._changed:
                self._clients -= 1
                self._changed.notify_all()

    def _next(self, place: int, heartbeat: float, gone: Callable[[], bool]) -> list[Event] | None:
        """What comes after `place`, soon; [] where that is nothing; None: this is the end."""
        deadline = time.monotonic() + heartbeat
        while True:
            if gone():
                return None
            left = deadline - time.monotonic()
            with self._changed:
                came = self._changed.wait_for(
                    lambda: self._closed or self._last > place, min(left, _LOOK)
                )
            if came or left <= _LOOK:
                break
        if came and self._last - place < _LOT and not self._closed:
            time.sleep(_PACE)
        with self._changed:
            if self._closed and self._last == place:
                return None
            if not self._events or self._last == place:
                return []
            first = place + 1 - self._events[0].number
            if first < 0:  # it was too slow
                return None
            stop = min(first + _LOT, len(self._events))
            return [self._events[index] for index in range(first, stop)]


class _Logs(logging.Handler):
    """Puts what ocppsim logs into the events: "error" from ERROR on, else "log"."""

    def __init__(self, events: EventLog) -> None:
        super().__init__(logging.INFO)
        self._events = events
        self._logger = logging.getLogger("ocppsim")
        self._before = logging.NOTSET

    def start(self) -> None:
        self._before = self._logger.level
        if self._logger.getEffectiveLevel() > logging.INFO:
            self._logger.setLevel(logging.INFO)
            self._quiet = True
        else:
            self._quiet = False
        self._logger.addHandler(self)

    def stop(self) -> None:
        self._logger.removeHandler(self)
        if self._quiet:
            self._quiet = False
            self._logger.setLevel(self._before)

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == "ocppsim.frames":  # they are events of their own
            return
        try:
            args = record.args
            only = args[0] if isinstance(args, tuple) and len(args) == 1 else None
            violation = only if isinstance(only, Violation) else None
            text = message(record, violation)
            if record.exc_info and record.exc_info[0] is not None:
                text += "\n" + mask_text(logging.Formatter().formatException(record.exc_info))
            name = text.partition(": ")[0]
            data = {
                "level": record.levelname,
                "logger": record.name,
                "message": text[:MAX_TEXT],
            }
            kind = "error" if record.levelno >= logging.ERROR else "log"
            self._events.publish(kind, name if self._events.knows(name) else None, data)
        except Exception:
            self.handleError(record)


# --- HTTP ---


def blueprint(log: EventLog) -> Blueprint:
    """``/events`` and ``/cp/NAME/events``."""
    routes = Blueprint("events", __name__)

    @routes.get("/events")
    def all_events() -> Response:
        return _answer(log, None)

    @routes.get("/cp/<name>/events")
    def events_of(name: str) -> Response:
        return _answer(log, name)

    return routes


def _answer(log: EventLog, cp: str | None) -> Response:
    given = request.headers.get("Last-Event-ID") or request.args.get("after")
    stream: Iterator[str] = iter(())
    if request.method != "HEAD":  # nobody would close it
        sock = request.environ.get("werkzeug.socket")
        stream = log.since(given, cp, gone=lambda: sock is not None and _hung_up(sock))
    response = Response(stream, mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _hung_up(sock: socket.socket) -> bool:
    """Whether the client has closed the connection."""
    try:
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        # recv alone would wait, as the socket has a time-out
        return bool(poll.poll(0)) and not sock.recv(1, socket.MSG_PEEK)
    except (OSError, ValueError):
        return True


_ERROR = {"$ref": "#/components/schemas/Error"}


def _operation(name: str, summary: str, parameters: list[dict[str, Any]]) -> dict[str, Any]:
    place = "the id after which to begin"
    text = {"type": "string", "maxLength": 60}
    return {
        "get": {
            "operationId": name,
            "tags": ["events"],
            "summary": summary,
            "description": "Server-sent events without end: frame, state, log, error, output,"
            " script. After a break, Last-Event-ID has it go on where it was; an event gap says"
            " how many are not kept any more.",
            "parameters": [
                *parameters,
                {"name": "Last-Event-ID", "in": "header", "description": place, "schema": text},
                {"name": "after", "in": "query", "description": place, "schema": text},
            ],
            "responses": {
                "200": {
                    "description": "as they come",
                    "content": {"text/event-stream": {"schema": {"type": "string"}}},
                },
                "503": {
                    "description": f"{MAX_CLIENTS} clients read already",
                    "content": {"application/json": {"schema": _ERROR}},
                },
            },
        }
    }


_NAME = {
    "name": "name",
    "in": "path",
    "required": True,
    "schema": {"$ref": "#/components/schemas/Name"},
}

PATHS: dict[str, dict[str, Any]] = {
    "/events": _operation("all_events", "What happens", []),
    "/cp/{name}/events": _operation("events_of", "What happens to one", [_NAME]),
}
