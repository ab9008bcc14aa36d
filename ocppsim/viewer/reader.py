"""A record file, read: what can be read, and which lines cannot.

A record is JSON lines, one frame each (see `ocppsim.record`).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import isfinite
from typing import Any, cast

from ..errors import Fault
from ..rpc import to_json
from ..trace import Direction
from .entry import TYPES, Entry, as_array, link, parse

__all__ = ["Problem", "Record", "read_record"]

_NAMES = {2: "CALL", 3: "CALLRESULT", 4: "CALLERROR"}


@dataclass(frozen=True, slots=True)
class Problem:
    """What could not be read. line: from 1."""

    line: int
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}"


@dataclass(slots=True)
class Record:
    """entries: in the order of the file, linked. problems: in the order of the file, too."""

    entries: list[Entry] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read_record(lines: Iterable[bytes]) -> Record:
    """Read a record; `lines` is a file opened in binary mode, or any lines with their ends.

    Never raises for what stands in it. A line without a readable frame is left out and named; a
    line with one is kept, and what else is wrong with it is named.
    """
    record = Record()
    for number, line in enumerate(lines, 1):
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line.strip():
            continue
        try:
            entry, wrong = _entry(parse(line.decode()), number)
        except UnicodeDecodeError as error:
            why = f"not UTF-8 text: {error.reason} at byte {error.start}"
        except ValueError as error:
            why = f"not JSON: {error}"
            if not line.endswith(b"\n"):
                why = f"cut off, or {why}"
        except _Foreign as error:
            why = str(error)
        else:
            record.entries.append(entry)
            record.problems += [Problem(number, text) for text in wrong]
            continue
        record.problems.append(Problem(number, why))
    link(record.entries)
    return record


class _Foreign(Exception):
    """A line of JSON that is no frame of a record."""


def _entry(line: Any, number: int) -> tuple[Entry, list[str]]:
    """The entry, and what is wrong with it. Raises _Foreign."""
    if not isinstance(line, dict):
        raise _Foreign("not a frame of a record: a JSON object expected")
    if line.get("direction") not in ("sent", "received"):
        raise _Foreign('not a frame of a record: "direction" is neither "sent" nor "received"')
    array, raw = _content(line)
    fields = _Fields(line)
    kind = line.get("type")
    if kind not in TYPES:
        fields.wrong.append(f'"type" is none of {", ".join(TYPES)}')
        kind = _NAMES.get(array[0], "bad") if array and type(array[0]) is int else "bad"
    entry = Entry(
        fields.text("chargePoint") or "",
        cast(Direction, line["direction"]),
        kind,
        fields.number(),
        fields.time(),
        fields.text("action", null=True),
        fields.text("uniqueId", null=True),
        array,
        raw,
        fields.latency(),
        fields.faults(),
        number,
    )
    return entry, fields.wrong


def _content(line: dict[str, Any]) -> tuple[list[Any] | None, str | bytes]:
    if "frame" in line:
        frame = line["frame"]
        # JSON that is no array is a bad frame
        return (frame, "") if isinstance(frame, list) else (None, to_json(frame))
    if isinstance(text := line.get("text"), str):
        # what JSON the writer cannot write again (1e999) it leaves as text
        return as_array(text), text
    if isinstance(code := line.get("base64"), str):
        try:
            return None, base64.b64decode(code, validate=True)
        except (binascii.Error, ValueError):
            raise _Foreign('not a frame of a record: "base64" is no Base64') from None
    raise _Foreign('not a frame of a record: no "frame", "text" or "base64"')


class _Fields:
    """The fields of a line that a frame can be shown without; `wrong` says what is wrong."""

    def __init__(self, line: dict[str, Any]) -> None:
        self.line = line
        self.wrong: list[str] = []

    def text(self, name: str, *, null: bool = False) -> str | None:
        value = self.line.get(name)
        if isinstance(value, str) or (null and value is None):
            return value
        self.wrong.append(f'"{name}" is no text')
        return None

    def number(self) -> int:
        value = self.line.get("number")
        if type(value) is int and 0 <= value < 2**53:
            return value
        self.wrong.append('"number" is no count')
        return 0

    def time(self) -> datetime | None:
        value = self.line.get("time")
        try:
            moment = datetime.fromisoformat(value) if isinstance(value, str) else None
            if moment is not None and moment.tzinfo is not None:
                return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        self.wrong.append('"time" is no RFC 3339 time with a zone')
        return None

    def latency(self) -> float | None:
        value = self.line.get("latency")
        if value is None:
            return None
        if type(value) in (int, float):
            try:
                seconds = float(value)
            except OverflowError:
                seconds = -1.0
            if seconds >= 0.0 and isfinite(seconds):
                return seconds
        self.wrong.append('"latency" is no number of seconds')
        return None

    def faults(self) -> list[Fault]:
        value = self.line.get("faults", [])
        faults = []
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict) and all(isinstance(one.get(key), str) for key in _FAULT):
                faults.append(Fault(one["path"], one["rule"], one["message"]))
            else:
                self.wrong.append('"faults" is no list of objects with path, rule and message')
                # a frame that was found wrong does not become a right one
                faults.append(Fault("$", "unknown", to_json(one)))
        return faults


_FAULT = ("path", "rule", "message")
