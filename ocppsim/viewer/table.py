"""A record as a table: one frame a line, what is wrong with it below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..rpc import to_json
from .entry import Entry
from .text import clock, columns, cut, milliseconds, visible

__all__ = ["table_lines"]

_HEAD = ["#", "time (UTC)", "ms", "charge point", "", "type", "action", "payload"]
_COLOURS = {"CALL": "36", "CALLRESULT": "32", "CALLERROR": "33", "bad": "31"}
_DIM, _RED = "2", "31"
# a payload gets this many columns on any terminal, however narrow
_LEAST = 24


def table_lines(
    entries: Sequence[Entry], *, columns_wide: int | None = None, colour: bool = False
) -> Iterator[str]:
    """The lines of the table, without line ends, the first its head.

    columns_wide: cut payloads and faults to a terminal of this width; None leaves them whole.
    """
    dates = {entry.time.date() for entry in entries if entry.time}
    head = list(_HEAD)
    if len(dates) == 1:
        head[1] = f"{dates.pop()} (UTC)"
        rows = [_cells(entry, date=False) for entry in entries]
    else:
        rows = [_cells(entry, date=True) for entry in entries]
    # the last column is not aligned: its texts may be long
    aligned = columns([[*row, "|"] for row in [head[:-1], *rows]], right=(0, 2))
    starts = [line[:-1] for line in aligned]
    yield _paint(starts[0] + head[-1], _DIM, colour)
    for entry, start in zip(entries, starts[1:], strict=True):
        room = None if columns_wide is None else max(_LEAST, columns_wide - len(start))
        payload = _payload(entry, room)
        line = _paint(start, _COLOURS[entry.type], colour) + payload
        yield line
        for fault in entry.faults:
            text = f"      ! {visible(f'{fault.path}: {fault.message} [{fault.rule}]')}"
            if columns_wide is not None:
                text = cut(text, max(_LEAST, columns_wide))
            yield _paint(text, _RED, colour)


def _cells(entry: Entry, *, date: bool) -> list[str]:
    return [
        str(entry.number),
        clock(entry.time, date=date),
        milliseconds(entry.waited) + ("*" if entry.late else ""),
        visible(entry.chargePoint),
        "→" if entry.direction == "sent" else "←",
        entry.type,
        visible(entry.action) if entry.action is not None else "–",
    ]


def _payload(entry: Entry, room: int | None) -> str:
    if entry.type == "bad" or entry.array is None:
        text = entry.text
    elif entry.type == "CALLERROR":
        code, description, details = (entry.array[2:5] + ["", "", {}])[:3]
        text = f"{code}: {description}" if description else str(code)
        text += f" {to_json(details)}" if details else ""
    else:
        text = to_json(entry.body)
    if room is None:
        return visible(text)
    # escapes only make it longer
    return cut(visible(text[: room + 1]), room)


def _paint(text: str, code: str, colour: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if colour else text
