"""What ``ocppsim --station`` runs: a station until Ctrl-C, a line for each change of state."""

from __future__ import annotations

import argparse
import itertools

from ocppsim_core import Session, Station, Vehicle

from ocppsim import connect

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
        station = Station(cp, options.connectors, Vehicle(), speed=options.speed)
        try:
            run(station, options)
        except KeyboardInterrupt:
            # in good order: what is under way is stopped, and that is told
            station.power_off(battery=True)
            print("stopped", flush=True)


def run(station: Station, options: argparse.Namespace) -> None:
    """Until Ctrl-C."""
    cp = station.cp

    def say(text: str) -> None:
        moment = station.clock.now().astimezone()
        print(f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03} {text}", flush=True)

    def started(session: Session) -> None:
        say(f"connector {session.connectorId}: {session.idTag} begins to charge")

    def stopped(session: Session, reason: str) -> None:
        energy = session.meter - session.meterStart
        say(f"connector {session.connectorId}: {energy} Wh, ended: {reason}")

    station.on_status(lambda number, status: say(f"{whose(number)} {status}"))
    station.on_start(started)
    station.on_stop(stopped)
    print(f"{cp.name} at {cp.url}; Ctrl-C ends it", flush=True)
    station.power_on(timeout=1e6)
    if options.demo:
        demo(station, options.id_tag)
    while True:
        cp.sleep(3600)


def whose(number: int) -> str:
    return f"connector {number}:" if number else "station:"


def demo(station: Station, idTag: str) -> None:
    """Cars come, one after the other, to each connector in turn."""
    cp = station.cp
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
