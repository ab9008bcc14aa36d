"""A conversation as a sequence diagram in the language of Mermaid."""

from __future__ import annotations

from collections.abc import Sequence

from .entry import Entry
from .text import cut, duration, summary, visible

__all__ = ["MAX_TEXT", "escape", "mermaid_text"]

MAX_TEXT = 50_000
"""Mermaid draws no longer text unless its ``maxTextSize`` is raised."""

_PLAIN = frozenset(" .,_-/()=…")


def mermaid_text(entries: Sequence[Entry]) -> str:
    """``sequenceDiagram``: the charge points on the left, the CSMS on the right.

    A solid arrow is a CALL, a dashed one an answer; a cross at the end is a CALLERROR, a bad frame,
    or a call that nobody answered. Violations are notes. One line each; a line end after the last.
    """
    names = list(dict.fromkeys(entry.chargePoint for entry in entries))
    alias = {name: f"P{position}" for position, name in enumerate(names, 1)}
    lines = ["sequenceDiagram"]
    lines += [f"    participant {alias[name]} as {escape(name) or '?'}" for name in names]
    lines.append("    participant CSMS")
    for entry in entries:
        ends = alias[entry.chargePoint], "CSMS"
        source, target = ends if entry.direction == "sent" else ends[::-1]
        lines.append(f"    {source}{_arrow(entry)}{target}: {escape(_label(entry))}")
        for fault in entry.faults[:3]:
            note = cut(visible(f"{fault.path}: {fault.message}"), 120)
            lines.append(f"    Note over {alias[entry.chargePoint]},CSMS: {escape(note)}")
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """`text` for a label: letters, digits and a few signs as they are, all else as ``#code;``."""
    return "".join(c if c.isalnum() or c in _PLAIN else f"#{ord(c)};" for c in visible(text))


def _arrow(entry: Entry) -> str:
    if entry.type == "bad":
        return "-x"
    if entry.type == "CALL":
        return "->>" if entry.answer is not None or not entry.is_call else "-x"
    return "-->>" if entry.type == "CALLRESULT" else "--x"


def _label(entry: Entry) -> str:
    name = entry.action if entry.action is not None else entry.type
    words = [name if entry.type != "CALLERROR" else f"{name} CALLERROR", summary(entry, 48)]
    if entry.is_call and entry.answer is None:
        words.append("(no answer)")
    if entry.waited is not None:
        words.append(f"({duration(entry.waited)}{', late' if entry.late else ''})")
    return cut(visible(" ".join(word for word in words if word)), 120) or "?"
