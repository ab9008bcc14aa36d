"""The event loop of a central system, in a thread of its own."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from ..errors import ConnectionLost, WouldDeadlock
from ..interrupts import wait_for_all

__all__ = ["Loop"]

log = logging.getLogger("ocppsim.csms")

T = TypeVar("T")

# tells the port once it listens; returns when it is told to stop
Serve = Callable[[Callable[[int], None]], Coroutine[Any, Any, None]]


class Loop:
    """Runs what serves, and lets other threads have work done beside it. May run again."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        # guards that nothing is given to the loop after it was told to stop
        self._gate = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def running(self) -> bool:
        """Between `start` and `stop`, and not failed."""
        return self._loop is not None

    @property
    def started(self) -> bool:
        """Between `start` and `stop`."""
        return self._thread is not None

    def start(self, serve: Serve) -> int:
        """The port, once `serve` has told it. Raises what `serve` raises before that."""
        started: concurrent.futures.Future[int] = concurrent.futures.Future()
        thread = threading.Thread(
            target=self._run, args=(serve, started), name="ocppsim-csms loop", daemon=True
        )
        thread.start()
        try:
            port = started.result()
        except OSError:
            thread.join()
            raise
        except BaseException:
            thread.join(timeout=1)
            raise
        self._thread = thread
        return port

    def stop(self, stop: Callable[[], object]) -> None:
        """Run `stop` in the loop, wait for the end of `serve`."""
        with self._gate:
            loop, self._loop = self._loop, None
            if loop is not None:
                loop.call_soon_threadsafe(stop)
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def do(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What `work` returns or raises, in the loop. Raises ConnectionLost where it is not
        running."""
        self.may_block()
        with self._gate:
            if self._loop is None:
                raise ConnectionLost("the central system is not running")
            future = asyncio.run_coroutine_threadsafe(work(), self._loop)
        try:
            wait_for_all([future])
            return future.result()
        except concurrent.futures.CancelledError:
            raise ConnectionLost("the central system was stopped") from None
        except BaseException:
            future.cancel()
            raise

    def may_block(self) -> None:
        """Raises WouldDeadlock in the thread of the loop."""
        if threading.current_thread() is self._thread:
            raise WouldDeadlock("this thread runs the central system, and must not wait for it")

    def _run(self, serve: Serve, started: concurrent.futures.Future[int]) -> None:
        async def main() -> None:
            def is_listening(port: int) -> None:
                with self._gate:
                    self._loop = asyncio.get_running_loop()
                started.set_result(port)

            await serve(is_listening)

        try:
            asyncio.run(main())
        except BaseException as error:
            if started.done():
                log.exception("the event loop of the central system failed")
            else:
                started.set_exception(error)
        finally:
            with self._gate:
                self._loop = None
