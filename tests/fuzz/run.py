"""Sends a charge point in a process of its own any number of mad messages, on one connection, and
counts what comes back. ``make fuzz``."""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from command import start
from fuzz.messages import Message, messages
from raw_server import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Frame,
    RawPeer,
    RawServer,
    frame,
)

__all__ = ["Outcome", "fuzz"]

SCRIPT = Path(__file__).parent / "charge_point.py"
# how many may be on their way without an answer: else this side, not the charge point, is tested
WINDOW = 200
# s
PATIENCE = 60.0


@dataclass
class Outcome:
    """sent: messages. calls: those of them that need an answer. unanswered, surplus: ids.

    memory: bytes, after a fifth of the messages and at the end. log: what the charge point wrote.
    """

    sent: int
    calls: int
    unanswered: list[str]
    surplus: list[str]
    memory: tuple[int, int]
    threads: list[str]
    heartbeats: int
    log: str
    status: int | None
    seconds: float

    def faults(self) -> list[str]:
        """What must not be, in words."""
        grown = self.memory[1] - self.memory[0]
        readers = sum("reader" in name for name in self.threads)
        return [
            text
            for text, wrong in {
                f"not answered: {self.unanswered[:5]!r:.500}": self.unanswered,
                f"answered too often: {self.surplus[:5]!r:.500}": self.surplus,
                f"memory grew by {grown / 1e6:.1f} MB": grown > 20e6,
                f"{readers} reader threads": readers != 1,
                f"threads are left: {Counter(self.threads)}": len(self.threads) > 4,
                "no proper call at the end": self.heartbeats < 1,
                f"exceptions: {self.log[:2000]}": "Traceback" in self.log,
                f"the process ended with {self.status}": self.status != 0,
            }.items()
            if wrong
        ]


