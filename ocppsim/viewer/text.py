"""Texts from the wire, made fit for a terminal and for a person."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ..rpc import to_json
from .entry import Entry

__all__ = ["clock", "columns", "cut", "duration", "milliseconds", "summary", "visible", "width"]


def visible(text: str) -> str:
    """`text` with everything escaped that is not seen or that steers a terminal: control
    characters, line ends, marks of writing direction, halves of surrogate pairs. The escapes are
    those of JSON, so compact JSON stays the same JSON."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escape(ord(c)) for c in text)


def _escape(code: int) -> str:
    if code in (9, 10, 13):
        return {9: "\\t", 10: "\\n", 13: "\\r"}[code]
    if code < 0x10000:
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


def width(text: str) -> int:
    """The columns that `text` (visible) takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut(text: str, columns: int) -> str:
    """`text` in at most that many columns; an ellipsis stands for what is left out."""
    if width(text) <= columns:
        return text
    taken = 1
    for position, character in enumerate(text):
        taken += _columns(character)
        if taken > columns:
            return text[:position] + "…"
    return text


def columns(rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> list[str]:
    """Rows of cells as lines with aligned columns. right: the columns that are aligned right."""
    if not rows:
        return []
    widths = [max(width(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = []
        for i, cell in enumerate(row):
            space = " " * (widths[i] - width(cell))
            cells.append(space + cell if i in right else cell + space)
        lines.append("  ".join(cells).rstrip())
    return lines


def clock(moment: datetime | None, *, date: bool = False) -> str:
    """``12:00:00.123``, with date ``2026-01-31 12:00:00.123``; ``?`` for None."""
    if moment is None:
        return "?"
    text = moment.replace(tzinfo=None).isoformat(" ", "milliseconds")
    return text if date else text[11:]


def milliseconds(seconds: float | None) -> str:
    """``12.3``: milliseconds, to the tenth; "" for None."""
    return "" if seconds is None else f"{seconds * 1000:.1f}"


def duration(seconds: float | None) -> str:
    """``12.3 ms``, ``31.20 s``; "" for None."""
    if seconds is None:
        return ""
    return f"{seconds * 1000:.1f} ms" if seconds < 0.99995 else f"{seconds:.2f} s"


def summary(entry: Entry, columns: int = 60) -> str:
    """What a frame says, in few words: ``idTag=A1 connectorId=1``, ``status=Accepted``."""
    if entry.array is None or entry.type == "bad":
        return cut(visible(entry.text[:500]), columns)
    body = entry.body
    if entry.type == "CALLERROR":
        words = [str(word) for word in list(body.values())[:2] if word]
        return cut(visible(": ".join(words)[:500]), columns)
    if not isinstance(body, dict):
        return cut(visible(to_json(body)[:500]), columns)
    words = [f"{name}={_brief(value)}" for name, value in list(body.items())[:20] if value != {}]
    return cut(visible(" ".join(words)), columns)


def _brief(value: Any) -> str:
    if isinstance(value, str):
        return value[:100]
    if isinstance(value, dict):
        inside = next(iter(value.items()), None)
        if inside is None or isinstance(inside[1], (dict, list)):
            return "{…}" if value else "{}"
        more = " …" if len(value) > 1 else ""
        return f"{{{inside[0]}={_brief(inside[1])}{more}}}"
    if isinstance(value, list):
        return f"[{len(value)}]"
    return to_json(value)
