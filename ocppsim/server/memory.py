"""Watches how the process grows while scripts run, so that none takes the server down with it."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

__all__ = ["MARKED", "MAX_GROWTH", "Watch", "watched"]

MAX_GROWTH = 1 << 30
"""Bytes by which the process may grow while a script runs; less where there is not twice that."""
MARKED = 1 << 26
"""Bytes of growth that are worth a look at what can be given back."""
_CGROUP = Path("/sys/fs/cgroup")

_lock = threading.Lock()
_watches: list[Watch] = []
_settled = 0  # what the process had when it last gave back what it could


class Watch:
    """One script as it runs. Nobody knows whose memory it is: the script that began last has to go
    first."""

    def __init__(self) -> None:
        self._base = _resident()
        self._limit = min(MAX_GROWTH, _available() // 2)

    def excess(self) -> int:
        """By how many bytes the process has grown, where this script is to be stopped for it; else
        0."""
        grown = _resident() - self._base
        with _lock:
            return grown if grown > self._limit and _watches[-1] is self else 0

    def settle(self) -> int:
        """Its script is over: give back what nobody holds. By how many bytes the process has grown
        all the same, where that is much; else 0. The scripts that run on are not to pay for it."""
        _give_back()
        left = _resident() - self._base
        if left < MARKED:
            return 0
        with _lock:
            for older in _watches[: _watches.index(self)]:
                older._spare(left)
        return left

    def _spare(self, grown: int) -> None:
        self._base += grown
        # what is left for all has become less, so one after the other never takes it all
        more = max(0, _resident() - self._base) + _available() // 2
        self._limit = min(self._limit, more)


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


def _give_back() -> None:
    """What scripts leave is often in cycles, few objects and large, for which Python does not
    collect by itself; and what is freed in small pieces stays with the process until it is
    trimmed."""
    global _settled
    grown = _resident() > _settled + MARKED
    if grown:
        gc.collect()
    _trim(0)
    _settled = _resident() if grown else min(_settled, _resident())


def _resident() -> int:
    """Bytes; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _available() -> int:
    """Bytes that are free, for the machine and for the container."""
    found = []
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                found.append(int(line.split()[1]) * 1024)
    with contextlib.suppress(OSError, ValueError, KeyError):
        most = int((_CGROUP / "memory.max").read_text())  # "max" where there is no limit
        lines = (_CGROUP / "memory.stat").read_text().splitlines()
        used = int(dict(line.split() for line in lines)["anon"])
        found.append(max(0, most - used))
    return min(found, default=2 * MAX_GROWTH)


def _trimmer() -> Callable[[int], Any]:
    """``malloc_trim``, of glibc alone."""
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):
        return lambda _: None


_trim = _trimmer()
