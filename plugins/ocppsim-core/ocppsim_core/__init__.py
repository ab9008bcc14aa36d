"""An ocppsim plugin: a station that lives on a charge point (OCPP 1.6, core profile).

::

    from ocppsim import connect
    from ocppsim_core import Station, Vehicle

    with connect("ws://localhost:9000/CP1") as cp:
        station = Station(cp, connectors=2, vehicle=Vehicle(battery_kwh=77, soc=0.2))
        station.power_on()
        station.plug_in(1)
        station.present_id_tag("04E8C2A2", connector=1)
        station.wait_for(1, "Charging")
        station.unplug(1)
"""

from .clock import ManualClock, StationClock
from .connector import Fault
from .grid import Grid
from .meter import Limit
from .station import Session, Station, find, on_station
from .vehicle import Vehicle

__all__ = [
    "Fault",
    "Grid",
    "Limit",
    "ManualClock",
    "Session",
    "Station",
    "StationClock",
    "Vehicle",
    "find",
    "on_station",
]
