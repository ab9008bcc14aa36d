"""Threads for what may block: a script's functions, called for the event loop.

A thread a call, not a pool: a pool that is full of functions waiting for each other's charge
points would never go on. They are few at a time: a charge point's requests are answered in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["Workers"]

T = TypeVar("T")


class Workers:
    """Runs functions in threads of their own, and knows which are still at work."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    async def run(self, name: str, function: Callable[..., T], *args: Any) -> T:
        """What ``function(*args)`` returns or raises, in a thread with the name `name`.

        To cancel this leaves the function at work, and drops what comes of it. The thread is a
        daemon: a function that never ends does not keep the process from ending.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def deliver(result: Any, error: BaseException | None) -> None:
            if future.done():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)

        def work() -> None:
            result, error = None, None
            try:
                result = function(*args)
            except BaseException as caught:
                # SystemExit of a function must not end the event loop
                error = caught if isinstance(caught, Exception) else RuntimeError(repr(caught))
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(deliver, result, error)

        self.start(name, work)
        return await future

    def start(self, name: str, function: Callable[..., object], *args: Any) -> None:
        """The same, and nobody waits for it. Raises RuntimeError where there is no thread."""
        thread = threading.Thread(
            target=function, args=args, name=f"ocppsim-csms {name}", daemon=True
        )
        with self._lock:
            self._threads = [t for t in self._threads if t.is_alive()]
            thread.start()
            self._threads.append(thread)

    def join(self, timeout: float) -> list[str]:
        """Wait `timeout` seconds at most for all of them but this one; the names of those left."""
        deadline = time.monotonic() + timeout
        with self._lock:
            threads = [t for t in self._threads if t is not threading.current_thread()]
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return [thread.name for thread in threads if thread.is_alive()]
