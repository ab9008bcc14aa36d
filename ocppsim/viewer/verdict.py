"""The closing verdict of a run: what was said, what was wrong, what is still open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .entry import TYPES, Entry
from .text import clock, cut, duration, visible

__all__ = ["Verdict", "verdict", "verdict_json", "verdict_text"]

MAX_LISTED = 20


@dataclass(slots=True)
class Verdict:
    """sent, received: frames by type, as the charge points see it. violations: frames of the CSMS
    with faults. unanswered: calls without an answer, of both sides. late: answers of the CSMS to
    calls that had timed out."""

    sent: Counter[str] = field(default_factory=Counter)
    received: Counter[str] = field(default_factory=Counter)
    violations: list[Entry] = field(default_factory=list)
    unanswered: list[Entry] = field(default_factory=list)
    late: list[Entry] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether there is nothing to complain about."""
        return not (self.violations or self.unanswered or self.late)

    @property
    def line(self) -> str:
        """The verdict in one line."""
        calls = self.sent["CALL"] + self.received["CALL"]
        if self.good:
            if not self.sent and not self.received:
                return "VERDICT: nothing was said"
            what = f"{_count(calls, 'call')}, all answered" if calls else "no calls"
            return f"VERDICT: good: {what}, no violations"
        parts = []
        if self.violations:
            parts.append(f"{_count(len(self.violations), 'frame')} of the CSMS in violation")
        if self.unanswered:
            parts.append(f"{len(self.unanswered)} of {_count(calls, 'call')} unanswered")
        if self.late:
            parts.append(f"{_count(len(self.late), 'answer')} too late")
        return "VERDICT: not good: " + ", ".join(parts)


def verdict(entries: Sequence[Entry]) -> Verdict:
    """The verdict on `entries`."""
    result = Verdict()
    for entry in entries:
        (result.sent if entry.direction == "sent" else result.received)[entry.type] += 1
        if entry.faults and entry.direction == "received":
            result.violations.append(entry)
        if entry.is_call and entry.answer is None:
            result.unanswered.append(entry)
        if entry.late:
            result.late.append(entry)
    return result


def verdict_text(entries: Sequence[Entry]) -> str:
    """The verdict for a person; the last line says it all. Its lines end with a line end."""
    result = verdict(entries)
    lines = [
        _span(entries),
        f"sent      {_counts(result.sent)}",
        f"received  {_counts(result.received)}",
    ]
    if result.violations:
        lines += ["", "violations by the CSMS:", *_grouped(result.violations)]
    for direction, title in (
        ("sent", "calls that the CSMS did not answer:"),
        ("received", "calls that the charge point did not answer:"),
    ):
        open_calls = [call for call in result.unanswered if call.direction == direction]
        if open_calls:
            lines += ["", title, *_listed(open_calls)]
    if result.late:
        lines += ["", "answers of the CSMS after the call had timed out:"]
        lines += _listed(result.late, waited=True)
    lines += ["", result.line]
    return "".join(line + "\n" for line in lines)


def verdict_json(entries: Sequence[Entry]) -> dict[str, Any]:
    """The same for a program; the fields of `Verdict`, and ``"good"``."""
    result = verdict(entries)
    violations = []
    for entry in result.violations:
        faults = [{"path": f.path, "rule": f.rule, "message": f.message} for f in entry.faults]
        violations.append({**_reference(entry), "type": entry.type, "faults": faults})
    return {
        "good": result.good,
        "sent": {kind: result.sent[kind] for kind in TYPES},
        "received": {kind: result.received[kind] for kind in TYPES},
        "violations": violations,
        "unanswered": [_reference(entry) for entry in result.unanswered],
        "late": [_reference(entry) for entry in result.late],
    }


def _reference(entry: Entry) -> dict[str, Any]:
    return {
        "chargePoint": entry.chargePoint,
        "number": entry.number,
        "direction": entry.direction,
        "action": entry.action,
        "uniqueId": entry.unique_id,
    }


def _span(entries: Sequence[Entry]) -> str:
    names = {entry.chargePoint for entry in entries}
    text = _count(len(entries), "frame") + " of "
    text += visible(next(iter(names))) if len(names) == 1 else _count(len(names), "charge point")
    times = [entry.time for entry in entries if entry.time is not None]
    if times:
        first, last = min(times), max(times)
        seconds = (last - first).total_seconds()
        text += f" in {seconds:.3f} s, from {clock(first, date=True)} UTC"
    return text


def _counts(counts: Counter[str]) -> str:
    kinds = [f"{counts[kind]} {kind}" for kind in TYPES if counts[kind] or kind != "bad"]
    return f"{counts.total():>5}: " + ", ".join(kinds)


def _grouped(violations: Sequence[Entry]) -> list[str]:
    groups: dict[tuple[str, str, str, str], list[Entry]] = {}
    messages: dict[tuple[str, str, str, str], str] = {}
    for entry in violations:
        for fault in entry.faults:
            key = entry.action or "(no action)", entry.type, fault.path, fault.rule
            groups.setdefault(key, []).append(entry)
            messages.setdefault(key, fault.message)
    lines = []
    most_first = sorted(groups.items(), key=lambda item: -len(item[1]))
    for key, found in most_first[:MAX_LISTED]:
        action, kind, path, rule = map(visible, key)
        numbers = ", ".join(f"#{entry.number}" for entry in found[:5])
        more = ", …" if len(found) > 5 else ""
        message = cut(visible(messages[key]), 200)
        lines.append(
            f"  {len(found)} × {action} {kind} {path}: {message} [{rule}] ({numbers}{more})"
        )
    return lines + _rest(len(groups))


def _listed(entries: Sequence[Entry], *, waited: bool = False) -> list[str]:
    lines = []
    for entry in entries[:MAX_LISTED]:
        action = visible(entry.action or "(no action)")
        line = f"  #{entry.number} {action} {visible(entry.unique_id or '(no id)')}"
        line += f" ({visible(entry.chargePoint)}, {clock(entry.time)})"
        if waited:
            line += f" after {duration(entry.waited)}"
        lines.append(line)
    return lines + _rest(len(entries))


def _rest(count: int) -> list[str]:
    return [f"  and {count - MAX_LISTED} more"] if count > MAX_LISTED else []


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
