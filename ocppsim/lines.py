"""Frames and log records as lines: for people, and as JSON."""

from __future__ import annotations

import json
import logging
import re
import time
import traceback
from collections.abc import Iterator
from typing import Any

from . import rpc
from .clock import timestamp
from .masking import Masked, mask_text
from .trace import TracedFrame
from .violation import Violation

__all__ = ["Shown", "json_line", "line", "message", "printable"]

_PAYLOAD = {"CALL": 3, "CALLRESULT": 2, "CALLERROR": 2}  # where in the array; of an error, its code
_LONG = 10_000
_FAULTS = 5

# SGR codes (ECMA-48 §8.3.117). Calls stand out, what answers them is coloured by how it went.
_STYLES = {
    "time": "2",
    "name": "36",
    "CALL": "1",
    "CALLRESULT": "32",
    "CALLERROR": "1;31",
    "bad": "1;31",
    "payload": "2",
    "error": "31",
    "latency": "33",
    "fault": "1;31",
    "DEBUG": "2",
    "WARNING": "33",
    "ERROR": "31",
    "CRITICAL": "1;31",
}
_ASCII = {"→": "->", "←": "<-", "✗": "!", "…": "..."}
_FANCY = re.compile("|".join(_ASCII))


class Shown:
    """A frame as one line: ``CP1 → BootNotification {"chargePointVendor":"x"}``.

    whole: do not cut what is over 10,000 characters long, and show the uniqueId.
    """

    def __init__(self, frame: TracedFrame, masked: Masked, *, whole: bool = False) -> None:
        self.frame = frame
        self.masked = masked
        self._whole = whole

    def __str__(self) -> str:
        return " ".join(text for _, text in self.parts())

    def parts(self) -> list[tuple[str, str]]:
        """Style and text of each word."""
        return [(style, self._cut(printable(text))) for style, text in self._parts()]

    def _parts(self) -> Iterator[tuple[str, str]]:
        frame, masked = self.frame, self.masked
        kind = frame.type
        yield "name", frame.chargePoint
        yield kind, "→" if frame.direction == "sent" else "←"
        if frame.action is not None:
            yield kind, frame.action
        try:
            yield from list(self._understood())
        except (LookupError, TypeError, RecursionError):  # it is not, or cannot be written again
            yield kind, kind
            yield "payload", _text(masked.text)
        if frame.latency is not None:
            yield "latency", _duration(frame.latency)
        if masked.faults:
            faults = [f"{path}: {text}" for path, _, text in masked.faults[:_FAULTS]]
            more = len(masked.faults) - _FAULTS
            yield "fault", "✗ " + "; ".join(faults) + (f"; and {more} more" if more > 0 else "")

    def _understood(self) -> Iterator[tuple[str, str]]:
        frame, array, kind = self.frame, self.masked.json, self.frame.type
        payload = array[_PAYLOAD[kind]]
        if kind == "CALLERROR" or frame.action is None:
            yield kind, kind
        if self._whole or frame.action is None:
            yield "time", f"[{frame.unique_id}]"
        if kind == "CALLERROR":
            description, details = (array[3:5] + ["", {}])[:2]
            yield kind, str(payload)
            yield "error", rpc.to_json(description)
            if details:
                yield "error", rpc.to_json(details)
        else:
            yield "payload", "{}" if payload is None else rpc.to_json(payload)

    def _cut(self, text: str) -> str:
        if self._whole or len(text) <= _LONG:
            return text
        return f"{text[:_LONG]}… ({len(text) - _LONG:,} more characters)"

    def fields(self) -> dict[str, Any]:
        """What a JSON line says of it beside the message."""
        frame, masked = self.frame, self.masked
        fields: dict[str, Any] = {
            "chargePoint": frame.chargePoint,
            "direction": frame.direction,
            "type": frame.type,
            "action": frame.action,
            "uniqueId": frame.unique_id,
            "payload": None,
        }
        if frame.type not in _PAYLOAD or not isinstance(masked.json, list):
            fields["text"] = _text(masked.text)
        elif frame.type == "CALLERROR":
            names = ("errorCode", "errorDescription", "errorDetails")
            fields |= dict(zip(names, (masked.json[2:5] + ["", {}])[:3], strict=True))
        else:
            fields["payload"] = masked.json[_PAYLOAD[frame.type]]
        fields["latency"] = None if frame.latency is None else round(frame.latency, 6)
        names = ("path", "rule", "message")
        fields["faults"] = [dict(zip(names, fault, strict=True)) for fault in masked.faults]
        return fields


def message(record: logging.LogRecord, violation: Violation | None = None) -> str:
    """What a log record says, without secrets."""
    if violation is None:
        return mask_text(record.getMessage())
    return f"{violation.chargePoint}: the CSMS broke the protocol: {violation.summary}"


def line(
    record: logging.LogRecord, text: str, shown: Shown | None, encoding: str, *, colours: bool
) -> str:
    """The line for people, without its end; a text of several lines has the others indented."""
    created = record.created if shown is None else shown.frame.time
    clock = time.strftime("%H:%M:%S", time.localtime(created))
    parts = [("time", f"{clock}.{int(created * 1000) % 1000:03}")]
    if shown is not None:
        parts += shown.parts()
    else:
        level = record.levelname
        if record.name.startswith("ocppsim.csms"):  # it names charge points as well
            parts.append(("time", "csms"))
        if record.levelno != logging.INFO:
            parts.append((level, level))
        if traceback_ := _traceback(record):
            text += "\n" + traceback_
        parts.append(("", printable(text, keep="\n\t").replace("\n", "\n    ")))
    if colours:
        parts = [(s, f"\x1b[{_STYLES[s]}m{t}\x1b[0m" if s in _STYLES else t) for s, t in parts]
    return _encodable(" ".join(text for _, text in parts), encoding)


def json_line(record: logging.LogRecord, text: str, shown: Shown | None, encoding: str) -> str:
    """One JSON object: time (RFC 3339), level, logger, message, exception; of a frame also its
    `Shown.fields`."""
    created = record.created if shown is None else shown.frame.time
    entry: dict[str, Any] = {
        "time": timestamp(created),
        "level": record.levelname,
        "logger": record.name,
        "message": text,
    }
    if traceback_ := _traceback(record):
        entry["exception"] = traceback_
    if shown is not None:
        entry |= shown.fields()
    try:
        result = rpc.to_json(entry)
    except RecursionError:  # nested so deeply that it could be read, but not be written again
        entry["payload"] = None
        result = rpc.to_json(entry)
    if not encoding.lower().replace("_", "-").startswith("utf"):
        return json.dumps(json.loads(result), separators=(",", ":"))
    return printable(result)


def printable(text: str, *, keep: str = "") -> str:
    """`text` with what would move a cursor, colour a terminal, or turn its direction, escaped as
    in JSON; but for the characters in `keep`."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else json.dumps(c)[1:-1] for c in text)


def _encodable(text: str, encoding: str) -> str:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = _FANCY.sub(lambda match: _ASCII[match[0]], text)
        return text.encode(encoding, "backslashreplace").decode(encoding)
    except LookupError:
        pass
    return text


def _traceback(record: logging.LogRecord) -> str:
    if not record.exc_info or record.exc_info[0] is None:
        return ""
    return mask_text("".join(traceback.format_exception(*record.exc_info)).rstrip())


def _text(data: str | bytes) -> str:
    return data if isinstance(data, str) else f"{len(data)} bytes {data!r}"


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"
