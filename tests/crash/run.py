"""Kills a charge point at random moments, the line and the CSMS with it, and holds the CSMS's own
record to what the script knows.

    python tests/crash/run.py [--kills KILLS] [--seed SEED]

SIGKILL ends a process, not the system: what the kernel has taken is not lost by it. That a commit
waits for the disk is another test (tests/test_store.py).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import groupby
from pathlib import Path
from typing import Any

__all__ = ["Counts", "run"]

HERE = Path(__file__).parent
PATIENCE = 60.0


@dataclass
class Counts:
    """What was seen; `str` is a line for people."""

    kills_of_the_charge_point: int = 0
    kills_of_the_line: int = 0
    kills_of_the_csms: int = 0
    transactions: int = 0
    messages: int = 0
    sent_again_as_no_answer_was_seen: int = 0
    lost: int = 0
    doubled: int = 0
    energy: int = 0

    def __str__(self) -> str:
        names = (field.name for field in fields(self))
        return ", ".join(f"{name.replace('_', ' ')}: {getattr(self, name)}" for name in names)


class Child:
    """A process, over and over."""

    def __init__(self, script: str, *arguments: object) -> None:
        self._command = [sys.executable, str(HERE / script), *map(str, arguments)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        path = os.pathsep.join([str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")])
        environment = {**os.environ, "PYTHONPATH": path, "OCPPSIM_QUIET": "1"}
        self._process = subprocess.Popen(self._command, env=environment)

    def kill(self) -> None:
        """SIGKILL, at once."""
        assert self._process is not None
        assert self._process.poll() is None, f"{self._command} has ended by itself"
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def to_its_end(self) -> None:
        self.start()
        assert self._process is not None
        try:
            status = self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            # its threads go to standard error
            self._process.send_signal(signal.SIGABRT)
            status = self._process.wait(PATIENCE)
        assert status == 0, f"the last charge point ended with {status}"


def run(kills: int, seed: int, folder: Path) -> Counts:
    """Raises AssertionError where a message is missing, too many, or out of order."""
    chance = random.Random(seed)
    front, back = _free_port(), _free_port()
    record, journal = folder / "record", folder / "journal"
    journal.touch()
    central = Child("central.py", back, record)
    line = Child("link.py", front, back)
    arguments = ("station.py", f"ws://127.0.0.1:{front}/CP1", folder / "state", journal)
    station, last = Child(*arguments, "on"), Child(*arguments, "end")
    counts = Counts()
    try:
        central.start()
        line.start()
        for _ in range(kills):
            station.start()
            if chance.random() < 0.85:  # else in the middle of its start
                _wait_for_more(journal)
            for child, delay in _moments(chance, central, line, station):
                time.sleep(delay)
                child.kill()
                if child is station:
                    counts.kills_of_the_charge_point += 1
                    continue
                if child is line:
                    counts.kills_of_the_line += 1
                else:
                    counts.kills_of_the_csms += 1
                time.sleep(chance.uniform(0, 0.1))
                child.start()
        last.to_its_end()
    finally:
        for child in (station, last, line, central):
            child.end()
    _judge(list(_entries(record)), list(_entries(journal)), counts)
    return counts


def _moments(
    chance: random.Random, central: Child, line: Child, station: Child
) -> Iterator[tuple[Child, float]]:
    """Who is killed next, and after how long."""
    others = [one for one in (central, line) if chance.random() < 0.33]
    chance.shuffle(others)
    for other in others:
        yield other, chance.uniform(0, 0.15)
    yield station, chance.uniform(0, 0.25)


def _judge(record: list[Any], journal: list[Any], counts: Counts) -> None:
    known: dict[str, dict[int, float]] = defaultdict(dict)
    for entry in journal:
        known[entry["what"]].setdefault(entry["number"], entry["time"])
    assert not known["failed"], "given up, though the CSMS fails nothing"

    came = [(_number(entry), entry) for entry in record]
    once = []
    for number, same in groupby(came, key=lambda pair: pair[0]):
        entries = [entry for _, entry in same]
        first = entries[0]
        once.append((number, first))
        counts.sent_again_as_no_answer_was_seen += len(entries) - 1
        for again in entries[1:]:
            assert again["uniqueId"] == first["uniqueId"], f"{number} came under two ids"
            assert again["payload"] == first["payload"], f"{number} came with two payloads"
            seen = known["answered"].get(number)
            if seen is not None and again["time"] > seen:
                counts.doubled += 1
    numbers = [number for number, _ in once]
    counts.messages = len(numbers)
    counts.lost = len(set(known["in"]) - set(numbers))
    counts.doubled += len(numbers) - len(set(numbers))
    assert not counts.lost, f"lost: {sorted(set(known['in']) - set(numbers))}"
    assert not counts.doubled, "sent again after its answer was seen, or between others"
    assert numbers == sorted(numbers), "out of order"
    assert set(numbers) <= set(known["put"])
    _judge_transactions([entry for _, entry in once], counts)
    assert list(known["meter"]) == [counts.energy], "energy is missing"


def _judge_transactions(record: list[Any], counts: Counts) -> None:
    """One after the other: a start, meter values that go up, a stop; and the next goes on there."""
    meter, transaction = 0, None
    for entry in record:
        payload = entry["payload"]
        if entry["action"] == "StartTransaction":
            assert transaction is None, f"a start while {transaction} runs"
            assert payload["meterStart"] == meter, "energy is missing between two transactions"
            transaction = entry["transactionId"]
            continue
        assert payload["transactionId"] == transaction, f"{payload} while {transaction} runs"
        if entry["action"] == "StopTransaction":
            value, transaction = payload["meterStop"], None
            counts.transactions += 1
        else:
            value = int(payload["meterValue"][0]["sampledValue"][0]["value"])
        assert value > meter, "the meter goes up with each message"
        meter = value
    assert transaction is None, f"{transaction} has no end"
    counts.energy = meter


def _number(entry: Any) -> int:
    payload = entry["payload"]
    if "idTag" in payload:
        return int(payload["idTag"])
    return int(payload["meterValue"][0]["sampledValue"][1]["value"])


def _entries(file: Path) -> Iterator[Any]:
    for line in file.read_text().splitlines():
        yield json.loads(line)


def _wait_for_more(journal: Path) -> None:
    size = journal.stat().st_size
    deadline = time.monotonic() + PATIENCE
    while journal.stat().st_size == size:
        assert time.monotonic() < deadline, "the charge point does nothing"
        time.sleep(0.002)


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    options = parser.parse_args()
    print(f"killing a charge point {options.kills} times, seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        try:
            print(run(options.kills, options.seed, Path(folder)))
        except AssertionError:
            kept = Path(tempfile.mkdtemp(prefix="ocppsim-crash-"))
            for file in ("record", "journal"):
                (kept / file).write_bytes((Path(folder) / file).read_bytes())
            print(f"what was seen is in {kept}", file=sys.stderr)
            raise


if __name__ == "__main__":
    main()
