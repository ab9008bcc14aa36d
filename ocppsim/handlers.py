"""The way of a request: waiting script, script's handlers, plugins, default answer.

Each request is served in a thread of its own, so a handler may block, sleep, upload, and call the
CSMS. Their number is capped for the process.
"""

from __future__ import annotations

import contextlib
import difflib
import inspect
import logging
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from .errors import AlreadyAnswered, CallError, ConnectionLost, InvalidPayload
from .interrupts import wait_for
from .plugins import Plugins
from .protocol import Protocol
from .request import TRIGGERS, Request

__all__ = ["Asked", "Handler", "Handlers"]

Handler = Callable[[Request], Any]

MAX_THREADS = 500
_free = threading.BoundedSemaphore(MAX_THREADS)


@dataclass(frozen=True, slots=True)
class Asked:
    """One who is asked for the answer to an action.

    who: ``"script"`` with its `handler` and the `name` of that function, ``"plugin"`` with its
    `name`, `hook`, and `what` it says of it, or ``"default"``, which answers `what`. message: only
    for this requestedMessage. once: only the next time.
    """

    who: Literal["script", "plugin", "default"]
    name: str = ""
    hook: str = ""
    what: str = ""
    message: str | None = None
    once: bool = False
    handler: Handler | None = None


class Handlers:
    """The handlers of one charge point, and the threads that they run in.

    waits(request): whether the script waits for it, and has it now.
    """

    def __init__(
        self,
        name: str,
        protocol: Protocol,
        plugins: Plugins,
        log: logging.LoggerAdapter[logging.Logger],
        *,
        waits: Callable[[Request], bool],
    ) -> None:
        self._name = name
        self._protocol = protocol
        self._plugins = plugins
        self._log = log
        self._waits = waits
        self._changed = threading.Condition()
        self._script: dict[tuple[str, str | None], Handler] = {}
        self._once: dict[tuple[str, str | None], Handler] = {}
        # each with what it serves, if it does
        self._threads: dict[threading.Thread, Request | None] = {}
        self._finishing: set[threading.Thread] = set()
        self.failures: list[BaseException] = []
        """What handlers raised that was not meant for the CSMS (the last 100)."""

    def on(self, action: str, message: str | None, handler: Handler, once: bool) -> None:
        """Register; an earlier one for the same is replaced. One for `once` lies over the other."""
        self.check(action)
        with self._changed:
            (self._once if once else self._script)[action, message] = handler

    def check(self, action: str) -> None:
        """Warn where a CSMS sends no such action."""
        known = self._protocol.from_csms
        if action not in known:
            close = difflib.get_close_matches(action, known, 1)
            hint = f"; did you mean {close[0]}?" if close else ""
            text = "%s is no action that a CSMS sends in OCPP %s%s"
            self._log.warning(text, action, self._protocol.version, hint)

    def serve(self, request: Request) -> None:
        """Give `request` to the script that waits for it, or have it answered in a thread of its
        own. Never blocks."""
        if self._waits(request):
            return
        if not _free.acquire(blocking=False):
            text = f"too many requests: {MAX_THREADS} are being handled"
            self._log.error("%s is refused: %s", request.action, text)
            self._turn_away(request, "GenericError", text)
            return
        try:
            name = f"ocppsim {self._name} {request.action:.40}"
            request.on_settled = self.wake
            self.run(name, lambda: self._serve_and_free(request), request)
        except RuntimeError as error:  # the system has no more threads
            _free.release()
            self._turn_away(request, "InternalError", str(error)[:255])

    def run(
        self, name: str, function: Callable[[], object], request: Request | None = None
    ) -> None:
        """Run `function` in a thread that `join` joins. request: what it serves."""
        thread = threading.Thread(target=self._run, args=(function,), name=name, daemon=True)
        with self._changed:
            self._threads[thread] = request
        try:
            thread.start()
        except RuntimeError:
            with self._changed:
                del self._threads[thread]
            raise

    def finish(self, timeout: float, over: Callable[[], bool]) -> list[str]:
        """Wait until the requests that are being handled have their answers; the actions of those
        that have none all the same.

        Not those of this thread, nor of others that wait here: they would wait for each other.
        over: whether to wait no longer; `wake` has it asked again.
        """
        me = threading.current_thread()
        with self._changed:
            serving = [(t, r) for t, r in self._threads.items() if r is not None and t is not me]

            def left() -> list[str]:
                return [
                    request.action
                    for thread, request in serving
                    if thread in self._threads
                    and thread not in self._finishing
                    and request.answerable
                    and not request.settled
                ]

            self._finishing.add(me)
            self._changed.notify_all()
            try:
                wait_for(self._changed, lambda: not left() or over(), timeout)
                return left()
            finally:
                self._finishing.discard(me)

    def join(self, timeout: float) -> None:
        """Wait for the threads; name those that will not end in time, and leave them."""
        deadline = time.monotonic() + timeout
        for thread in self._others():
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                self._log.warning("left behind, still running: %s", thread.name)

    def wait(self, timeout: float, over: Callable[[], bool]) -> list[str]:
        """Wait until no thread runs, but for this one; the names of those that do all the same.

        over: whether to wait no longer; `wake` has it asked again.
        """
        with self._changed:
            wait_for(self._changed, lambda: not self._others() or over(), timeout)
            return sorted(thread.name for thread in self._others())

    def wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _others(self) -> list[threading.Thread]:
        with self._changed:
            return [t for t in self._threads if t is not threading.current_thread()]

    def _turn_away(self, request: Request, code: str, why: str) -> None:
        try:
            request.reply_error(code, why)
        except ConnectionLost as error:
            self._log.info("%s", error)

    def _run(self, function: Callable[[], object]) -> None:
        try:
            function()
        except BaseException as error:
            self._failed("a callback failed", error)
        finally:
            with self._changed:
                del self._threads[threading.current_thread()]
                self._changed.notify_all()

    def _serve_and_free(self, request: Request) -> None:
        try:
            self._serve(request)
        except ConnectionLost as error:
            self._log.info("%s", error)
        finally:
            _free.release()

    def _serve(self, request: Request) -> None:
        for who, handler in self._chain(request):
            try:
                self._ask(who, handler, request)
            except BaseException as error:  # sys.exit() and pytest.fail() too: it must be answered
                if isinstance(error, ConnectionLost) and not request.answerable:
                    raise
                self._refuse(who, request, error)
            if request.claimed:
                return
        self._answer_by_default(request)

    def _chain(self, request: Request) -> Iterator[tuple[str, Handler]]:
        keys: list[tuple[str, str | None]] = [(request.action, None)]
        if request.requestedMessage is not None:
            keys.insert(0, (request.action, request.requestedMessage))
        for key in keys:
            with self._changed:
                handlers = [self._once.pop(key, None), self._script.get(key)]
            for handler in handlers:
                if handler is not None:
                    yield "the script's handler", handler
        known = request.action in self._protocol.actions
        yield from self._plugins.answerers(self._protocol.hook_prefix if known else None, request)

    def _ask(self, who: str, handler: Handler, request: Request) -> None:
        answer = handler(request)
        if inspect.isgenerator(answer):
            with contextlib.closing(answer):
                self._go_through(who, answer, request)
        elif answer is None or request.claimed:
            return
        elif isinstance(answer, dict):
            request.reply(answer)
        else:
            raise TypeError(f"{who} returned {answer!r:.80}, not a dict or None")

    def _go_through(self, who: str, steps: Generator[Any, Any, Any], request: Request) -> None:
        """A generator's first yield is the answer; the rest of its body runs after."""
        try:
            answer = next(steps)
        except StopIteration:
            if not request.claimed:
                raise RuntimeError(f"{who} ended without a yield") from None
            return
        if not isinstance(answer, dict):
            raise TypeError(f"{who} yielded {answer!r:.80}, not a dict")
        request.reply(answer)
        for _ in steps:
            text = "%s: %s yielded a second time; a request has one answer"
            self._log.error(text, request.action, who)

    def _refuse(self, who: str, request: Request, error: BaseException) -> None:
        # a CallError with a unique id is what the CSMS answered to a call of the handler's own
        meant = isinstance(error, CallError) and not error.unique_id and not request.answered
        if not meant:
            self._failed(f"{request.action}: {who} failed", error)
        if request.answered:
            return
        if not isinstance(error, CallError) or not meant:
            error = CallError("InternalError", f"{type(error).__name__}: {error}"[:255])
        # by another thread meanwhile, or never on purpose
        with contextlib.suppress(AlreadyAnswered):
            try:
                request.reply_error(error.code, error.description, error.details)
            except InvalidPayload as wrong:  # its details are no JSON
                self._failed(f"{request.action}: {who} failed", wrong)
                request.reply_error("InternalError", str(wrong)[:255])

    def asked(self, action: str) -> list[Asked]:
        """Who is asked for the answer to an action of this version, in turn; a script that waits
        for it has it before them."""
        with self._changed:
            some = [(key, True, one) for key, one in self._once.items()]
            some += [(key, False, one) for key, one in self._script.items()]
        found = [
            Asked("script", _name(handler), message=message, once=once, handler=handler)
            for (of, message), once, handler in some
            if of == action
        ]
        # as in `_chain`
        found.sort(key=lambda one: (one.message is None, one.message or "", not one.once))
        plugins = self._plugins.asked(
            self._protocol.hook_prefix, action, trigger=action in TRIGGERS
        )
        found += [Asked("plugin", name, hook, what) for name, hook, what in plugins]
        default = "NotImplemented" if action in TRIGGERS else "NotSupported"
        return [*found, Asked("default", what=default)]

    def _answer_by_default(self, request: Request) -> None:
        action = request.action
        if action in TRIGGERS and action in self._protocol.actions:
            request.reply(status="NotImplemented")
        elif action in self._protocol.actions:
            request.reply_error("NotSupported", f"nothing here handles {action}"[:255])
        else:
            known = f"OCPP {self._protocol.version} has no action {action}"
            request.reply_error("NotImplemented", known[:255])

    def _failed(self, what: str, error: BaseException) -> None:
        del self.failures[:-99]
        self.failures.append(error)
        self._log.error("%s: %s: %s", what, type(error).__name__, error, exc_info=error)


def _name(handler: Handler) -> str:
    name = str(getattr(handler, "__name__", ""))
    return "" if name == "<lambda>" else name
