"""A charge point that starts, meters and stops transactions through the queue, over and over, until
it is killed.

    python station.py URL STATE_DIR JOURNAL (on | end)

``end``: stops what is open, waits until all is delivered, and ends. Each message has a number, and
the meter only goes up; both are in `cp.state` before the message is in the queue. JOURNAL, one JSON
object a line, says what the script knows: ``put`` it is about to put message `number` in, ``in`` it
is in, ``answered`` its future has the answer, ``failed`` its future failed for good; at the end
``meter``, where it stands (Wh); with the time (monotonic, s).
"""

from __future__ import annotations

import faulthandler
import json
import os
import random
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from ocppsim import ConnectionLost, OcppsimError, Reconnect, clock, connect, timestamp
from ocppsim.chargepoint import ChargePoint

clock.SCALE = 0.02  # of the pauses before dialling again


class Station:
    def __init__(self, cp: ChargePoint, journal: str) -> None:
        self._cp = cp
        self._journal = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self.number, self.meter = cp.state.get("now", (0, 0))

    def boot(self) -> None:
        while not self._cp.queue.accepted:
            try:
                self._cp.wait_until_connected()
                self._cp.call(
                    "BootNotification", {"chargePointVendor": "v", "chargePointModel": "m"}
                )
            except OcppsimError as error:
                print("boot:", error, file=sys.stderr)

    def transaction(self) -> None:
        transaction = self._put(
            0,
            lambda: self._cp.enqueue_start(
                {
                    "connectorId": 1,
                    "idTag": str(self.number),
                    "meterStart": self.meter,
                    "timestamp": timestamp(),
                }
            ),
        )
        for _ in range(random.randrange(5)):
            self._put(
                random.randint(1, 50),
                lambda: self._cp.enqueue("MeterValues", self._values(), transaction=transaction),
            )
        self.stop(transaction)

    def stop(self, transaction: Any) -> None:
        self._put(
            random.randint(1, 50),
            lambda: self._cp.enqueue(
                "StopTransaction",
                {"idTag": str(self.number), "meterStop": self.meter, "timestamp": timestamp()},
                transaction=transaction,
            ),
        )

    def _values(self) -> dict[str, Any]:
        sampled = [
            {"value": str(self.meter), "unit": "Wh"},
            {"value": str(self.number), "measurand": "Temperature"},
        ]
        return {
            "connectorId": 1,
            "meterValue": [{"timestamp": timestamp(), "sampledValue": sampled}],
        }

    def _put(self, energy: int, put: Callable[[], Future[Any]]) -> Future[Any]:
        self.number, self.meter = self.number + 1, self.meter + energy
        number = self.number
        self._cp.state["now"] = self.number, self.meter
        self.note("put", number)
        future = put()
        self.note("in", number)
        future.add_done_callback(lambda future: self._ended(number, future))
        if self._cp.queue.accepted:
            if random.random() < 0.3:  # now and then the script keeps step with the CSMS
                future.exception(timeout=60)
            while len(self._cp.queue) > 30:
                time.sleep(0.01)
        return future

    def _ended(self, number: int, future: Future[Any]) -> None:
        error = future.exception()
        if error is None:
            self.note("answered", number)
        elif not isinstance(error, ConnectionLost):  # closed, and kept
            self.note("failed", number)

    def note(self, what: str, number: int) -> None:
        entry = {"time": time.monotonic(), "what": what, "number": number}
        os.write(self._journal, json.dumps(entry).encode() + b"\n")


def main(url: str, state_dir: str, journal: str, until: str) -> None:
    while True:
        try:
            cp = connect(url, state_dir=state_dir, reconnect=Reconnect(longest=5.0), trace_size=0)
            break
        except ConnectionError:
            time.sleep(0.02)
    with cp:
        station = Station(cp, journal)
        for transaction in cp.open_transactions():
            station.stop(transaction)
        if until == "end":
            station.boot()
            while len(cp.queue):
                time.sleep(0.01)
            station.note("meter", station.meter)
            return
        if random.random() < 0.7:  # else it works without being accepted
            station.boot()
        while True:
            station.transaction()
            if not cp.queue.accepted and len(cp.queue) > 20:
                station.boot()


if __name__ == "__main__":
    faulthandler.enable()
    main(*sys.argv[1:])
