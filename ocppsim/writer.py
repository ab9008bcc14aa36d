"""Whole messages to a socket, in order, from any thread.

Writing never blocks a caller that must not block: what the kernel does not take at once is written
by a thread of its own that lives only as long as there is something left.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from .errors import ConnectionLost
from .stream import Stream

__all__ = ["Writer"]


class Writer:
    """Whole messages to a `Stream`, in order, from any thread."""

    def __init__(self, stream: Stream, name: str, stall_timeout: float) -> None:
        """stall_timeout: after so many seconds in which the peer takes nothing the stream is
        shut."""
        self._stream = stream
        self._name = name
        self._stall_timeout = stall_timeout
        self._changed = threading.Condition()
        self._backlog: list[memoryview] = []  # short, and a deque would take 600 bytes empty
        self._accepted = self._written = 0  # bytes of the backlog, ever
        self._thread: threading.Thread | None = None
        self._draining = False
        self._failure: str | None = None

    def write(
        self, data: bytes, *, wait: bool = True, first: Callable[[], object] | None = None
    ) -> None:
        """Write `data`; with wait=False leave what does not fit now to a thread.

        first: called right before, in the order of the wire; it must be quick.
        Raises ConnectionLost.
        """
        with self._changed:
            if self._failure is not None:
                raise ConnectionLost(self._failure)
            if first is not None:
                first()
            view = memoryview(data)
            if not self._backlog and not self._stream.held:
                view = view[self._send(view) :]
                if not view:
                    return
            self._backlog.append(view)
            self._accepted += len(view)
            mine = self._accepted
            if not self._draining:
                self._thread = threading.Thread(target=self._drain, name=self._name, daemon=True)
                self._thread.start()
                self._draining = True
            if wait:
                # ends: the thread gets it written, or fails at the latest when the peer stalls
                self._changed.wait_for(lambda: self._written >= mine or self._failure is not None)
                if self._written < mine:
                    raise ConnectionLost(self._failure or "")

    @property
    def failure(self) -> str | None:
        """Why nothing more can be written, once it is so."""
        return self._failure

    def flush(self, timeout: float) -> None:
        """Wait until all is written, or nothing more can be; for so many seconds at the most."""
        with self._changed:
            self._changed.wait_for(lambda: not self._backlog, timeout)

    def stop(self, why: str) -> None:
        """Nothing more can be written: whoever waits gets ConnectionLost."""
        with self._changed:
            self._fail(why)
            draining = self._draining
        if draining:
            # as long as its thread waits for the socket, the kernel does not let it go
            self._stream.shutdown()

    def join(self, timeout: float) -> None:
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)

    def _send(self, view: memoryview) -> int:
        try:
            if self._stream.ended:  # the kernel would still take it after a `reset`
                raise BrokenPipeError("it was ended here")
            return self._stream.send_now(view)
        except (OSError, ValueError) as error:
            self._fail(f"the connection is gone: {error}")
            raise ConnectionLost(self._failure or "") from error

    def _fail(self, why: str) -> None:
        self._failure = self._failure or why
        self._backlog.clear()
        self._changed.notify_all()

    def _drain(self) -> None:
        with contextlib.suppress(ConnectionLost):
            while True:
                self._stream.wait_while_held()
                try:
                    writable = self._stream.wait_writable(self._stall_timeout)
                except (OSError, ValueError):
                    writable = True  # closed by now, as `_send` will say
                with self._changed:
                    if self._failure is not None:
                        return
                    if self._stream.held:  # meanwhile
                        continue
                    if not writable:
                        self._fail(f"the CSMS has read nothing for {self._stall_timeout:g} s")
                        break
                    sent = self._send(self._backlog[0])
                    self._written += sent
                    self._backlog[0] = self._backlog[0][sent:]
                    if not self._backlog[0]:
                        self._backlog.pop(0)
                        self._changed.notify_all()
                    if not self._backlog:
                        self._draining = False
                        return
        self._stream.shutdown()
