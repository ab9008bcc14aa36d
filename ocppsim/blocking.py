"""Which threads must not block: the reader, the timers, and whoever runs an observer. The answer
that a blocking call waits for would have to pass them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from .errors import WouldDeadlock

__all__ = ["may_block", "never_block"]

_here = threading.local()


@contextmanager
def never_block(who: str) -> Iterator[None]:
    """Inside, a blocking call raises WouldDeadlock that names `who`."""
    before = getattr(_here, "who", None)
    _here.who = who
    try:
        yield
    finally:
        _here.who = before


def may_block(what: str) -> None:
    """Raises WouldDeadlock where this thread must not block."""
    who = getattr(_here, "who", None)
    if who is not None:
        raise WouldDeadlock(
            f"{what} would wait for an answer that {who} holds up; "
            "use submit() and look at its future later, or start a thread"
        )
