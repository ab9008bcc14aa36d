"""OCPP-J frames: text to object and back (OCPP-J 1.6 §4). Pure: no sockets, no threads.

A frame is a JSON array: ``[2, uniqueId, action, payload]`` (CALL), ``[3, uniqueId, payload]``
(CALLRESULT) or ``[4, uniqueId, errorCode, errorDescription, errorDetails]`` (CALLERROR).

`decode` never raises: what is wrong with a text stands in the frame's `faults`. A frame that can
still be understood (an id that is too long, a CALLERROR without details) keeps its kind; any other
is a `BadFrame`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, NoReturn

from .errors import Fault

__all__ = [
    "BadFrame",
    "CallFrame",
    "ErrorFrame",
    "Frame",
    "ResultFrame",
    "decode",
    "encode",
    "no_constant",
    "to_json",
]

MAX_UNIQUE_ID = 36
MAX_DEPTH = 200  # of arrays and objects; what is read can then be checked, shown and sent as well
CALL, CALLRESULT, CALLERROR = 2, 3, 4


@dataclass(slots=True)
class CallFrame:
    """A request (OCPP-J 1.6 §4.2.1)."""

    unique_id: str
    action: str
    payload: Any
    faults: list[Fault] = field(default_factory=list)
    type = "CALL"

    def array(self) -> list[Any]:
        return [CALL, self.unique_id, self.action, self.payload]


@dataclass(slots=True)
class ResultFrame:
    """The answer to a CALL (OCPP-J 1.6 §4.2.2)."""

    unique_id: str
    payload: Any
    faults: list[Fault] = field(default_factory=list)
    type = "CALLRESULT"

    def array(self) -> list[Any]:
        return [CALLRESULT, self.unique_id, self.payload]


@dataclass(slots=True)
class ErrorFrame:
    """The answer to a CALL that failed (OCPP-J 1.6 §4.2.3)."""

    unique_id: str
    code: str
    description: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    type = "CALLERROR"

    def array(self) -> list[Any]:
        return [CALLERROR, self.unique_id, self.code, self.description, self.details]


@dataclass(slots=True)
class BadFrame:
    """What cannot be understood.

    message_type, unique_id: as far as they could be read (None, None for garbage). A CALL with a
    readable id is to be answered with the CALLERROR code of its first fault.
    """

    faults: list[Fault]
    message_type: int | None = None
    unique_id: str | None = None
    type = "bad"


Frame = CallFrame | ResultFrame | ErrorFrame | BadFrame


def decode(text: str | bytes) -> Frame:
    """The frame that `text` is. bytes are a binary message, which OCPP-J does not have."""
    if isinstance(text, bytes):
        return BadFrame([Fault("$", "text frame", "a binary message; OCPP-J is text")])
    try:
        array = _JSON.decode(text)
    except RecursionError:
        return _unreadable(text, _TOO_DEEP)
    except ValueError as error:
        return _unreadable(text, f"not JSON: {error}" if text.strip() else "an empty message")
    if text.count("[") + text.count("{") > MAX_DEPTH and _is_too_deep(array):
        return _unreadable(text, _TOO_DEEP)
    if not isinstance(array, list):
        return BadFrame([Fault("$", "array", f"{_kind(array)}, not an array")])
    kind = array[0] if array else None
    if not isinstance(kind, int) or isinstance(kind, bool) or kind not in _SHAPES:
        text = "an empty array" if not array else f"message type {_short(kind)} does not exist"
        return BadFrame([Fault("$[0]", "message type", text)])
    if len(array) < 2 or not isinstance(array[1], str):
        what = "is missing" if len(array) < 2 else f"is {_kind(array[1])}, not a string"
        return BadFrame([Fault("$[1]", "unique id", f"the unique id {what}")], kind)
    frame = _SHAPES[kind](array)
    if kind == CALL and len(array[1]) > MAX_UNIQUE_ID:
        text = f"a unique id has at most {MAX_UNIQUE_ID} characters, this has {len(array[1])}"
        frame.faults.append(Fault("$[1]", f"maxLength {MAX_UNIQUE_ID}", text))
    return frame


def encode(frame: CallFrame | ResultFrame | ErrorFrame) -> str:
    """The text of a frame. Raises ValueError or TypeError where the payload is not JSON."""
    return to_json(frame.array())


def to_json(value: Any) -> str:
    """`value` as compact JSON that can be sent as UTF-8."""
    text = _ENCODER.encode(value)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:  # half a surrogate pair has no UTF-8, but an escape
            text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text


def _unreadable(text: str, what: str) -> BadFrame:
    # where at least the start can be read, the other side or the waiting call is not left without
    # an answer
    start = _START.match(text)
    faults = [Fault("$", "JSON", what)]
    return BadFrame(faults, int(start[1]), start[2]) if start else BadFrame(faults)


def _is_too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        inside: list[Any] = []
        for value in level:
            if isinstance(value, list):
                inside += value
            elif isinstance(value, dict):
                inside += value.values()
        if not inside:
            return False
        level = inside
    return any(isinstance(value, (list, dict)) for value in level)


def _call(array: list[Any]) -> Frame:
    faults = _length(array, 4)
    if len(array) > 2 and not isinstance(array[2], str):
        faults.append(Fault("$[2]", "action", f"the action is {_kind(array[2])}, not a string"))
    faults += _payload(array, 3)
    if faults:
        return BadFrame(faults, CALL, array[1])
    return CallFrame(array[1], array[2], array[3] or {})


def _result(array: list[Any]) -> Frame:
    faults = _length(array, 3) + _payload(array, 2)
    if faults:
        return BadFrame(faults, CALLRESULT, array[1])
    return ResultFrame(array[1], array[2] or {})


def _error(array: list[Any]) -> Frame:
    faults = _length(array, 5)
    code, description, details = (array[2:5] + [None] * 3)[:3]
    if not isinstance(code, str):
        if len(array) > 2:
            faults.append(Fault("$[2]", "error code", f"{_kind(code)}, not a string"))
        return BadFrame(faults, CALLERROR, array[1])
    if len(array) > 3 and not isinstance(description, str):
        faults.append(Fault("$[3]", "error description", f"{_kind(description)}, not a string"))
        description = "" if description is None else str(description)
    if len(array) > 4 and not isinstance(details, dict):
        faults.append(Fault("$[4]", "error details", f"{_kind(details)}, not an object"))
        details = {} if details is None else {"details": details}
    return ErrorFrame(array[1], code, description or "", details or {}, faults)


_SHAPES = {CALL: _call, CALLRESULT: _result, CALLERROR: _error}


def _length(array: list[Any], length: int) -> list[Fault]:
    if len(array) == length:
        return []
    kind = {CALL: "CALL", CALLRESULT: "CALLRESULT", CALLERROR: "CALLERROR"}[array[0]]
    text = f"a {kind} has {length} elements, this has {len(array)}"
    return [Fault("$", f"{length} elements", text)]


def _payload(array: list[Any], index: int) -> list[Fault]:
    # null is the other notation for an empty payload (OCPP-J 1.6 §4.1.4)
    if len(array) <= index or array[index] is None or isinstance(array[index], dict):
        return []
    return [Fault(f"$[{index}]", "payload", f"the payload is {_kind(array[index])}, not an object")]


def _kind(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    for kind, name in ((str, "a string"), (list, "an array"), (dict, "an object")):
        if isinstance(value, kind):
            return name
    return "a number"


def _short(value: Any) -> str:
    text = str(value) if isinstance(value, (int, float)) else _kind(value)
    return text if len(text) <= 20 else text[:17] + "..."


def no_constant(name: str) -> NoReturn:
    """For `json`, which takes NaN and Infinity otherwise."""
    raise ValueError(f"{name} is not JSON")


def _integer(digits: str) -> int | float:
    # Python refuses to read integers of over 4300 digits; JSON allows them
    return int(digits) if len(digits) < 1000 else float(digits)


_JSON = json.JSONDecoder(parse_constant=no_constant, parse_int=_integer)
_START = re.compile(r'\s*\[\s*([234])\s*,\s*"([^"\\]*)"\s*,')
_TOO_DEEP = f"nested too deeply, more than {MAX_DEPTH} levels"
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
