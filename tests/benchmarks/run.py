"""Side by side, in interleaved rounds, against one server process: ``make bench``.

Prints medians over the rounds. ``--rounds``, ``--calls``, ``--charge-points`` make it shorter.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
KINDS = ("Heartbeat", "MeterValues-1", "MeterValues-20")


def client(*arguments: object) -> Any:
    command = [sys.executable, str(HERE / "clients.py"), *map(str, arguments)]
    env = {**os.environ, "PYTHONPATH": str(HERE.parents[1])}
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=env)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    return json.loads(done.stdout)


def calls(url: str, rounds: int, count: int) -> list[str]:
    rows = [
        "| calls a second | ocppsim | mobilityhouse | floor | × mobilityhouse | × floor's time |"
    ]
    rows.append("| --- | --: | --: | --: | --: | --: |")
    for kind in KINDS:
        taken: dict[str, list[float]] = {"ocppsim": [], "mobilityhouse": [], "floor": []}
        for _ in range(rounds):
            for name, seconds in taken.items():
                seconds.append(client(name, url, "calls", kind, count) / count)
        ours, theirs, floor = (statistics.median(taken[name]) for name in taken)
        rates = f"{1 / ours:,.0f} | {1 / theirs:,.0f} | {1 / floor:,.0f}"
        rows.append(f"| {kind} | {rates} | {theirs / ours:.2f} | {ours / floor:.2f} |")
    return rows


def boots(url: str, rounds: int, count: int) -> list[str]:
    rows = [f"| {count:,} charge points | connect and boot (s) | process (MB) | each (KB) |"]
    rows.append("| --- | --: | --: | --: |")
    medians = {}
    taken: dict[str, list[list[float]]] = {"ocppsim": [], "mobilityhouse": []}
    for _ in range(rounds):
        for name, results in taken.items():
            results.append(client(name, url, "boot", count))
    for name, results in taken.items():
        seconds = medians[name] = statistics.median(result[0] for result in results)
        full = statistics.median(result[2] for result in results)
        each = statistics.median((result[2] - result[1]) / count for result in results)
        rows.append(f"| {name} | {seconds:.2f} | {full / 1e6:.0f} | {each / 1000:.1f} |")
    ratio = medians["mobilityhouse"] / medians["ocppsim"]
    rows.append(f"| ratio | {ratio:.2f} | | |")
    return rows


def imports(rounds: int) -> list[str]:
    taken = []
    for _ in range(rounds):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        bare = time.perf_counter() - started
        started = time.perf_counter()
        env = {**os.environ, "PYTHONPATH": str(HERE.parents[1])}
        subprocess.run([sys.executable, "-c", "import ocppsim"], check=True, env=env)
        taken.append(time.perf_counter() - started - bare)
    return [f"`import ocppsim`: {statistics.median(taken) * 1000:.0f} ms"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--charge-points", type=int, default=1000)
    options = parser.parse_args()
    server = subprocess.Popen(
        [sys.executable, str(HERE / "server.py")], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        url = f"ws://127.0.0.1:{server.stdout.readline().strip()}"
        for table in (
            calls(url, options.rounds, options.calls),
            boots(url, max(3, options.rounds // 2), options.charge_points),
            imports(options.rounds),
        ):
            print("\n".join(table), end="\n\n", flush=True)
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
