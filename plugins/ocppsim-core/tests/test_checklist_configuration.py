"""Configuration: rows of the checklist by their ids, and what each key does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ocppsim_core.keys import CORE_KEYS, KEPT_BY_THE_ENGINE, MEASURAND_LISTS, add_keys

from ocppsim import CallError, timestamp
from ocppsim.configuration import Configuration

if TYPE_CHECKING:
    from conftest import World

# OCPP 1.6 §9.1, and whether ChangeConfiguration may set it
KEYS = {
    "AllowOfflineTxForUnknownId": "RW",
    "AuthorizationCacheEnabled": "RW",
    "AuthorizeRemoteTxRequests": "RW",
    "BlinkRepeat": "RW",
    "ClockAlignedDataInterval": "RW",
    "ConnectionTimeOut": "RW",
    "ConnectorPhaseRotation": "RW",
    "ConnectorPhaseRotationMaxLength": "R",
    "GetConfigurationMaxKeys": "R",
    "HeartbeatInterval": "RW",
    "LightIntensity": "RW",
    "LocalAuthorizeOffline": "RW",
    "LocalPreAuthorize": "RW",
    "MaxEnergyOnInvalidId": "RW",
    "MeterValueSampleInterval": "RW",
    "MeterValuesAlignedData": "RW",
    "MeterValuesAlignedDataMaxLength": "R",
    "MeterValuesSampledData": "RW",
    "MeterValuesSampledDataMaxLength": "R",
    "MinimumStatusDuration": "RW",
    "NumberOfConnectors": "R",
    "ResetRetries": "RW",
    "StopTransactionOnEVSideDisconnect": "RW",
    "StopTransactionOnInvalidId": "RW",
    "StopTxnAlignedData": "RW",
    "StopTxnAlignedDataMaxLength": "R",
    "StopTxnSampledData": "RW",
    "StopTxnSampledDataMaxLength": "R",
    "SupportedFeatureProfiles": "R",
    "SupportedFeatureProfilesMaxLength": "R",
    "TransactionMessageAttempts": "RW",
    "TransactionMessageRetryInterval": "RW",
    "UnlockConnectorOnEVSideDisconnect": "RW",
    "WebSocketPingInterval": "RW",
}


def read(world: World, key: str) -> str:
    (found,) = world.call("GetConfiguration", key=[key])["configurationKey"]
    return str(found["value"])


def change(world: World, key: str, value: str) -> str:
    return world.status_of("ChangeConfiguration", key=key, value=value)


def test_tc_019_get_configuration_without_keys(world: World) -> None:
    world.station(2)
    answer = world.call("GetConfiguration")
    found = {one["key"]: one for one in answer["configurationKey"]}
    assert {key: "R" if found[key]["readonly"] else "RW" for key in KEYS} == KEYS
    assert set(found) == set(KEYS)
    assert "unknownKey" not in answer
    assert found["NumberOfConnectors"]["value"] == "2"
    assert all("value" in one for one in found.values())


def test_tc_019_get_configuration_with_keys(world: World) -> None:
    world.station()
    answer = world.call("GetConfiguration", key=["heartbeatinterval", "Nonsense", "BlinkRepeat"])
    assert [one["key"] for one in answer["configurationKey"]] == [
        "HeartbeatInterval",
        "BlinkRepeat",
    ]
    assert answer["unknownKey"] == ["Nonsense"]


def test_more_keys_than_get_configuration_max_keys(world: World) -> None:
    world.station()
    most = int(read(world, "GetConfigurationMaxKeys"))
    assert world.call("GetConfiguration", key=[f"Key{n}" for n in range(most)])["unknownKey"]
    with pytest.raises(CallError):
        world.call("GetConfiguration", key=[f"Key{n}" for n in range(most + 1)])


def test_tc_021_a_change_holds_over_a_reset(world: World) -> None:
    world.station()
    assert change(world, "MeterValueSampleInterval", "17") == "Accepted"
    assert read(world, "MeterValueSampleInterval") == "17"
    world.wait_for("BootNotification")
    assert world.status_of("Reset", type="Hard") == "Accepted"
    world.wait_for("BootNotification")
    world.statuses_of_boot()
    assert read(world, "MeterValueSampleInterval") == "17"


def test_tc_040_1_an_unknown_key(world: World) -> None:
    world.station()
    assert change(world, "Nonsense", "1") == "NotSupported"


WRONG = [
    *((key, text) for key in KEYS if "Interval" in key for text in ("-1", "", "abc", "1e3", "1.5")),
    ("MeterValueSampleInterval", "99999999999999"),
    ("HeartbeatInterval", "0"),
    ("ConnectionTimeOut", "-5"),
    ("BlinkRepeat", "-1"),
    ("LightIntensity", "101"),
    ("LightIntensity", "-1"),
    ("ResetRetries", "-1"),
    ("MaxEnergyOnInvalidId", "-1"),
    ("MinimumStatusDuration", "-1"),
    ("LocalPreAuthorize", "yes"),
    ("AuthorizationCacheEnabled", "2"),
    ("StopTransactionOnInvalidId", ""),
    ("ConnectorPhaseRotation", "7.RST"),
    ("ConnectorPhaseRotation", "1.RST,1.RST"),
    ("ConnectorPhaseRotation", "RST"),
    *((key, "Nonsense") for key in MEASURAND_LISTS),
    *((key, "Voltage,Voltage") for key in MEASURAND_LISTS),
    *((key, "RPM") for key in MEASURAND_LISTS),
    ("MeterValuesSampledData", ",".join(["Voltage"] * 21)),
]


def test_tc_040_2_a_value_that_does_not_fit(world: World) -> None:
    world.station()
    for key, text in WRONG:
        before = read(world, key)
        assert change(world, key, text) == "Rejected", (key, text)
        assert read(world, key) == before


def test_a_key_that_may_only_be_read(world: World) -> None:
    world.station()
    for key, access in KEYS.items():
        if access == "R":
            before = read(world, key)
            assert change(world, key, "3") == "Rejected"
            assert read(world, key) == before


RIGHT = [
    ("BlinkRepeat", "0"),
    ("ConnectorPhaseRotation", "0.RST, 1.RTS"),
    ("LocalPreAuthorize", "TRUE"),
    ("MeterValuesSampledData", "Voltage.L1-N,SoC,Power.Active.Import"),
    ("StopTxnSampledData", ""),
    ("HeartbeatInterval", "1"),
]


@pytest.mark.parametrize(("key", "text"), RIGHT)
def test_a_value_that_fits(world: World, key: str, text: str) -> None:
    world.station()
    assert change(world, key, text) == "Accepted"
    assert read(world, key).lower() == text.replace(" ", "").lower()


def test_a_key_of_the_scripts_own(world: World) -> None:
    world.station()
    world.cp.configuration.add("Colour", "red", choices=["red", "blue"])
    assert change(world, "Colour", "green") == "Rejected"
    assert change(world, "Colour", "blue") == "Accepted"
    assert read(world, "Colour") == "blue"


def test_values_at_the_beginning(world: World) -> None:
    values: dict[str, Any] = {"ConnectionTimeOut": 7, "TransactionMessageAttempts": 5}
    world.station(configuration=values)
    assert read(world, "ConnectionTimeOut") == "7"
    assert read(world, "TransactionMessageAttempts") == "5"


@pytest.mark.parametrize("values", [{"Nonsense": 1}, {"ConnectionTimeOut": -1}])
def test_values_that_cannot_be(world: World, values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(values))):
        world.station(on=False, configuration=values)
    world.station()


def test_the_profiles_that_are_there(world: World) -> None:
    station = world.station()
    assert read(world, "SupportedFeatureProfiles") == "Core,RemoteTrigger"
    station.add_profile("Reservation")
    station.add_profile("Reservation")
    assert read(world, "SupportedFeatureProfiles") == "Core,RemoteTrigger,Reservation"


def test_the_tables_agree() -> None:
    of_station = {"ConnectorPhaseRotation", "ConnectorPhaseRotationMaxLength", "NumberOfConnectors"}
    of_station |= {"SupportedFeatureProfiles", *MEASURAND_LISTS}
    assert set(CORE_KEYS) | of_station | set(KEPT_BY_THE_ENGINE) == set(KEYS)


# --- what keys do --------------------------------------------------------------------------------


def test_heartbeat_interval(world: World) -> None:
    rare = {"status": "Accepted", "currentTime": timestamp(), "interval": 1_000_000}
    world.csms.answer("BootNotification", rare)
    world.station(speed=1000)
    assert world.cp.configuration["HeartbeatInterval"] == 1_000_000
    assert change(world, "HeartbeatInterval", "30") == "Accepted"
    world.wait_for("Heartbeat")
    world.wait_for("Heartbeat")


def test_minimum_status_duration(world: World) -> None:
    station = world.station(speed=20)
    assert change(world, "MinimumStatusDuration", "30") == "Accepted"
    station.plug_in(1)
    station.unplug(1)
    station.plug_in(1)
    station.present_id_tag("ccc", 1)
    world.wait_for("StatusNotification", status="Charging")
    assert world.statuses(1) == ["Available", "Charging"]
    assert station.history(1)[-4:] == ["Preparing", "Available", "Preparing", "Charging"]


def test_blink_repeat_and_light_intensity(world: World) -> None:
    station = world.station()
    seen = []
    station.on_event(lambda name, details: seen.append((name, dict(details))))
    change(world, "BlinkRepeat", "4")
    change(world, "LightIntensity", "30")
    station.present_id_tag("ccc", 1)
    assert seen == [("blink", {"status": "Accepted", "times": 4, "intensity": 30})]


def test_connection_time_out_of_0_waits_for_ever(world: World) -> None:
    station = world.station(configuration={"ConnectionTimeOut": 0}, speed=10_000)
    station.present_id_tag("ccc", 1)
    world.wait_for("StatusNotification", status="Preparing")
    world.wait_for("Heartbeat")  # 300 s
    station.plug_in(1)
    world.wait_for("StartTransaction")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(KEYS)), st.text(max_size=60))
def test_no_text_breaks_anything(key: str, text: str) -> None:
    """Whatever the text: a refusal changes nothing, and what is accepted is what is read."""

    class Cp:
        configuration = Configuration()

    add_keys(Cp(), 2, 3, {}, lambda *change: None)  # type: ignore[arg-type]
    if key in KEPT_BY_THE_ENGINE:
        return
    before = Cp.configuration.get([key])
    done = Cp.configuration.change(key, text)
    assert done.status in ("Accepted", "Rejected")
    if done.status == "Rejected":
        assert Cp.configuration.get([key]) == before
