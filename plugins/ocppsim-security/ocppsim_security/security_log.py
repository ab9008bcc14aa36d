"""The security log of a charge point: what GetLog SecurityLog uploads (security white paper)."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from ocppsim import ChargePoint, timestamp
from ocppsim.masking import mask_text

__all__ = ["MAX_INFO", "Period", "SecurityLog"]

MAX_ENTRIES = 1000
# characters; of a SecurityEventNotification
MAX_TYPE, MAX_INFO = 50, 255


@dataclass(frozen=True, slots=True)
class Period:
    """From `oldest` to `latest`, both included; None is open."""

    oldest: datetime | None = None
    latest: datetime | None = None

    @classmethod
    def of(cls, cp: ChargePoint, parameters: Mapping[str, Any]) -> Self:
        """The period of a LogParametersType; a moment that is none is told in the log, and open."""

        def bound(name: str) -> datetime | None:
            text = parameters.get(name)
            moment = _moment(text)
            if moment is None and text is not None:
                cp.log("GetLog: %s is no moment, and plays no part: %.40r", name, text)
            return moment

        return cls(bound("oldestTimestamp"), bound("latestTimestamp"))

    def __bool__(self) -> bool:
        """Whether it leaves anything out."""
        return self != Period()

    def __contains__(self, moment: datetime) -> bool:
        return (self.oldest is None or self.oldest <= moment) and (
            self.latest is None or moment <= self.latest
        )


class SecurityLog:
    """The last `MAX_ENTRIES` security events, each once, without secrets; for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # JSON to moment: an event that is sent a second time is the same event
        self._entries: dict[str, datetime] = {}

    def add(self, event: Mapping[str, Any], now: float) -> None:
        """Note an event: the payload of a SecurityEventNotification.

        now: seconds since 1970; its moment, where its timestamp is none.
        """
        when = str(event.get("timestamp"))
        moment = _moment(when)
        if moment is None:
            when = timestamp(now)
            moment = datetime.fromisoformat(when)
        entry = {"timestamp": when, "type": _text(event.get("type"), MAX_TYPE)}
        if event.get("techInfo"):
            entry["techInfo"] = _text(event["techInfo"], MAX_INFO)
        line = json.dumps(entry)
        with self._lock:
            self._entries.setdefault(line, moment)
            if len(self._entries) > MAX_ENTRIES:
                del self._entries[next(iter(self._entries))]

    def text(self, period: Period) -> str:
        """The events of that time, oldest first, as one JSON object a line: timestamp, type,
        techInfo (if there is any)."""
        with self._lock:
            entries = sorted(self._entries.items(), key=lambda entry: entry[1])
        return "".join(f"{line}\n" for line, moment in entries if moment in period)


def _text(value: Any, longest: int) -> str:
    # masked first: half of a URL might not show that a password is in it
    return mask_text(str(value))[:longest]


def _moment(value: Any) -> datetime | None:
    """RFC 3339 (OCPP 1.6 §3.15); UTC where it names no zone."""
    try:
        moment = datetime.fromisoformat(str(value).upper())
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
