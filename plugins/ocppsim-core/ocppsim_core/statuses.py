"""The nine statuses of a connector, and the moves between them (OCPP 1.6 §4.9). Pure."""

from __future__ import annotations

from collections import deque

__all__ = ["MOVES", "STATUSES", "is_legal", "moves"]

STATUSES = (
    "Available",
    "Preparing",
    "Charging",
    "SuspendedEV",
    "SuspendedEVSE",
    "Finishing",
    "Reserved",
    "Unavailable",
    "Faulted",
)

_IN_TRANSACTION = ("Charging", "SuspendedEV", "SuspendedEVSE")

MOVES: dict[str, frozenset[str]] = {
    # A: nobody uses it
    "Available": frozenset(set(STATUSES) - {"Available", "Finishing"}),
    # B: a cable or an idTag, not yet both
    "Preparing": frozenset({"Available", *_IN_TRANSACTION, "Finishing", "Faulted"}),
    # C, D, E: a transaction
    **{
        status: frozenset(
            {"Available", "Finishing", "Unavailable", "Faulted", *_IN_TRANSACTION} - {status}
        )
        for status in _IN_TRANSACTION
    },
    # F: the transaction is over, the driver still has something to do
    "Finishing": frozenset({"Available", "Preparing", "Unavailable", "Faulted"}),
    # G
    "Reserved": frozenset({"Available", "Preparing", "Unavailable", "Faulted"}),
    # H
    "Unavailable": frozenset({"Available", "Preparing", *_IN_TRANSACTION, "Faulted"}),
    # I: repaired, it goes back to what it was, or would be by now
    "Faulted": frozenset(set(STATUSES) - {"Faulted"}),
}
"""From each status the ones that may follow: rows A to I of the table of §4.9."""

# what may be shown on the way where the table has no direct move
_PASSED = ("Preparing", "Available", "Finishing")


def is_legal(old: str, new: str) -> bool:
    """Whether the table of §4.9 has this move."""
    return new in MOVES[old]


def moves(old: str, new: str) -> list[str]:
    """The statuses to take from `old` to `new`, without the first: as few as the table allows.

    A connector that a driver leaves and a reservation takes in the same moment is Available in
    between.
    """
    if old == new:
        return []
    ways: deque[list[str]] = deque([[old]])
    while True:  # it ends: from each status there is a way to each other one
        way = ways.popleft()
        if is_legal(way[-1], new):
            return [*way[1:], new]
        ways.extend([*way, step] for step in _PASSED if is_legal(way[-1], step))
