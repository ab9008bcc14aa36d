"""Connecting again after a loss: how long to wait, how often, and what does it."""

from __future__ import annotations

import logging
import math
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from .clock import scaled
from .errors import ConnectionLost
from .timers import Timer, timers

__all__ = ["MINIMUM_PAUSE", "Reconnect", "Redial"]

MINIMUM_PAUSE = 1.0
"""Seconds between the end of a connection and dialling again, whoever ended it: a CSMS that is
still clearing up after the old one may tear down what belongs to the new one."""


@dataclass(frozen=True, slots=True)
class Reconnect:
    """How a charge point connects again by itself.

    first: s until the first attempt. factor: by which each delay is longer than the one before, up
    to longest, s. spread: each delay is longer by a random part of it, up to this one (0.5: by up
    to a half), so that not all charge points come back at once. attempts: how many fail before it
    gives up; None: it never does. Raises ValueError for what makes no sense.
    """

    first: float = 1.0
    factor: float = 2.0
    longest: float = 60.0
    spread: float = 0.5
    attempts: int | None = None

    def __post_init__(self) -> None:
        for name, least in (("first", 0), ("factor", 1), ("longest", self.first), ("spread", 0)):
            value = getattr(self, name)
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not number or not least <= value or not math.isfinite(value):
                raise ValueError(f"Reconnect: {name} is a number from {least:g}, not {value!r}")
        if self.longest * (1 + self.spread) > threading.TIMEOUT_MAX:
            raise ValueError(f"Reconnect: nobody waits for {self.longest:g} s")
        if self.attempts is not None and (not isinstance(self.attempts, int) or self.attempts < 1):
            raise ValueError(f"Reconnect: attempts is a number from 1, not {self.attempts!r}")

    @classmethod
    def of(cls, wish: bool | Reconnect | None) -> Reconnect | None:
        """What `connect(reconnect=…)` means: the defaults for True, None for not at all."""
        if isinstance(wish, cls):
            return wish
        if wish is not None and not isinstance(wish, bool):
            raise ValueError(f"reconnect is True, False or a Reconnect, not {wish!r:.80}")
        return cls() if wish else None

    def delays(self) -> Iterator[float]:
        """Seconds to wait before each attempt."""
        return islice(self._delays(), self.attempts)

    def _delays(self) -> Iterator[float]:
        delay = self.first
        while True:
            yield delay * (1 + random.random() * self.spread)
            delay = min(delay * self.factor, self.longest)


class Redial:
    """Dials until it works, it is stopped, or the attempts are used up.

    There is no thread but while it dials, which may take as long as the connect time-out.
    dial(): raises ConnectionLost where somebody else has taken the matter in hand; what else it
    raises is a failed attempt. on_give_up(error): with what the last attempt raised.
    """

    def __init__(
        self,
        name: str,
        log: logging.LoggerAdapter[logging.Logger],
        *,
        dial: Callable[[], object],
        on_give_up: Callable[[Exception], object],
    ) -> None:
        self._name = f"ocppsim {name} reconnect"
        self._log = log
        self._dial = dial
        self._on_give_up = on_give_up
        self._lock = threading.Lock()
        self._delays: Iterator[float] | None = None  # of the attempts that are under way
        self._timer: Timer | None = None
        self._thread: threading.Thread | None = None

    def start(self, policy: Reconnect) -> None:
        """Begin with the first delay; attempts under way are no more."""
        self.stop()
        with self._lock:
            delays = self._delays = policy.delays()
        self._wait(delays, None)

    def stop(self) -> None:
        """No more attempts; one under way is for who stops it to end."""
        with self._lock:
            self._delays = None
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    @property
    def under_way(self) -> bool:
        """Whether nobody has stopped it since it began."""
        return self._delays is not None

    def join(self, timeout: float) -> None:
        """Wait for the attempt that is under way; name it where it will not end, and leave it."""
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return
        thread.join(timeout)
        if thread.is_alive():
            self._log.warning("left behind, still dialling: %s", thread.name)

    def _wait(self, delays: Iterator[float], failure: Exception | None) -> None:
        """For the next attempt; give up where there is none. failure: of the last one."""
        delay = next(delays, None)
        with self._lock:
            if self._delays is not delays:
                return
            if delay is not None:
                self._timer = timers.after(scaled(delay), lambda: self._begin(delays))
            else:
                self._delays = None
        if failure is None:
            self._log.info("connecting again in %.1f s", delay)
        elif delay is not None:
            self._log.warning("not connected again: %s; the next attempt in %.1f s", failure, delay)
        else:
            self._log.error("not connected again: %s; that was the last attempt", failure)
            self._on_give_up(failure)

    def _begin(self, delays: Iterator[float]) -> None:
        thread = threading.Thread(
            target=self._attempt, args=(delays,), name=self._name, daemon=True
        )
        try:
            with self._lock:
                if self._delays is not delays:
                    return
                thread.start()
                self._thread = thread
        except RuntimeError as error:  # the system has no more threads
            self._wait(delays, error)

    def _attempt(self, delays: Iterator[float]) -> None:
        try:
            self._dial()
        except ConnectionLost:
            return
        except Exception as error:
            self._wait(delays, error)
