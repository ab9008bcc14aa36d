"""Statistics of a record: counts and latencies per action."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from ..trace import Direction
from .entry import Entry
from .text import columns, milliseconds, visible

__all__ = ["Row", "percentile", "statistics", "statistics_json", "statistics_text", "totals"]

PERCENTILES = (50, 95, 99)


def percentile(values: Sequence[float], p: float) -> float | None:
    """The `p`-th percentile by nearest rank: the smallest of the values that at least `p` % of them
    do not exceed, which is the one at rank ⌈p / 100 · n⌉ of n, sorted, counted from 1.

    So it is always a value that was measured: none lies between two. None of no values.
    """
    if not values:
        return None
    rank = max(1, ceil(p * len(values) / 100))
    return sorted(values)[rank - 1]


@dataclass(slots=True)
class Row:
    """One action in one direction, calls and answers together.

    action: None gathers the frames whose action is not known (no call, and no answer to one).
    direction: of the call, as the charge point sees it; of a frame without an action, its own.
    count: calls (of the frames without an action: all). answered: calls that have an answer of any
    kind. unanswered: those that have none. errors: CALLERRORs among the answers. invalid: frames
    with faults, calls and answers. late: answers that came after the call had timed out.
    latencies: of the answers, in seconds, from the call until its answer.
    """

    action: str | None
    direction: Direction
    count: int = 0
    answered: int = 0
    unanswered: int = 0
    errors: int = 0
    invalid: int = 0
    late: int = 0
    latencies: list[float] = field(default_factory=list)

    def add(self, entry: Entry) -> None:
        self.invalid += bool(entry.faults)
        if entry.is_answer and self.action is not None:
            self.errors += entry.message_type == 4
            self.late += entry.late
            if entry.waited is not None:
                self.latencies.append(entry.waited)
            return
        self.count += 1
        if entry.is_call:
            self.answered += entry.answer is not None
            self.unanswered += entry.answer is None

    def json(self) -> dict[str, Any]:
        """As in ``--stats --json``; latencies in milliseconds."""
        latency = {f"p{p}": _rounded(percentile(self.latencies, p)) for p in PERCENTILES}
        return {
            "action": self.action,
            "direction": self.direction,
            "count": self.count,
            "answered": self.answered,
            "errors": self.errors,
            "invalid": self.invalid,
            "unanswered": self.unanswered,
            "late": self.late,
            "latencyMs": latency,
        }


def statistics(entries: Iterable[Entry]) -> list[Row]:
    """A row for each action and direction: sent before received, by name, unknown actions last.

    Counted are the given frames: a call is answered if the record has the answer, even where that
    is not among them.
    """
    rows: dict[tuple[str, str | None], Row] = {}
    for entry in entries:
        direction = _direction(entry)
        key = direction, entry.action
        if key not in rows:
            rows[key] = Row(entry.action, direction)
        rows[key].add(entry)
    order = {"sent": 0, "received": 1}
    return sorted(
        rows.values(), key=lambda row: (row.action is None, order[row.direction], row.action or "")
    )


def totals(rows: Iterable[Row]) -> list[Row]:
    """One row for all calls sent, one for all received; their action is ``"*"``."""
    sums = {"sent": Row("*", "sent"), "received": Row("*", "received")}
    for row in rows:
        if row.action is None:
            continue
        total = sums[row.direction]
        total.count += row.count
        total.answered += row.answered
        total.unanswered += row.unanswered
        total.errors += row.errors
        total.invalid += row.invalid
        total.late += row.late
        total.latencies += row.latencies
    return list(sums.values())


def statistics_json(entries: Sequence[Entry]) -> dict[str, Any]:
    """``{"frames", "percentiles", "actions": [row, …], "totals": [row, …]}``."""
    rows = statistics(entries)
    return {
        "frames": len(entries),
        "percentiles": "nearest rank",
        "actions": [row.json() for row in rows],
        "totals": [row.json() for row in totals(rows)],
    }


def statistics_text(entries: Sequence[Entry]) -> str:
    """The table of ``--stats``, for a person; its lines end with a line end."""
    rows = statistics(entries)
    head = ["action", "direction", "count", "answered", "errors", "invalid", "unanswered"]
    head += [f"p{p} ms" for p in PERCENTILES]
    cells = [head]
    for row in [*rows, *(total for total in totals(rows) if total.count or total.latencies)]:
        name = {None: "(no action)", "*": "all"}.get(row.action, row.action)
        counts = (row.count, row.answered, row.errors, row.invalid, row.unanswered)
        values = [milliseconds(percentile(row.latencies, p)) or "–" for p in PERCENTILES]
        cells.append([visible(name or ""), row.direction, *map(str, counts), *values])
    lines = columns(cells, right=range(2, len(head)))
    return "".join(line + "\n" for line in lines)


def _direction(entry: Entry) -> Direction:
    if entry.is_answer and entry.action is not None:
        return "received" if entry.direction == "sent" else "sent"
    return entry.direction


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
