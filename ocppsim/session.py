"""All charge points of this process: closed at its end, and what was wrong with any of them."""

from __future__ import annotations

import atexit
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .chargepoint import ChargePoint
    from .trace import Violation

__all__ = ["Verdict", "at_end", "close_all", "keep_all", "opened", "verdict"]

_open: weakref.WeakSet[ChargePoint] = weakref.WeakSet()
_kept: list[ChargePoint] | None = None
_at_end: list[Callable[[], object]] = []


@dataclass(frozen=True, slots=True)
class Verdict:
    """What went wrong: violations of the CSMS, and failures of the script's own handlers."""

    violations: list[Violation]
    failures: list[Exception]


def opened(cp: ChargePoint) -> None:
    """A charge point has connected for the first time."""
    _open.add(cp)
    if _kept is not None:
        _kept.append(cp)


def keep_all() -> None:
    """Keep charge points that are made from now on for a `verdict`, even closed ones."""
    global _kept
    _kept = [] if _kept is None else _kept


def verdict() -> Verdict:
    """On all charge points since `keep_all`."""
    kept = _kept or []
    return Verdict(
        [violation for cp in kept for violation in cp.violations],
        [failure for cp in kept for failure in cp.handler_failures],
    )


def at_end(function: Callable[[], object]) -> None:
    """Have `close_all` call `function` once, after the charge points are closed."""
    _at_end.append(function)


@atexit.register
def close_all(timeout: float = 5.0) -> None:
    """Close what is still open."""
    for cp in list(_open):
        cp.close(timeout=timeout)
    _open.clear()
    while _at_end:
        _at_end.pop()()
