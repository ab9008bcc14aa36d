"""Which frames of a record are shown."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from .entry import Entry

__all__ = ["Bound", "Filter"]

Bound = int | datetime | time
"""A frame's number, an aware moment, or a time of the day that the record begins on."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A frame is shown if it passes all that is given.

    actions: of an answer, its call's action; case does not matter. types: of `TYPES`. errors: only
    CALLERRORs and frames with faults. since, until: both inclusive; a frame without a readable time
    passes no bound of time. grep: stands in the frame (compact JSON); case does not matter.
    """

    actions: Collection[str] = ()
    charge_points: Collection[str] = ()
    direction: str | None = None
    types: Collection[str] = ()
    errors: bool = False
    since: Bound | None = None
    until: Bound | None = None
    grep: str | None = None

    def select(self, entries: Iterable[Entry]) -> list[Entry]:
        """The entries that pass, in their order."""
        entries = list(entries)
        day = next((entry.time.date() for entry in entries if entry.time), date.min)
        actions = {action.casefold() for action in self.actions}
        grep = self.grep.casefold() if self.grep else None
        since, until = _moment(self.since, day), _moment(self.until, day)
        return [
            entry
            for entry in entries
            if (not actions or (entry.action or "").casefold() in actions)
            and (not self.charge_points or entry.chargePoint in self.charge_points)
            and (self.direction is None or entry.direction == self.direction)
            and (not self.types or entry.type in self.types)
            and (not self.errors or entry.type == "CALLERROR" or bool(entry.faults))
            and (since is None or not _before(entry, since))
            and (until is None or not _after(entry, until))
            and (grep is None or grep in entry.text.casefold())
        ]


def _moment(bound: Bound | None, day: date) -> int | datetime | None:
    if isinstance(bound, time):
        return datetime.combine(day, bound, bound.tzinfo or UTC)
    return bound


def _before(entry: Entry, bound: int | datetime) -> bool:
    if isinstance(bound, int):
        return entry.number < bound
    return entry.time is None or entry.time < bound


def _after(entry: Entry, bound: int | datetime) -> bool:
    if isinstance(bound, int):
        return entry.number > bound
    return entry.time is None or entry.time > bound
