"""How the API answers while a thousand frames a second pass: part of ``make bench``.

Ten charge points of one server run scripts that send Heartbeats at an even pace, to a CSMS in
another process; a client reads all events; another one asks the API all the time. ``--seconds``
makes it shorter, ``--frames`` changes the pace.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CHARGE_POINTS = 10
PAUSE = 0.05  # s between two questions
SCRIPT = """
import time
begun = time.monotonic()
due = begun
while due < begun + {seconds}:
    cp.call("Heartbeat")
    due += {period}
    cp.sleep(max(0.0, due - time.monotonic()))
"""
QUESTIONS = (
    ("GET", "/cp"),
    ("GET", "/cp/CP1"),
    ("GET", "/cp/CP1/messages?limit=100"),
    ("POST", "/cp/CP0/call/Heartbeat"),
)


@dataclass
class Figures:
    """frames: that passed, over `seconds`. events: of frames, that a client got. latencies: s, by
    question. scripts: how those ended that failed."""

    frames: int = 0
    seconds: float = 0.0
    events: int = 0
    latencies: dict[str, list[float]] = field(default_factory=dict)
    scripts: list[str] = field(default_factory=list)

    def table(self) -> str:
        rate = self.frames / self.seconds
        rows = [f"{rate:,.0f} frames a second for {self.seconds:.0f} s; {self.events:,} events"]
        rows += ["", "| asked meanwhile | times | median (ms) | p95 (ms) | longest (ms) |"]
        rows.append("| --- | --: | --: | --: | --: |")
        for question, taken in self.latencies.items():
            ms = sorted(1000 * seconds for seconds in taken)
            shown = f"{statistics.median(ms):.1f} | {p95(ms):.1f} | {ms[-1]:.1f}"
            rows.append(f"| {question} | {len(ms)} | {shown} |")
        return "\n".join(rows)


def p95(values: list[float]) -> float:
    return sorted(values)[int(0.95 * (len(values) - 1))]


def ask(port: int, method: str, path: str, body: Any = None) -> Any:
    media = "text/x-python" if isinstance(body, str) else "application/json"
    data = body if body is None or isinstance(body, str) else json.dumps(body)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    with closing(connection):
        headers = {} if data is None else {"Content-Type": media}
        connection.request(method, path, data, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {text}")
        return json.loads(text)


@contextmanager
def started(*command: str) -> Iterator[str]:
    """A process; the first line that it prints."""
    env = {**os.environ, "PYTHONPATH": str(HERE.parents[1]), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [sys.executable, *command], stdout=subprocess.PIPE, text=True, env=env
    ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
            process.wait()


class Listening(threading.Thread):
    """A client that reads all events, and counts those of frames."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.count = 0
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self._connection.request("GET", "/events")
        self._response = self._connection.getresponse()
        self._response.read1(65536)

    def run(self) -> None:
        rest = ""
        try:
            while data := self._response.read1(1 << 20):
                *blocks, rest = (rest + data.decode(errors="replace")).split("\n\n")
                self.count += sum("event: frame" in block for block in blocks)
        except (OSError, ValueError, http.client.HTTPException):
            pass  # the server is gone


def measure(seconds: float, frames: float) -> Figures:
    """`frames` a second for so many seconds."""
    figures = Figures()
    with ExitStack() as stack:
        csms = stack.enter_context(started(str(HERE / "server.py")))
        line = stack.enter_context(started("-m", "ocppsim", "-q", "--port", "0"))
        match = re.search(r":(\d+)/", line)
        assert match is not None, line
        port = int(match[1])
        for number in range(CHARGE_POINTS + 1):
            new = {"name": f"CP{number}", "url": f"ws://127.0.0.1:{csms}"}
            ask(port, "POST", "/cp", new)
        listening = Listening(port)
        listening.start()
        script = SCRIPT.format(seconds=seconds, period=2 * CHARGE_POINTS / frames)

        def run(number: int) -> None:
            try:
                ask(port, "POST", f"/cp/CP{number}", script)
            except (OSError, RuntimeError) as error:
                figures.scripts.append(str(error))

        numbers = range(1, CHARGE_POINTS + 1)
        threads = [threading.Thread(target=run, args=(n,), daemon=True) for n in numbers]
        begun = time.monotonic()
        for thread in threads:
            thread.start()
        asked = 0
        while any(thread.is_alive() for thread in threads):
            method, path = QUESTIONS[asked % len(QUESTIONS)]
            asked += 1
            before = time.monotonic()
            ask(port, method, path)
            figures.latencies.setdefault(f"{method} {path}", []).append(time.monotonic() - before)
            time.sleep(PAUSE)
        figures.seconds = time.monotonic() - begun
        for number in range(CHARGE_POINTS + 1):
            figures.frames += ask(port, "GET", f"/cp/CP{number}")["messages"]
        deadline = time.monotonic() + 10
        while listening.count < figures.frames and time.monotonic() < deadline:
            time.sleep(0.05)
        figures.events = listening.count
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--frames", type=float, default=1000.0, help="a second")
    options = parser.parse_args()
    figures = measure(options.seconds, options.frames)
    print(figures.table(), flush=True)
    if figures.scripts:
        raise SystemExit("\n".join(figures.scripts))


if __name__ == "__main__":
    main()
