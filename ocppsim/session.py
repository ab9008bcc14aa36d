"""All charge points of this process: closed at its end, and what was wrong with any of them."""

from __future__ import annotations

import atexit
import os
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .chargepoint import ChargePoint
    from .violation import Violation

__all__ = ["Verdict", "at_end", "close_all", "keep_all", "opened", "verdict"]

_lock = threading.Lock()
_open: weakref.WeakSet[ChargePoint] = weakref.WeakSet()
# what is asked of closed charge points too; not they themselves, whose traces are large
_kept: list[tuple[list[Violation], list[BaseException]]] | None = None
_at_end: list[Callable[[], object]] = []


@dataclass(frozen=True, slots=True)
class Verdict:
    """What went wrong: violations of the CSMS, and failures of the script's own handlers."""

    violations: list[Violation]
    failures: list[BaseException]


def opened(cp: ChargePoint) -> None:
    """A charge point has connected for the first time."""
    with _lock:
        _open.add(cp)
    if _kept is not None:
        _kept.append((cp.violations, cp.handler_failures))


def keep_all() -> None:
    """Keep charge points that are made from now on for a `verdict`, even closed ones."""
    global _kept
    _kept = [] if _kept is None else _kept


def verdict() -> Verdict:
    """On all charge points since `keep_all`."""
    kept = _kept or []
    return Verdict(
        [violation for violations, _ in kept for violation in violations],
        [failure for _, failures in kept for failure in failures],
    )


def at_end(function: Callable[[], object]) -> None:
    """Have `close_all` call `function` once, after the charge points are closed."""
    _at_end.append(function)


def _forked() -> None:
    """A child has none of the threads: the charge points, and their sockets, are its parent's."""
    global _lock, _kept
    _lock = threading.Lock()
    _open.clear()
    _at_end.clear()
    _kept = None


os.register_at_fork(after_in_child=_forked)


@atexit.register
def close_all(timeout: float = 5.0) -> None:
    """Close what is still open, within `timeout` seconds where the CSMS takes part."""
    deadline = time.monotonic() + timeout
    with _lock:
        cps = list(_open)
        _open.clear()
    for cp in cps:
        cp.close(timeout=max(0.1, deadline - time.monotonic()))
    while _at_end:
        _at_end.pop()()
