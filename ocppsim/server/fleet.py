"""The charge points of a server, by their names."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..chargepoint import ChargePoint
from ..connect import prepare
from ..errors import ConnectionLost
from ..plugins import Plugins
from .answers import Answers
from .stations import watch

if TYPE_CHECKING:
    from .events import EventLog
    from .scripts import ScriptRunner

__all__ = ["MAX_CHARGE_POINTS", "Entry", "Exists", "Fleet", "Full", "Unknown"]

_log = logging.getLogger("ocppsim.server")

MAX_CHARGE_POINTS = 1000


class Unknown(LookupError):
    """There is no charge point of this name."""


class Exists(ValueError):
    """There is one of this name already."""


class Full(RuntimeError):
    """There are as many as may be."""


class Entry:
    """One name: its charge point, its scripts, and what it is to answer.

    cp: None until there is one: `prepare`, `connect`, or a script brings it. options: those of
    `ocppsim.connect`.
    """

    def __init__(self, name: str, options: Mapping[str, Any], fleet: Fleet) -> None:
        self.name = name
        self.options = dict(options)
        self.answers = Answers()
        self.removed = False
        self._fleet = fleet
        self._lock = threading.RLock()
        self._cp: ChargePoint | None = None
        self._script: ScriptRunner | None = None

    @property
    def cp(self) -> ChargePoint | None:
        return self._cp

    @property
    def script(self) -> ScriptRunner:
        """What runs its scripts."""
        with self._lock:
            if self._script is None:
                from .scripts import ScriptRunner

                self._script = ScriptRunner(self)
            return self._script

    @property
    def events(self) -> EventLog:
        """Where its events go."""
        return self._fleet.events

    @property
    def busy(self) -> bool:
        """Whether a script runs."""
        return self._script is not None and self._script.busy

    @property
    def connected(self) -> bool:
        return self._cp is not None and self._cp.connected

    def made(self) -> ChargePoint:
        """Its charge point. Raises ConnectionLost where nobody has made it yet."""
        if self._cp is None:
            raise ConnectionLost(f"{self.name} was never connected")
        return self._cp

    def prepare(self) -> ChargePoint:
        """Its charge point, made but not connected if there was none. Raises as
        `ocppsim.connect`."""
        with self._lock:
            if self._cp is None:
                self._cp = self._make()
            return self._cp

    def _make(self) -> ChargePoint:
        cp = prepare(name=self.name, **{"plugins": self._fleet.plugins, **self.options})
        self._fleet.events.attach(cp)
        watch(cp, self._fleet.events)
        return cp

    def connect(self, **changes: Any) -> ChargePoint:
        """Connect, if it is not; again where `changes` are given (url, user, password,
        security_profile). Raises as `ChargePoint.reconnect`."""
        cp = self.prepare()
        if changes or not cp.connected:
            cp.reconnect(**changes)
            if self.removed:
                cp.close()
        return cp

    def replace(self, **options: Any) -> ChargePoint:
        """Close the one that there is, and connect another with these options, and those of before
        that are not given. Its vars and answers live on. Raises as `ocppsim.connect`."""
        self.disconnect()
        with self._lock:
            before = self._cp
            self.options.update(options)
            cp = self._make()
            if before is not None:
                cp.vars = before.vars
            self.answers.move(cp)
            self._cp = cp
        return self.connect()

    def disconnect(self, how: str = "close", code: int | None = 1000, reason: str = "") -> None:
        """``"close"``: with the closing handshake, and what plugins have running ends; ``"abort"``
        and ``"reset"``: without, by a plain end of the TCP connection or a reset."""
        cp = self._cp
        if cp is None:
            return
        if how == "close":
            cp.close(code, reason)
        else:
            cp.abort(reset=how == "reset")

    def close(self) -> None:
        """Stop its script, and close. Not to be used afterwards."""
        self.removed = True
        script = self._script
        if script is not None and script.busy:
            script.stop()
        cp = self._cp
        if cp is not None:
            cp.close()


class Fleet:
    """Iterates over its entries, in the order in which they came.

    events: told of each charge point. plugins: instead of those of the process.
    """

    def __init__(self, events: EventLog, plugins: Plugins | None = None) -> None:
        self.events = events
        self.plugins = plugins
        self._lock = threading.Lock()
        self._entries: dict[str, Entry] = {}

    def __iter__(self) -> Iterator[Entry]:
        with self._lock:
            return iter(list(self._entries.values()))

    def __len__(self) -> int:
        return len(self._entries)

    def create(self, name: str, url: str | None = None, **options: Any) -> Entry:
        """A new entry, not connected. Raises Exists, Full."""
        if url is not None:
            options["url"] = url
        with self._lock:
            if name in self._entries:
                raise Exists(f"there is a charge point {name} already")
            if len(self._entries) >= MAX_CHARGE_POINTS:
                raise Full(f"there are {MAX_CHARGE_POINTS} charge points; remove one")
            entry = self._entries[name] = Entry(name, options, self)
            self.events.publish("state", name, {"created": True})
            return entry

    def get(self, name: str) -> Entry:
        """Raises Unknown."""
        with self._lock:
            entry = self._entries.get(name)
        if entry is None:
            raise Unknown(f"there is no charge point {name}")
        return entry

    def get_or_create(self, name: str) -> Entry:
        """Raises Full."""
        try:
            return self.get(name)
        except Unknown:
            try:
                return self.create(name)
            except Exists:  # by another thread meanwhile
                return self.get(name)

    def remove(self, name: str) -> None:
        """Close it, and forget it. Raises Unknown."""
        with self._lock:
            entry = self._entries.pop(name, None)
            if entry is None:
                raise Unknown(f"there is no charge point {name}")
            # in the order of creating and removing, also where somebody creates it anew meanwhile
            self.events.publish("state", name, {"removed": True})
        entry.close()

    def close(self, timeout: float = 10.0) -> None:
        """Close them all, side by side."""
        with self._lock:
            entries = list(self._entries.values())
            self._entries.clear()
        threads = [threading.Thread(target=self._close, args=(e,), daemon=True) for e in entries]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout)

    def _close(self, entry: Entry) -> None:
        try:
            entry.close()
        except Exception:
            _log.exception("%s was not closed", entry.name)
