"""The plugin beside others, as they are installed together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import ocppsim_core.plugin
import pytest
from ocppsim_core import Station, on_station

from ocppsim import Plugins, Request, connect, hookimpl
from ocppsim.csms import CentralSystem

if TYPE_CHECKING:
    from conftest import World

REMOTE_TRIGGER = Path(__file__).parents[2] / "ocppsim-remote-trigger"


def trigger(csms: CentralSystem, message: str, **more: Any) -> str:
    return str(csms.call("CP1", "TriggerMessage", {"requestedMessage": message, **more})["status"])


@pytest.mark.parametrize("core_first", [True, False])
def test_beside_the_plugin_that_repeats_messages(csms: CentralSystem, core_first: bool) -> None:
    plugins = Plugins()
    if core_first:
        plugins.register(ocppsim_core.plugin, "core")
    plugins.load_folder(REMOTE_TRIGGER)
    if not core_first:
        plugins.register(ocppsim_core.plugin, "core")
    assert plugins.problems == []
    with connect(f"{csms.url}/CP1", plugins=plugins) as cp:
        station = Station(cp)
        station.power_on()
        # the station measures now, and has sent none before
        assert trigger(csms, "MeterValues", connectorId=1) == "Accepted"
        values = csms.wait_for("MeterValues").payload["meterValue"][0]["sampledValue"]
        assert values[0]["context"] == "Trigger"
        # what the station does not know is for the other one
        assert trigger(csms, "FirmwareStatusNotification") == "Rejected"
        cp.call("FirmwareStatusNotification", {"status": "Downloading"})
        assert trigger(csms, "FirmwareStatusNotification") == "Accepted"
        cp.wait_for_handlers()


def test_another_plugin_may_come_first(csms: CentralSystem) -> None:
    class NoReset:
        @hookimpl(tryfirst=True)
        def ocpp16_reset(self, request: Request) -> dict[str, str]:
            return {"status": "Rejected"}

    plugins = Plugins()
    plugins.register(NoReset())
    plugins.register(ocppsim_core.plugin, "core")
    with connect(f"{csms.url}/CP1", plugins=plugins) as cp:
        Station(cp).power_on()
        assert csms.call("CP1", "Reset", {"type": "Soft"}) == {"status": "Rejected"}
        assert csms.call("CP1", "ClearCache") == {"status": "Accepted"}


def test_its_hooks() -> None:
    plugins = Plugins()
    plugins.register(ocppsim_core.plugin, "core")
    (info,) = plugins
    for hook in ("ocpp16_reset", "ocppsim_trigger", "ocppsim_closed", "ocppsim_script"):
        assert hook in info.hooks
    assert "ocpp16_reserve_now" in info.hooks  # to keep silent while it is rejected


def test_who_waits_for_a_station(world: World) -> None:
    seen: list[Station] = []

    def fails(station: Station) -> None:
        raise RuntimeError("no")

    on_station(world.cp, fails)
    on_station(world.cp, seen.append)
    station = world.station(on=False)
    assert seen == [station]
    on_station(world.cp, seen.append)
    assert seen == [station, station]
