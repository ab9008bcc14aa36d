"""One frame of a record, or of the trace of a running charge point; calls and answers linked."""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from ..errors import Fault
from ..masking import Masker
from ..rpc import CALL, CALLERROR, CALLRESULT, no_constant, to_json
from ..trace import Direction, TracedFrame

__all__ = ["TYPES", "Entry", "as_array", "from_trace", "link", "parse"]

TYPES = ("CALL", "CALLRESULT", "CALLERROR", "bad")

MAX_DEPTH = 250


@dataclass(slots=True, eq=False)
class Entry:
    """One frame.

    direction: as the charge point sees it. type: one of `TYPES`. time: aware, UTC; None where the
    record has no readable one. action: of an answer, its call's. array: the frame, JSON; None where
    it was none, and then `raw` is what stood on the wire. latency: of an answer, the seconds since
    its call, as the charge point measured them. line: in the record file, from 1; 0 if from none.

    `link` sets the rest. call: of an answer, its call. answer: of a call, its first answer.
    """

    chargePoint: str
    direction: Direction
    type: str
    number: int = 0
    time: datetime | None = None
    action: str | None = None
    unique_id: str | None = None
    array: list[Any] | None = None
    raw: str | bytes = ""
    latency: float | None = None
    faults: list[Fault] = field(default_factory=list)
    line: int = 0
    call: Entry | None = field(default=None, repr=False)
    answer: Entry | None = field(default=None, repr=False)

    @property
    def message_type(self) -> int | None:
        """2, 3 or 4, of a bad frame too if it says so."""
        kind = self.array[0] if self.array else None
        return kind if isinstance(kind, int) and kind in (CALL, CALLRESULT, CALLERROR) else None

    @property
    def is_call(self) -> bool:
        return self.message_type == CALL

    @property
    def is_answer(self) -> bool:
        return self.message_type in (CALLRESULT, CALLERROR)

    @property
    def waited(self) -> float | None:
        """Of an answer: the seconds since its call; measured, else by the times of the two."""
        if self.latency is not None:
            return self.latency
        if self.call is None or self.call.time is None or self.time is None:
            return None
        return max(0.0, (self.time - self.call.time).total_seconds())

    @property
    def late(self) -> bool:
        """Whether this is an answer of the CSMS to a call that had already timed out.

        The charge point drops such an answer: it measures no latency of it, and finds no fault.
        """
        missed = self.latency is None and self.direction == "received"
        return missed and self.call is not None and not self.faults

    @property
    def text(self) -> str:
        """The frame: compact JSON, or the text that was none; Base64 of a binary message."""
        if self.array is not None:
            return to_json(self.array)
        return self.raw if isinstance(self.raw, str) else base64.b64encode(self.raw).decode()

    @property
    def body(self) -> Any:
        """The payload; of a CALLERROR an object of its three parts; None of a bad frame."""
        if self.array is None or self.type == "bad":
            return None
        if self.type == "CALLERROR":
            names = ("errorCode", "errorDescription", "errorDetails")
            return dict(zip(names, self.array[2:], strict=False))
        position = 3 if self.type == "CALL" else 2
        return self.array[position] if len(self.array) > position else {}


def link(entries: Sequence[Entry]) -> None:
    """Find the call of each answer and the answer of each call, and give answers their action.

    An answer belongs to the oldest open call with its id that went the other way at the same charge
    point, and to one of its own action where there is one: an id may have been used before, by a
    call that was never answered. A call has one answer: a second one is linked to nothing.
    """
    open_calls: dict[tuple[str, str, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.unique_id is None:
            continue
        if entry.is_call:
            open_calls[entry.chargePoint, entry.direction, entry.unique_id].append(entry)
        elif entry.is_answer:
            other_way = "received" if entry.direction == "sent" else "sent"
            waiting = open_calls.get((entry.chargePoint, other_way, entry.unique_id))
            if waiting:
                same = [call for call in waiting if call.action == entry.action]
                entry.call = (same or waiting)[0]
                waiting.remove(entry.call)
                entry.call.answer = entry
                entry.action = entry.action or entry.call.action


def from_trace(frames: Iterable[TracedFrame], *, secrets: bool = False) -> list[Entry]:
    """The frames of a running charge point (``cp.trace``), linked.

    secrets: show AuthorizationKey and the passwords in URLs too; else they are ``***``, as in a
    record.
    """
    masker = Masker(masking=not secrets)
    entries = []
    for frame in frames:
        masked = masker.mask(frame)
        entry = Entry(
            frame.chargePoint,
            frame.direction,
            frame.type,
            frame.number,
            datetime.fromtimestamp(frame.time, UTC),
            frame.action,
            frame.unique_id,
            raw=masked.text,
            latency=frame.latency,
            faults=[Fault(*fault) for fault in masked.faults],
        )
        if isinstance(masked.text, str):
            entry.array = as_array(masked.text)
        entries.append(entry)
    link(entries)
    return entries


def as_array(text: str) -> list[Any] | None:
    """The JSON array that `text` is, if it is one."""
    try:
        value = parse(text)
    except ValueError:
        return None
    return value if isinstance(value, list) else None


def parse(text: str) -> Any:
    """`text` as JSON that can be written again. Raises ValueError.

    A number that no float holds becomes its text.
    """
    try:
        value = _JSON.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply to read") from None
    if text.count("[") + text.count("{") > MAX_DEPTH and _deeper(value, MAX_DEPTH):
        raise ValueError("nested too deeply to read")
    return value


def _deeper(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [
            child
            for one in level
            if isinstance(one, (dict, list))
            for child in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return False
    return True


def _integer(digits: str) -> int | float | str:
    # Python refuses to read integers of over 4300 digits; JSON allows them
    return int(digits) if len(digits) < 1000 else _float(digits)


def _float(digits: str) -> float | str:
    number = float(digits)
    return number if isfinite(number) else digits


_JSON = json.JSONDecoder(parse_constant=no_constant, parse_int=_integer, parse_float=_float)