class _Csms:
    """The other end of the one connection: sends, answers heartbeats, and counts answers."""

    def __init__(self, peer: RawPeer) -> None:
        self._peer = peer
        peer.sock.settimeout(2 * PATIENCE)
        self._sending = threading.Lock()
        self._changed = threading.Condition()
        self.answers: Counter[str] = Counter()
        self.payloads: dict[str, Any] = {}
        self.heartbeats = self.asked = 0
        self._waiting: set[str] = set()
        self._ended = False
        self._reader = threading.Thread(target=self._read, name="fuzz reader")
        self._reader.start()

    def send(self, data: bytes) -> None:
        with self._sending:
            self._peer.send(data)

    def send_message(self, message: Message) -> None:
        """Waits while too many are on their way."""
        if message.answers == 1 and message.unique_id is not None:
            with self._changed:
                self._changed.wait_for(lambda: len(self._waiting) < WINDOW or self._ended, PATIENCE)
                self._waiting.add(message.unique_id)
        data = (
            message.data.encode(errors="surrogatepass")
            if isinstance(message.data, str)
            else message.data
        )
        opcode = TEXT if message.text else BINARY
        half = len(data) // 2
        if half % 7 == 1:  # some in fragments, with a ping between
            self.send(
                frame(opcode, data[:half], fin=False)
                + frame(PING, b"fuzz")
                + frame(CONTINUATION, data[half:])
            )
        else:
            self.send(frame(opcode, data))

    def ask(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """The payload of the answer to a proper request. Raises TimeoutError.

        A slow machine may have its hands full with those before, and refuse it: then once more.
        """
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self.asked += 1
            unique_id = f"ask-{self.asked}"
            self.send(frame(TEXT, json.dumps([2, unique_id, action, payload]).encode()))
            self.wait(lambda unique_id=unique_id: unique_id in self.payloads)  # type: ignore[misc]
            answer = self.payloads[unique_id]
            if isinstance(answer, dict):
                return answer
        raise TimeoutError(f"the charge point refuses a proper request: {answer}")

    def tell(self) -> dict[str, Any]:
        """What the charge point tells of itself: memory, threads."""
        told: dict[str, Any] = json.loads(self.ask("DataTransfer", {"vendorId": "fuzz"})["data"])
        return told

    def wait(self, what: Any) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: what() or self._ended, PATIENCE) or not what():
                raise TimeoutError("the charge point did not answer")

    def settled(self) -> bool:
        """Whether every answer came in time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting or self._ended, PATIENCE / 4)

    def close(self) -> None:
        self.send(frame(CLOSE, b"\x03\xe8"))
        self._reader.join(PATIENCE)

    def _read(self) -> None:
        try:
            while (came := self._peer.next()).opcode != CLOSE:
                if came.opcode != PONG:
                    self._take(came)
        except (OSError, EOFError):
            pass
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _take(self, came: Frame) -> None:
        array = json.loads(came.payload)
        if array[0] == 2:
            self.send(
                frame(
                    TEXT,
                    json.dumps([3, array[1], {"currentTime": "2026-01-31T12:00:00Z"}]).encode(),
                )
            )
        with self._changed:
            if array[0] == 2:
                self.heartbeats += 1
            else:
                self.answers[array[1]] += 1
                self._waiting.discard(array[1])
                if str(array[1]).startswith("ask-"):
                    self.payloads[array[1]] = array[2]
            self._changed.notify_all()


def fuzz(count: int, seed: int) -> Outcome:
    """Raises TimeoutError where the charge point is deaf."""
    began = time.monotonic()
    must: Counter[str] = Counter()
    unclear: set[str] = set()
    with (
        RawServer() as server,
        start("-q", "--allow-violations", "--url", server.url, SCRIPT) as process,
    ):
        log: list[str] = []
        assert process.stderr is not None
        writer = threading.Thread(target=lambda: log.extend(process.stderr or ()), name="fuzz log")
        writer.start()
        csms = _Csms(server.peer())
        first = 0
        for number, message in enumerate(messages(seed, count)):
            if number == count // 5:
                first = csms.tell()["memory"]
            csms.send_message(message)
            if message.answers == 1:
                must[str(message.unique_id)] += 1
            elif message.unique_id is not None:
                unclear.add(message.unique_id)
        csms.settled()
        beats = csms.heartbeats
        csms.ask("TriggerMessage", {"requestedMessage": "Heartbeat"})
        csms.wait(lambda: csms.heartbeats > beats)
        # handlers that wait for the answer to their heartbeat end by and by
        deadline = time.monotonic() + PATIENCE
        told: dict[str, Any] = {}
        while not told or (len(told["threads"]) > 4 and time.monotonic() < deadline):
            told = csms.tell()
        csms.close()
        status = process.wait(PATIENCE)
        writer.join(PATIENCE)
    for number in range(1, csms.asked + 1):
        must[f"ask-{number}"] += 1
    return Outcome(
        sent=count,
        calls=must.total() - csms.asked,
        unanswered=[unique_id for unique_id in must if csms.answers[unique_id] < must[unique_id]],
        surplus=[
            unique_id
            for unique_id, times in csms.answers.items()
            # an id that could be read of broken JSON is the start of what follows it there
            if times > must[unique_id] and not any(text.startswith(unique_id) for text in unclear)
        ],
        memory=(first, told["memory"]),
        threads=told["threads"],
        heartbeats=csms.heartbeats - beats,
        log="".join(log),
        status=status,
        seconds=time.monotonic() - began,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    print(f"{options.count} messages, seed {options.seed}", flush=True)
    outcome = fuzz(options.count, options.seed)
    print(f"{outcome.calls} of them need an answer; {outcome.seconds:.0f} s")
    print(
        "memory {:.1f} MB after a fifth, {:.1f} MB at the end".format(
            *(m / 1e6 for m in outcome.memory)
        )
    )
    for fault in outcome.faults():
        print(f"WRONG: {fault}")
    return bool(outcome.faults())


if __name__ == "__main__":
    sys.exit(main())
