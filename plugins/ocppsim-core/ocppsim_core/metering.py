"""The meters of a station: what flows, when it is read, and where the readings go."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ocppsim import timestamp

from .connector import Connector
from .grid import Grid
from .keys import rotation_of
from .meter import Meter
from .meter_values import TransactionData, meter_value, parse_measurands
from .reading import Reading
from .schedule import next_aligned, next_sample
from .vehicle import Vehicle

if TYPE_CHECKING:
    from .body import Body
    from .clock import Job
    from .transaction import Transaction

__all__ = ["Metering"]

STORED_AS = "core.meters"
# s; how exactly the moment is met when a car is full, or an amount of energy is used up
_LEAST = 0.001


@dataclass(slots=True)
class _Outlet:
    """The meter of a connector, and what hangs on it. vehicle: which car comes when one is plugged
    in. since: the readings that Interval measurands count from, by key."""

    meter: Meter
    vehicle: Vehicle
    advanced: datetime
    since: dict[str, Reading] = field(default_factory=dict)
    data: TransactionData = field(default_factory=TransactionData)
    sample: Job | None = None
    watch: Job | None = None
    watched: tuple[object, ...] = ()


class Metering:
    """Physics of each connector; it goes on whenever something happens, as `update` is called."""

    def __init__(
        self, body: Body, grid: Grid, vehicle: Vehicle, max_current_a: float, seed: int
    ) -> None:
        self._body = body
        self.phases = grid.phases
        self._aligned: Job | None = None
        saved = body.cp.state.get(STORED_AS, {})
        self.last_kept: str | None = saved.get("at")
        """When the registers were written last, in an earlier process too."""
        self._outlets = {
            number: _Outlet(
                Meter(
                    _with_seed(grid, seed + number),
                    max_current_a=max_current_a,
                    registers=saved.get(str(number)),
                ),
                copy.deepcopy(vehicle),
                body.clock.now(),
            )
            for number in body.connectors
        }

    # --- physics ---

    def meter(self, number: int) -> Meter:
        return self._outlets[number].meter

    def vehicle(self, number: int) -> Vehicle:
        """The car that is, or would be, plugged in here."""
        return self._outlets[number].vehicle

    def bring(self, number: int, vehicle: Vehicle) -> None:
        """Another car, for the next time that one is plugged in."""
        self._outlets[number].vehicle = vehicle

    def catch_up(self, number: int) -> None:
        """Let flow what has flowed until now. Before anything that changes the flow."""
        outlet, now = self._outlets[number], self._body.clock.now()
        outlet.meter.advance(max(0.0, (now - outlet.advanced).total_seconds()))
        outlet.advanced = max(now, outlet.advanced)

    def update(self, connector: Connector) -> None:
        """Open or close the contactor as the state of the connector demands."""
        outlet = self._outlets[connector.number]
        meter, transaction = outlet.meter, connector.transaction
        self.catch_up(connector.number)
        meter.vehicle = outlet.vehicle if connector.complete else None
        self._suspend(connector, "station", self._body.broken)
        self._suspend(connector, "limit", _allows_nothing(meter))
        over = transaction is not None and transaction.limit is not None
        if over and transaction is not None and transaction.limit is not None:
            over = meter.register_wh >= transaction.limit
        self._suspend(connector, "invalid", over)
        meter.closed = (
            transaction is not None
            and self._body.on
            and connector.complete
            and connector.fault is None
            and not connector.suspended
        )
        meter.rotation = rotation_of(
            connector.number, self._body.settings["ConnectorPhaseRotation"]
        )
        vehicle = outlet.vehicle
        connector.car_takes_energy = not vehicle.paused and not vehicle.full
        self._watch(connector, outlet)

    @staticmethod
    def _suspend(connector: Connector, why: str, whether: bool) -> None:
        if whether:
            connector.suspended.add(why)
        else:
            connector.suspended.discard(why)

    def _watch(self, connector: Connector, outlet: _Outlet) -> None:
        """Look again when the car is full, or the energy of a refused idTag is used up."""
        meter, transaction = outlet.meter, connector.transaction
        limit = None if transaction is None else transaction.limit
        current = meter.current_a
        watched = (transaction, limit, meter.vehicle, current > 0, meter.offered_a)
        if watched == outlet.watched and (outlet.watch is None or outlet.watch.waiting):
            return
        outlet.watched = watched
        if outlet.watch is not None:
            outlet.watch.cancel()
            outlet.watch = None
        if current <= 0:
            return
        seconds = meter.seconds_to_full()
        if limit is not None:
            watts = sum(meter.reading().powers(current))
            seconds = min(seconds, max(0.0, limit - meter.register_wh) * 3600 / watts)
        if math.isfinite(seconds):
            outlet.watch = self._body.actor.after(max(seconds, _LEAST), lambda: None)

    # --- the life of a transaction ---

    def begin(self, transaction: Transaction) -> None:
        """It starts at this moment."""
        outlet = self._outlets[transaction.connectorId]
        outlet.data = TransactionData()
        outlet.since.clear()
        reading = outlet.meter.reading()
        outlet.since.update(dict.fromkeys(("sampled", "aligned", "stop", "stop aligned"), reading))
        self._collect(outlet, "StopTxnSampledData", "Transaction.Begin", "stop")
        self.schedule_samples(transaction)
        self.keep()

    def end(self, transaction: Transaction) -> list[dict[str, Any]]:
        """It is over: the transactionData."""
        outlet = self._outlets[transaction.connectorId]
        self._collect(outlet, "StopTxnSampledData", "Transaction.End", "stop")
        if outlet.sample is not None:
            outlet.sample.cancel()
            outlet.sample = None
        self.keep()
        values, outlet.data = outlet.data.values, TransactionData()
        return [dict(value) for value in values]

    def keep(self) -> None:
        """Remember the registers: they go on in the next process, where the state does."""
        self.last_kept = timestamp(self._body.clock.now())
        self._body.cp.state[STORED_AS] = {
            "at": self.last_kept,
            **{str(number): outlet.meter.registers for number, outlet in self._outlets.items()},
        }

    # --- reading ---

    def schedule_samples(self, transaction: Transaction) -> None:
        """The next sample of this transaction, MeterValueSampleInterval after the last one."""
        outlet = self._outlets[transaction.connectorId]
        if outlet.sample is not None:
            outlet.sample.cancel()
            outlet.sample = None
        interval = self._body.settings["MeterValueSampleInterval"]
        moment = next_sample(transaction.timestamp, interval, self._body.clock.now())
        if moment is not None:
            outlet.sample = self._body.actor.at(moment, lambda: self._sample(transaction, moment))

    def schedule_aligned(self) -> None:
        """The next reading on the clock."""
        if self._aligned is not None:
            self._aligned.cancel()
            self._aligned = None
        interval = self._body.settings["ClockAlignedDataInterval"]
        moment = next_aligned(interval, self._body.clock.now())
        if moment is not None:
            self._aligned = self._body.actor.at(moment, lambda: self._read_aligned(moment))

    def trigger(self, numbers: Iterable[int]) -> None:
        """Read these meters because the central system wants it."""
        for number in numbers:
            self.catch_up(number)
            connector = self._body.connectors[number]
            moment = self._body.clock.now()
            self._send(connector, "MeterValuesSampledData", "Trigger", moment, "trigger")

    def _sample(self, transaction: Transaction, moment: datetime) -> None:
        connector = self._body.connectors[transaction.connectorId]
        if connector.transaction is not transaction or not self._body.on:
            return
        outlet = self._outlets[connector.number]
        self.catch_up(connector.number)
        self._send(connector, "MeterValuesSampledData", "Sample.Periodic", moment, "sampled")
        self._collect(outlet, "StopTxnSampledData", "Sample.Periodic", "stop")
        self.keep()
        self.schedule_samples(transaction)

    def _read_aligned(self, moment: datetime) -> None:
        self.schedule_aligned()
        if not self._body.on:
            return
        for connector in self._body.connectors.values():
            outlet = self._outlets[connector.number]
            self.catch_up(connector.number)
            self._send(connector, "MeterValuesAlignedData", "Sample.Clock", moment, "aligned")
            if connector.transaction is not None:
                self._collect(outlet, "StopTxnAlignedData", "Sample.Clock", "stop aligned", moment)

    def _value(
        self,
        outlet: _Outlet,
        key: str,
        context: Any,
        moment: datetime,
        purpose: str,
        transaction: Transaction | None = None,
    ) -> Any:
        items = parse_measurands(",".join(self._body.settings[key]), phases=self.phases)
        reading = outlet.meter.reading(outlet.since.get(purpose))
        outlet.since[purpose] = reading
        if transaction is not None and not transaction.ours:
            reading = reading.showing(transaction.register(outlet.meter.register_wh))
        return meter_value(items, reading, context, moment)

    def _collect(
        self,
        outlet: _Outlet,
        key: str,
        context: str,
        purpose: str,
        moment: datetime | None = None,
    ) -> None:
        moment = self._body.clock.now() if moment is None else moment
        outlet.data.add(self._value(outlet, key, context, moment, purpose))

    def _send(
        self, connector: Connector, key: str, context: str, moment: datetime, purpose: str
    ) -> None:
        outlet, body = self._outlets[connector.number], self._body
        transaction = connector.transaction
        value = self._value(outlet, key, context, moment, purpose, transaction)
        if value is None:
            return
        payload = {"connectorId": connector.number, "meterValue": [value]}
        if transaction is not None and transaction.is_known:
            body.outbox.meter_values(transaction, payload)
        elif body.online or purpose == "trigger":
            body.outbox.tell("MeterValues", payload)


def _with_seed(grid: Grid, seed: int) -> Grid:
    return Grid(grid.voltage, grid.phases, grid.frequency, grid.noise, grid.seed * 1000 + seed)


def _allows_nothing(meter: Meter) -> bool:
    """Whether somebody's limit is 0."""
    return any(0 in (limit.amperes, limit.watts, limit.phases) for limit in meter.limits.values())
