"""What a script has sent at an interval: heartbeats, meter values."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from ..calls import Result
from ..clock import timestamp
from ..errors import ConnectionLost
from ..link import Link
from ..repeat import Repeat

__all__ = ["Readings", "Repeating"]

DEFAULT_HEARTBEAT_INTERVAL = 300.0


@dataclass(frozen=True, slots=True)
class Readings:
    """A meter through which the same power flows. started: when it showed `meter` (monotonic,
    s)."""

    interval: float
    connectorId: int
    transactionId: int | None
    power: float
    meter: float
    started: float

    def payload(self) -> dict[str, Any]:
        """A MeterValues.req of what it shows now."""
        energy = self.meter + self.power * (time.monotonic() - self.started) / 3600
        values = [
            {"value": f"{energy:.0f}", "measurand": "Energy.Active.Import.Register", "unit": "Wh"},
            {"value": f"{self.power:.10g}", "measurand": "Power.Active.Import", "unit": "W"},
        ]
        transaction = {} if self.transactionId is None else {"transactionId": self.transactionId}
        return {
            "connectorId": self.connectorId,
            **transaction,
            "meterValue": [{"timestamp": timestamp(), "sampledValue": values}],
        }


class Repeating:
    """The part of `ChargePoint` that sends at an interval."""

    _link: Link
    _log: logging.LoggerAdapter[logging.Logger]
    _repeating: threading.Lock  # for the three below
    _heartbeat: Repeat | None
    _readings: Readings | None
    _metering: Repeat | None

    @property
    def connected(self) -> bool:
        raise NotImplementedError

    def submit(self, action: str, payload: Mapping[str, Any] | None = None) -> Future[Result]:
        raise NotImplementedError

    # --- heartbeats ---

    def start_heartbeat(self, interval: float) -> None:
        """Send a Heartbeat every `interval` seconds until `stop_heartbeat` or the connection ends.

        They go on where this connects again by itself, not after `reconnect` or `abort`. 0 leaves
        the choice to the charge point (OCPP 1.6 §4.2): 300 s. Calling again changes it.
        Raises ValueError where it is negative or no number, ConnectionLost where there is no
        connection.
        """
        if not isinstance(interval, (int, float)) or not 0 <= interval <= threading.TIMEOUT_MAX:
            raise ValueError(f"a heartbeat interval is a number of seconds, not {interval!r}")
        seconds = interval or DEFAULT_HEARTBEAT_INTERVAL
        with self._repeating:
            self._replace_heartbeat(None)
            if not self.connected:
                raise ConnectionLost("no heartbeat: not connected")
            self._replace_heartbeat(self._beating(seconds))

    def stop_heartbeat(self) -> None:
        """Send no more of them."""
        with self._repeating:
            self._replace_heartbeat(None)

    @property
    def heartbeat_interval(self) -> float | None:
        """Seconds between the heartbeats that are sent, or go on once this has connected again by
        itself; None: there are none."""
        beating = self._heartbeat
        if beating is None or not (self.connected or self._link.retrying):
            return None
        return beating.interval

    # --- meter values ---

    def start_meter_values(
        self,
        connectorId: int = 1,
        *,
        interval: float,
        power: float,
        meter: float = 0,
        transactionId: int | None = None,
    ) -> None:
        """Send MeterValues every `interval` seconds until `stop_meter_values` or `close`: the
        register (Energy.Active.Import.Register, Wh), which begins with `meter` and rises as `power`
        (W) has it, and the power (Power.Active.Import).

        While there is no connection none is sent or saved up, and the register rises. Calling again
        replaces. Raises ValueError for what is no such number, ConnectionLost where there is no
        connection.
        """
        for name, value in (("interval", interval), ("power", power), ("meter", meter)):
            known = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not known or not math.isfinite(value) or value < 0:
                raise ValueError(f"{name} is a number from 0, not {value!r:.80}")
        if not 0 < interval <= threading.TIMEOUT_MAX:
            raise ValueError(f"the interval of meter values is above 0 s, not {interval!r:.80}")
        for name, number in (("connectorId", connectorId), ("transactionId", transactionId)):
            if number is not None and type(number) is not int:
                raise ValueError(f"{name} is a whole number, not {number!r:.80}")
        started = time.monotonic()
        readings = Readings(interval, connectorId, transactionId, power, meter, started)
        with self._repeating:
            self._replace_readings(None)
            if not self.connected:
                raise ConnectionLost("no meter values: not connected")
            self._replace_readings(readings)

    def stop_meter_values(self) -> None:
        """Send no more of those that `start_meter_values` began."""
        with self._repeating:
            self._replace_readings(None)

    @property
    def meter_values_interval(self) -> float | None:
        """Seconds between the MeterValues that `start_meter_values` began; None: there are none."""
        readings = self._readings
        return None if readings is None else readings.interval

    # --- inside ---

    def _resume_repeating(self, by_itself: bool) -> None:
        """There is a connection; by_itself: after a loss."""
        with self._repeating:
            beating = self._heartbeat if by_itself else None
            self._replace_heartbeat(beating and self._beating(beating.interval))
            self._replace_readings(self._readings)

    def _pause_repeating(self) -> None:
        with self._repeating:
            for one in (self._heartbeat, self._metering):
                if one is not None:
                    one.stop()

    def _beating(self, interval: float) -> Repeat:
        return Repeat("heartbeat", interval, lambda: self.submit("Heartbeat"), self._log)

    def _replace_heartbeat(self, heartbeat: Repeat | None) -> None:
        if self._heartbeat is not None:
            self._heartbeat.stop()
        self._heartbeat = heartbeat

    def _replace_readings(self, readings: Readings | None) -> None:
        if self._metering is not None:
            self._metering.stop()
        self._readings = readings
        self._metering = None
        if readings is not None:
            self._metering = Repeat(
                "meter values",
                readings.interval,
                lambda: self.submit("MeterValues", readings.payload()),
                self._log,
            )
