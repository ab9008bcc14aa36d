"""Ends what threads of a script do: waits wake with `Stopped`, and Python is interrupted by it.

Whoever waits here says how it is woken (`wakeable`), which costs next to nothing; one thread is
told to stop (`tell`), others that wait for the same go on. What a thread does outside of waits ends
by `interrupt`, as soon as Python runs there.
"""

from __future__ import annotations

import ctypes
import threading
import weakref
from collections.abc import Callable, Collection
from concurrent.futures import Future
from types import TracebackType
from typing import Any, TypeVar

from .errors import Stopped

__all__ = [
    "Pending",
    "check",
    "forget",
    "interrupt",
    "pause",
    "tell",
    "wait_for",
    "wait_for_all",
    "wakeable",
]

T = TypeVar("T")

_told: weakref.WeakSet[threading.Thread] = weakref.WeakSet()
_wakers: dict[int, list[Callable[[], object]]] = {}  # by thread; only that thread changes its own


def tell(thread: threading.Thread) -> bool:
    """Have each wait of `thread` raise Stopped, that of now and those to come. Whether it waits."""
    _told.add(thread)  # before looking who waits: who comes to wait looks after it is in there
    wakers = list(_wakers.get(thread.ident or 0, ()))
    for wake in wakers:
        wake()
    return bool(wakers)


def interrupt(thread: threading.Thread, *, undo: bool = False) -> None:
    """Have Stopped raised where `thread` runs Python, once; in C it has to come back first.

    undo: not any more, if that has not happened yet.
    """
    what = None if undo else ctypes.py_object(Stopped)
    if thread.ident is not None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), what)


def forget(thread: threading.Thread) -> None:
    """It may wait again."""
    _told.discard(thread)


def check() -> None:
    """Raises Stopped where this thread was told to."""
    if _is_told():
        raise Stopped


def _is_told() -> bool:
    return bool(_told) and threading.current_thread() in _told


class wakeable:  # used as a function
    """While this thread waits inside, `wake` ends that, from another thread.

    Raises Stopped on the way in where this thread was told before, and in place of the error that
    `wake` led to.
    """

    __slots__ = ("_wake",)

    def __init__(self, wake: Callable[[], object]) -> None:
        self._wake = wake

    def __enter__(self) -> None:
        _wakers.setdefault(threading.get_ident(), []).append(self._wake)
        if _told and _is_told():
            self._leave()
            raise Stopped

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._leave()
        if _told and isinstance(error, Exception):
            check()

    def _leave(self) -> None:
        here = threading.get_ident()
        _wakers[here].remove(self._wake)
        if not _wakers[here]:
            del _wakers[here]


def wait_for(
    changed: threading.Condition, ready: Callable[[], T], timeout: float | None = None
) -> T:
    """``changed.wait_for(ready, timeout)``, with `changed` held, which `tell` ends with Stopped."""
    got = ready()
    if got:
        check()
        return got

    with wakeable(lambda: _notify(changed)):
        changed.wait_for(lambda: _is_told() or ready(), timeout)
    check()
    return ready()


def pause(changed: threading.Condition, timeout: float) -> None:
    """``changed.wait(timeout)``, with `changed` held, which `tell` ends with Stopped."""
    with wakeable(lambda: _notify(changed)):
        if not _is_told():
            changed.wait(timeout)
    check()


def _notify(changed: threading.Condition) -> None:
    with changed:
        changed.notify_all()


def wait_for_all(futures: Collection[Future[Any]], timeout: float | None = None) -> None:
    """Until all are done, or for `timeout` seconds; `tell` ends it with Stopped."""
    changed = threading.Condition()

    for future in futures:
        future.add_done_callback(lambda _: _notify(changed))
    with changed:
        wait_for(changed, lambda: all(future.done() for future in futures), timeout)


class Pending(Future[T]):
    """A Future whose waits are ended by `tell`."""

    def result(self, timeout: float | None = None) -> T:
        self._wait(timeout)
        return super().result(0)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        self._wait(timeout)
        return super().exception(0)

    def _wait(self, timeout: float | None) -> None:
        if not self.done():
            with self._condition:
                wait_for(self._condition, self.done, timeout)
