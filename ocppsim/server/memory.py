"""Watches how the process grows while scripts run, so that none takes the server down with it."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

__all__ = ["MAX_GROWTH", "Watch", "watched"]

MAX_GROWTH = 1 << 30
"""Bytes by which the process may grow while a script runs; less where there is not twice that."""

_lock = threading.Lock()
_watches: list[Watch] = []


class Watch:
    """One script as it runs. Nobody knows whose memory it is: the script that began last has to go
    first, and the others may go on from there."""

    def __init__(self) -> None:
        self._base = _resident()
        self._limit = min(MAX_GROWTH, _available() // 2)

    def excess(self) -> int:
        """By how many bytes the process has grown, where this script is to be stopped for it; else
        0."""
        grown = _resident() - self._base
        with _lock:
            if grown <= self._limit or _watches[-1] is not self:
                return 0
            for other in _watches[:-1]:
                other._base = max(other._base, self._base)
            return grown


@contextlib.contextmanager
def watched() -> Iterator[Watch]:
    watch = Watch()
    with _lock:
        _watches.append(watch)
    try:
        yield watch
    finally:
        with _lock:
            _watches.remove(watch)


def _resident() -> int:
    """Bytes; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _available() -> int:
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return 2 * MAX_GROWTH
