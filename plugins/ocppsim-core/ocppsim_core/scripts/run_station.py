"""What ``ocppsim --station`` runs: a station until Ctrl-C, a line for each change of state."""

from __future__ import annotations

import argparse
import itertools

from ocppsim_core import Session, Station, Vehicle

from ocppsim import ChargePoint, connect, timestamp

# s of the station's time that a car of --demo charges, and until the next one comes
CHARGES, PAUSES = 300.0, 60.0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--url")
    parser.add_argument("--connectors", type=int)
    parser.add_argument("--id-tag")
    parser.add_argument("--speed", type=float)
    parser.add_argument("--demo", action="store_true")
    options = parser.parse_args()
    with connect(options.url) as cp:
        try:
            run(cp, options)
        except KeyboardInterrupt:
            print("stopped", flush=True)


def run(cp: ChargePoint, options: argparse.Namespace) -> None:
    """Until Ctrl-C."""
    station = Station(cp, options.connectors, Vehicle(), speed=options.speed)

    def say(text: str) -> None:
        moment = timestamp(station.clock.now(), timespec="seconds")
        print(f"{moment} {text}", flush=True)

    def started(session: Session) -> None:
        say(f"connector {session.connectorId}: a transaction begins, {session.idTag}")

    def stopped(session: Session, reason: str) -> None:
        energy = session.meter - session.meterStart
        say(f"connector {session.connectorId}: it ends, {reason}, {energy} Wh")

    station.on_status(lambda number, status: say(f"{whose(number)} {status}"))
    station.on_start(started)
    station.on_stop(stopped)
    print(f"{cp.name} at {cp.url}; Ctrl-C ends it", flush=True)
    station.power_on(timeout=1e6)
    if options.demo:
        demo(cp, station, options.id_tag)
    while True:
        cp.sleep(3600)


def whose(number: int) -> str:
    return f"connector {number}:" if number else "station:"


def demo(cp: ChargePoint, station: Station, idTag: str) -> None:
    """Cars come, one after the other, to each connector in turn."""
    speed = getattr(station.clock, "speed", 1.0)
    for number in itertools.cycle(station.connectors):
        if station.status(number) == "Available":
            station.plug_in(number, vehicle=Vehicle(soc=0.3))
            cp.sleep(2.0 / speed)
            if station.present_id_tag(idTag, number) == "Accepted":
                cp.sleep(CHARGES / speed)
                if station.session(number) is not None:
                    station.present_id_tag(idTag, number)
            station.unplug(number)
        cp.sleep(PAUSES / speed)


if __name__ == "__main__":
    main()
