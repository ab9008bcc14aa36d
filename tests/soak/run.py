"""Many charge points in one process, in bad weather: what they have at the end they had at the
start, and nothing that went into a queue is lost. ``make soak``."""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from command import start
from soak.weather import Weather

from ocppsim import OcppsimError
from ocppsim.csms import CentralSystem

__all__ = ["Outcome", "soak"]

SCRIPT = Path(__file__).parent / "charge_points.py"
# of memory, bytes: allocators keep some of what was used at the busiest time
ALLOWED = 30e6, 0.3


class Books:
    """What a CSMS keeps of transactions, and what is wrong with them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[str, tuple[dict[str, Any], int]] = {}  # the last start, and its id
        self._open: dict[str, int] = {}
        self._stopped: dict[str, int] = {}
        self._meters: dict[str, int] = {}
        self.transactions = 0
        self.repeated = 0
        self.wrong: list[str] = []

    def start(self, name: str, payload: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            last, transactionId = self._last.get(name, ({}, 0))
            if last == payload:  # the answer was never seen
                self.repeated += 1
            else:
                if name in self._open:
                    self.wrong.append(f"{name}: a start before the stop")
                if payload["meterStart"] != self._meters.get(name, 0):
                    self.wrong.append(f"{name}: energy is missing")
                self.transactions += 1
                transactionId = self.transactions
                self._last[name] = payload, transactionId
                self._open[name] = transactionId
        return {"transactionId": transactionId, "idTagInfo": {"status": "Accepted"}}

    def stop(self, name: str, payload: dict[str, Any]) -> dict[str, Any]:
        transactionId = payload["transactionId"]
        with self._lock:
            if self._open.get(name) == transactionId:
                del self._open[name]
                self._stopped[name] = transactionId
                self._meters[name] = payload["meterStop"]
            elif self._stopped.get(name) == transactionId:
                self.repeated += 1
            else:
                self.wrong.append(f"{name}: a stop of {transactionId}, which is not open")
        return {"idTagInfo": {"status": "Accepted"}}

    def left_open(self) -> list[str]:
        return [f"{name}: {number} was never stopped" for name, number in self._open.items()]


@dataclass
class Outcome:
    """before, after, closed: threads, sockets and memory (bytes) of the charge points' process;
    memory before is that after a quarter of the time."""

    before: dict[str, Any]
    after: dict[str, Any]
    closed: dict[str, Any]
    struck: dict[str, int]
    transactions: int
    repeated: int
    wrong: list[str]
    requests: int
    log: str
    status: int | None
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        grown = self.after["memory"] - self.before["memory"]
        allowed = max(ALLOWED[0], ALLOWED[1] * self.before["memory"])
        checks = {
            f"lost: {self.after['failed'][:5]}": self.after["failed"],
            f"{self.after['queued']} messages are left in queues": self.after["queued"],
            f"no answer at the end: {self.after['deaf'][:5]}": self.after["deaf"],
            f"threads: {self.before['threads']} became {self.after['threads']}": (
                self.after["threads"] > self.before["threads"]
            ),
            f"sockets: {self.before['sockets']} became {self.after['sockets']}": (
                self.after["sockets"] > self.before["sockets"]
            ),
            f"memory grew by {grown / 1e6:.0f} MB": grown > allowed,
            f"threads after closing: {self.closed['left'][:10]}": self.closed["left"],
            f"{self.closed['sockets']} sockets after closing": self.closed["sockets"],
            f"transactions: {self.wrong[:5]}": self.wrong,
            f"exceptions: {self.log[-3000:]}": "Traceback" in self.log,
            f"the process ended with {self.status}": self.status != 0,
        }
        self.faults = [text for text, wrong in checks.items() if wrong]


def soak(count: int, seconds: float, *, mean: float, seed: int) -> Outcome:
    """`count` charge points for `seconds`; mean: of the life of a connection, s."""
    books = Books()
    log: list[str] = []
    with CentralSystem(record=100) as csms, Weather(csms.port, seed=seed, mean=mean) as weather:
        csms.answer("StartTransaction", books.start)
        csms.answer("StopTransaction", books.stop)
        url = f"ws://127.0.0.1:{weather.port}"
        command = "-q", "--allow-violations", SCRIPT, count, url
        with start(*command, stdin=subprocess.PIPE) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            reader = threading.Thread(target=lambda: log.extend(process.stderr or ()), name="log")
            reader.start()

            def tell() -> Any:
                line = process.stdout.readline() if process.stdout else ""
                if not line:
                    reader.join(10)
                    raise EOFError(f"the charge points ended: {''.join(log)[-3000:]}")
                return json.loads(line)

            before = tell()
            weather.turn()
            # what a charge point remembers has to fill up first
            chance = random.Random(seed)
            requests = _ask_around(csms, seconds / 4, chance)
            print("look", file=process.stdin, flush=True)
            before["memory"] = tell()["memory"]
            requests += _ask_around(csms, seconds * 3 / 4, chance)
            weather.clear_up()
            print("rest", file=process.stdin, flush=True)
            after = tell()
            print("end", file=process.stdin, flush=True)
            closed = tell()
            status = process.wait(60)
            reader.join(60)
    return Outcome(
        before,
        after,
        closed,
        dict(weather.struck),
        books.transactions,
        books.repeated,
        books.wrong + books.left_open(),
        requests,
        "".join(log),
        status,
    )


def _ask_around(csms: CentralSystem, seconds: float, chance: random.Random) -> int:
    """Requests to charge points at random; how many were answered."""
    answered = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if names := csms.charge_points:
            with contextlib.suppress(OcppsimError):
                csms.call(chance.choice(names), "ClearCache", timeout=1)
                answered += 1
        time.sleep(0.01)
    return answered


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--charge-points", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--mean", type=float, default=10, help="seconds that a connection lives")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    print(
        f"{options.charge_points} charge points, {options.minutes:g} minutes, seed {options.seed}"
    )
    outcome = soak(
        options.charge_points, options.minutes * 60, mean=options.mean, seed=options.seed
    )
    print("faults: " + ", ".join(f"{n} {fault}" for fault, n in sorted(outcome.struck.items())))
    print(f"{outcome.transactions} transactions, {outcome.repeated} messages repeated")
    print(f"{outcome.requests} requests of the CSMS answered")
    for name in ("threads", "sockets", "memory"):
        was, now = outcome.before[name], outcome.after[name]
        unit = 1e6 if name == "memory" else 1
        print(f"{name}: {was / unit:.0f} at first, {now / unit:.0f} at the end")
    for fault in outcome.faults:
        print(f"WRONG: {fault}")
    return bool(outcome.faults)


if __name__ == "__main__":
    sys.exit(main())
