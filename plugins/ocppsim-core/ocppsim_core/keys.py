"""The configuration keys of the Core profile (OCPP 1.6 §9.1)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ocppsim import ChargePoint
from ocppsim.configuration import Definition

from .meter_values import refusal

__all__ = ["CORE_KEYS", "KEPT_BY_THE_ENGINE", "MEASURAND_LISTS", "add_keys", "rotation_of"]

YEAR = 31_536_000  # s
MOST_MEASURANDS = 20
MOST_PROFILES = 10
OWN_PROFILES = ["Core", "RemoteTrigger"]

KEPT_BY_THE_ENGINE = (
    "TransactionMessageAttempts",
    "TransactionMessageRetryInterval",
    "WebSocketPingInterval",
)
"""Keys of §9.1 that a charge point has without this plugin."""

MEASURAND_LISTS = (
    "MeterValuesAlignedData",
    "MeterValuesSampledData",
    "StopTxnAlignedData",
    "StopTxnSampledData",
)
REGISTER = ["Energy.Active.Import.Register"]

_ROTATIONS = "NotApplicable|Unknown|RST|RTS|SRT|STR|TRS|TSR"


def _switch(key: str, value: bool, text: str) -> tuple[Definition, Any]:
    return Definition(key=key, type=bool, description=text), value


def _number(
    key: str, value: int, unit: str, text: str, *, least: int = 0, most: int = YEAR
) -> tuple[Definition, Any]:
    definition = Definition(
        key=key, type=int, unit=unit, minimum=least, maximum=most, description=text
    )
    return definition, value


def _fact(key: str, value: int, text: str) -> tuple[Definition, Any]:
    return Definition(key=key, type=int, access="R", description=text), value


CORE_KEYS: dict[str, tuple[Definition, Any]] = {
    definition.key: (definition, value)
    for definition, value in (
        _switch("AllowOfflineTxForUnknownId", False, "who is not known may charge while offline"),
        _switch("AuthorizationCacheEnabled", True, "remember what the CSMS said of an idTag"),
        _switch("AuthorizeRemoteTxRequests", False, "authorize the idTag of a remote start first"),
        _number("BlinkRepeat", 2, "", "how often the light blinks at a card", most=100),
        _number("ClockAlignedDataInterval", 0, "s", "between meter values on the clock; 0: none"),
        _number("ConnectionTimeOut", 60, "s", "for the cable, after the card; 0: for ever"),
        _fact("GetConfigurationMaxKeys", 100, "how many keys one request may ask for"),
        _number("HeartbeatInterval", 300, "s", "between heartbeats", least=1),
        _number("LightIntensity", 100, "%", "of the light", most=100),
        _switch("LocalAuthorizeOffline", True, "who is known may charge while offline"),
        _switch("LocalPreAuthorize", False, "who is known may charge without asking"),
        _number(
            "MaxEnergyOnInvalidId",
            0,
            "Wh",
            "for who turns out not to be accepted, where the transaction goes on",
            most=1_000_000,
        ),
        _fact("MeterValuesAlignedDataMaxLength", MOST_MEASURANDS, "items in the list"),
        _fact("MeterValuesSampledDataMaxLength", MOST_MEASURANDS, "items in the list"),
        _number("MeterValueSampleInterval", 60, "s", "between samples of a transaction; 0: none"),
        _number("MinimumStatusDuration", 0, "s", "a status lasts until it is reported", most=3600),
        _number("ResetRetries", 1, "", "of a reset that fails", most=100),
        _switch("StopTransactionOnEVSideDisconnect", True, "when the car is unplugged"),
        _switch("StopTransactionOnInvalidId", True, "when the idTag turns out not accepted"),
        _fact("StopTxnAlignedDataMaxLength", MOST_MEASURANDS, "items in the list"),
        _fact("StopTxnSampledDataMaxLength", MOST_MEASURANDS, "items in the list"),
        _fact("SupportedFeatureProfilesMaxLength", MOST_PROFILES, "items in the list"),
        _switch("UnlockConnectorOnEVSideDisconnect", True, "at the station, by the car's end"),
    )
}
"""Those that do not depend on the station: definition and value at first, by name."""


def add_keys(
    cp: ChargePoint,
    connectors: int,
    phases: int,
    values: Mapping[str, Any],
    listen: Callable[[str, Any, Any], object],
) -> None:
    """Give `cp` the keys, each with `listen(key, old, new)` for its changes.

    values: instead of the ones at first. Raises ValueError for one that cannot be, and for a key
    that there is not.
    """
    found = {**CORE_KEYS, **_of_station(connectors, phases)}
    for key in values:
        if key not in found and key not in cp.configuration:
            raise ValueError(f"there is no configuration key {key!r:.80}")
    for key, (definition, value) in found.items():
        cp.configuration.add(definition, values.get(key, value), on_change=listen)
    for key in values.keys() - found.keys():
        cp.configuration[key] = values[key]


def _of_station(connectors: int, phases: int) -> dict[str, tuple[Definition, Any]]:
    def measurands(value: list[str]) -> str | None:
        return refusal(",".join(value), phases=phases)

    def rotation(value: list[str]) -> str | None:
        return _wrong_rotation(value, connectors)

    def list_of(key: str, most: int, **more: Any) -> Definition:
        return Definition(key=key, type=list, maximum=most, **more)

    lists = {key: [] if key.startswith("Stop") else REGISTER for key in MEASURAND_LISTS}
    found: list[tuple[Definition, Any]] = [
        (list_of(key, MOST_MEASURANDS, check=measurands), value) for key, value in lists.items()
    ]
    unknown = [f"{number}.Unknown" for number in range(connectors + 1)]
    found += [
        (list_of("ConnectorPhaseRotation", connectors + 1, check=rotation), unknown),
        _fact("ConnectorPhaseRotationMaxLength", connectors + 1, "items in the list"),
        _fact("NumberOfConnectors", connectors, "from 1 to this"),
        (list_of("SupportedFeatureProfiles", MOST_PROFILES, access="R"), OWN_PROFILES),
    ]
    return {definition.key: (definition, value) for definition, value in found}


def rotation_of(connector: int, value: Sequence[str]) -> tuple[int, ...]:
    """Which phase of the meter, from 0, each phase of this connector hangs on: ``1.STR`` has L1 on
    S (L2), L2 on T (L3), L3 on R (L1). As RST where nothing is known."""
    for item in value:
        number, _, letters = item.partition(".")
        if number.isdecimal() and int(number) == connector and set(letters) == set("RST"):
            return tuple("RST".index(letter) for letter in letters)
    return (0, 1, 2)


def _wrong_rotation(value: list[str], connectors: int) -> str | None:
    """Why this is no ConnectorPhaseRotation: ``0.RST,1.RTS``, each connector once at most."""
    seen = set()
    for item in value:
        match = re.fullmatch(rf"([0-9]+)\.({_ROTATIONS})", item)
        if match is None:
            return f"{item!r:.40} is no connector with a rotation, such as 1.RST"
        number = int(match[1])
        if number > connectors or number in seen:
            return f"{item!r:.40}: there is no such connector, or it is there twice"
        seen.add(number)
    return None
