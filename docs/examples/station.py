"""A charge point that lives: a driver comes, charges, and leaves; then the connection breaks.

pip install ./plugins/ocppsim-core
ocppsim -v docs/examples/station.py                               # embedded CSMS
ocppsim -v --url ws://localhost:9000/CP1 docs/examples/station.py
"""

from ocppsim_core import Station, Vehicle

from ocppsim import connect

with connect(response_timeout=5) as cp:
    # its time runs 100 times as fast as ours
    station = Station(cp, connectors=2, vehicle=Vehicle(battery_kwh=77, soc=0.2), speed=100)
    station.on_status(lambda connector, status: print(connector, status))
    station.power_on()

    # cable first, then the card
    station.plug_in(1)
    print("the reader shows", station.present_id_tag("04E8C2A2", connector=1))
    station.wait_for(1, "Charging")
    values = cp.wait_for_frame("MeterValues", type="CALLRESULT", after=0)

    # a second driver, whose card comes first
    station.present_id_tag("04A1B2C3", connector=2)
    station.plug_in(2, vehicle=Vehicle(battery_kwh=22, soc=0.6, phases=1, max_current_a=32))
    station.wait_for(2, "Charging")

    # the network fails; they go on, and the CSMS hears of it later
    cp.abort()
    station.unplug(1)
    station.wait_for(1, "Available")
    cp.reconnect()
    stop = cp.wait_for_frame("StopTransaction", type="CALL", after=values)
    print("stopped:", stop.payload["reason"], stop.payload["meterStop"], "Wh")

    station.present_id_tag("04A1B2C3", connector=2)
    station.unplug(2)
    station.wait_for(2, "Available")
    station.wait_until_told()
