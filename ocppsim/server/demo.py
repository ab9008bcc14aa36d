"""What ``ocppsim --demo`` shows: a CSMS in this process, and a charge point that is connected."""

from __future__ import annotations

import logging

from ..connect import embedded_csms
from .fleet import Fleet
from .refusal import Refusal
from .stations import make_station

__all__ = ["start_demo"]

_log = logging.getLogger("ocppsim.server")


def start_demo(fleet: Fleet) -> None:
    """CP1, with a station of two connectors, a minute of which is a second, if the core plugin is
    in; else it boots once. Raises as `ocppsim.connect`."""
    cp = fleet.create("CP1", f"{embedded_csms().url}/CP1").connect()
    try:
        station = make_station(cp, {"connectors": 2, "speed": 60})
    except Refusal as error:
        _log.info("without a station: %s; %s", error.what, error.hint)
        boot = cp.call(
            "BootNotification", {"chargePointVendor": "ocppsim", "chargePointModel": "demo"}
        )
        cp.start_heartbeat(boot["interval"])
        return
    station.power_on()
