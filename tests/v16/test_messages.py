"""The derived schemas, held against the JSON files of the `ocpp` package and the specification."""

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest

from ocppsim.schema import check, derive
from ocppsim.v16 import messages, security, types
from ocppsim.v16.actions import PROTOCOL

Facts = dict[tuple[str, str], Any]

# The name of a JSON file there, and the message that it is for.
MESSAGES = {
    name: message
    for action in PROTOCOL.actions.values()
    for name, message in (
        (action.name, action.request),
        (f"{action.name}Response", action.response),
    )
}
THEIRS = {
    file.name.removesuffix(".json"): json.loads(file.read_text(encoding="utf-8"))
    for file in (files("ocpp.v16") / "schemas").iterdir()
    if file.name.endswith(".json")
}

COMPARED = {"type", "maxLength", "minItems", "maxItems", "format", "multipleOf"}
COMPARED_AS_SETS = {"required", "enum"}
WALKED = {"properties", "items", "$ref", "additionalProperties"}
# Names and remarks; `definitions` only counts where a $ref leads; `additionalItems` does nothing
# beside an `items` that is one schema.
WITHOUT_MEANING = {
    *("$schema", "$id", "id", "title", "description", "comment", "javaType"),
    *("definitions", "additionalItems"),
}


def facts(schema: dict[str, Any]) -> Facts:
    """What a schema demands: (path, keyword) → value."""
    return dict(_facts(schema, schema, "$"))


def _facts(schema: dict[str, Any], root: dict[str, Any], path: str) -> Iterator[Any]:
    if "$ref" in schema:
        assert set(schema) == {"$ref"}
        _, _, name = schema["$ref"].partition("#/definitions/")
        yield from _facts(root["definitions"][name], root, path)
        return
    assert set(schema) <= COMPARED | COMPARED_AS_SETS | WALKED | WITHOUT_MEANING, path
    for keyword in COMPARED & set(schema):
        yield (path, keyword), schema[keyword]
    for keyword in COMPARED_AS_SETS:
        if schema.get(keyword):
            yield (path, keyword), frozenset(schema[keyword])
    if schema["type"] == "object":
        # beside a string, where their enumerations have it, additionalProperties means nothing
        yield (path, "additionalProperties"), schema.get("additionalProperties")
        properties = schema.get("properties", {})
        yield (path, "properties"), frozenset(properties)
        for name, field in properties.items():
            yield from _facts(field, root, f"{path}.{name}")
    if schema["type"] == "array":
        yield from _facts(schema["items"], root, f"{path}[]")


def differences(theirs: Facts, ours: Facts) -> dict[tuple[str, str], tuple[Any, Any]]:
    return {
        where: (theirs.get(where), ours.get(where))
        for where in theirs.keys() | ours.keys()
        if theirs.get(where) != ours.get(where)
    }


UNITS = frozenset(
    "Wh kWh varh kvarh W kW VA kVA var kvar A V Celsius Celcius Fahrenheit K Percent".split()
)
PERIODS = "chargingSchedule.chargingSchedulePeriod"
PERIODS_WHY = "A ChargingSchedule has 1..* chargingSchedulePeriod (§7.13)."
# Differences that are kept: (message, path, keyword) → theirs, ours, why.
KEPT = {
    ("MeterValues", "$.meterValue[].sampledValue[].unit", "enum"): (
        UNITS | {"Hertz"},
        UNITS,
        "UnitOfMeasure (§7.45) has no unit of frequency. The erratum on it (v4.0, page 106) adds "
        "none: it says that a Frequency is always in Hz. A CSMS with the official schemas refuses "
        "Hertz. In their StopTransaction it is not, either.",
    ),
    ("StopTransaction", "$.transactionData[].sampledValue", "minItems"): (
        None,
        1,
        "A MeterValue has 1..* sampledValue (§7.33), in StopTransaction as in MeterValues.",
    ),
    ("SetChargingProfile", f"$.csChargingProfiles.{PERIODS}", "minItems"): (None, 1, PERIODS_WHY),
    ("RemoteStartTransaction", f"$.chargingProfile.{PERIODS}", "minItems"): (None, 1, PERIODS_WHY),
    ("GetCompositeScheduleResponse", f"$.{PERIODS}", "minItems"): (None, 1, PERIODS_WHY),
}


def test_both_have_the_same_messages() -> None:
    assert THEIRS.keys() == MESSAGES.keys()
    assert len(MESSAGES) == 78


@pytest.mark.parametrize("name", MESSAGES)
def test_schema(name: str) -> None:
    found = differences(facts(THEIRS[name]), facts(derive(MESSAGES[name])))
    kept = {
        (path, keyword): (theirs, ours)
        for (message, path, keyword), (theirs, ours, _) in KEPT.items()
        if message == name
    }
    assert found == kept


def test_a_kept_difference_names_a_message_and_a_reason() -> None:
    for (message, _, _), (theirs, ours, why) in KEPT.items():
        assert message in MESSAGES
        assert theirs != ours
        assert "§" in why


@pytest.mark.parametrize("keyword", sorted(COMPARED | COMPARED_AS_SETS | {"additionalProperties"}))
def test_the_comparison_sees_each_keyword(keyword: str) -> None:
    without = {"type": "object", "properties": {}}
    with_it = {**without, keyword: ["x"] if keyword in COMPARED_AS_SETS else "x"}
    if keyword == "type":
        with_it = {"type": "string"}
    assert ("$", keyword) in differences(facts(without), facts(with_it))


def test_the_comparison_sees_a_field_too_many_and_looks_into_lists_and_references() -> None:
    def schema(length: int, **more: Any) -> dict[str, Any]:
        return {
            "definitions": {"T": {"type": "string", "maxLength": length}},
            "type": "object",
            "properties": {"list": {"type": "array", "items": {"$ref": "#/definitions/T"}}, **more},
        }

    a, b = facts(schema(1)), facts(schema(2, new={"type": "string"}))
    assert differences(a, b).keys() == {
        ("$", "properties"),
        ("$.list[]", "maxLength"),
        ("$.new", "type"),
    }


@pytest.mark.parametrize(
    ("message", "required"),
    [
        (messages.BootNotificationRequest, "chargePointModel chargePointVendor"),
        (messages.BootNotificationResponse, "currentTime interval status"),
        (messages.ClearChargingProfileRequest, ""),
        (messages.GetCompositeScheduleResponse, "status"),
        (messages.GetConfigurationRequest, ""),
        (messages.GetConfigurationResponse, ""),
        (messages.GetDiagnosticsResponse, ""),
        (messages.RemoteStartTransactionRequest, "idTag"),
        (messages.ReserveNowRequest, "connectorId expiryDate idTag reservationId"),
        (messages.SendLocalListRequest, "listVersion updateType"),
        (messages.StartTransactionRequest, "connectorId idTag meterStart timestamp"),
        (messages.StartTransactionResponse, "idTagInfo transactionId"),
        (messages.StatusNotificationRequest, "connectorId errorCode status"),
        (messages.StopTransactionRequest, "meterStop timestamp transactionId"),
        (messages.StopTransactionResponse, ""),
        (messages.UpdateFirmwareRequest, "location retrieveDate"),
        (security.GetInstalledCertificateIdsResponse, "status"),
        (security.GetLogRequest, "log logType requestId"),
        (security.LogStatusNotificationRequest, "status"),
        (security.SignedFirmwareStatusNotificationRequest, "status"),
        (security.SignedUpdateFirmwareRequest, "firmware requestId"),
        (types.AuthorizationData, "idTag"),
        (types.ChargingSchedule, "chargingRateUnit chargingSchedulePeriod"),
        (types.ChargingSchedulePeriod, "limit startPeriod"),
        (types.FirmwareType, "location retrieveDateTime signature signingCertificate"),
        (types.IdTagInfo, "status"),
        (types.KeyValue, "key readonly"),
        (types.LogParametersType, "remoteLocation"),
        (types.SampledValue, "value"),
    ],
)
def test_required(message: type, required: str) -> None:
    assert sorted(derive(message).get("required", [])) == required.split()


AT = "2026-01-31T12:00:00Z"


def test_both_spellings_of_celsius_are_legal() -> None:
    for unit in ("Celsius", "Celcius"):
        value = {"value": "21.5", "measurand": "Temperature", "unit": unit}
        readings = [{"timestamp": AT, "sampledValue": [value]}]
        payload = {"connectorId": 0, "meterValue": readings}
        assert check(messages.MeterValuesRequest, payload) == []


def test_a_frequency_goes_without_a_unit() -> None:
    value = {"value": "50.02", "measurand": "Frequency"}
    readings = [{"timestamp": AT, "sampledValue": [value]}]
    payload = {"connectorId": 1, "meterValue": readings}
    assert check(messages.MeterValuesRequest, payload) == []
    value["unit"] = "Hertz"
    assert check(messages.MeterValuesRequest, payload)


def test_empty_lists_are_legal_where_the_cardinality_is_0() -> None:
    """0..* in §6.23, §6.24, §6.41, §6.49."""
    update = {"listVersion": 1, "updateType": "Full", "localAuthorizationList": []}
    stop = {"transactionId": 1, "meterStop": 0, "timestamp": AT, "transactionData": []}
    configuration: dict[str, Any] = {"configurationKey": [], "unknownKey": []}
    assert check(messages.GetConfigurationRequest, {"key": []}) == []
    assert check(messages.GetConfigurationResponse, configuration) == []
    assert check(messages.SendLocalListRequest, update) == []
    assert check(messages.StopTransactionRequest, stop) == []


@pytest.mark.parametrize("module", [messages, security, types])
def test_all_is_complete(module: Any) -> None:
    defined = [
        name
        for name, value in vars(module).items()
        if name[0].isupper()
        and name not in ("Annotated", "Literal", "NotRequired", "Rule", "TypedDict")
        and (module is types or getattr(value, "__module__", "") == module.__name__)
    ]
    assert sorted(module.__all__) == sorted(defined)


@pytest.mark.parametrize("module", [messages, security])
def test_the_messages_stand_in_alphabetical_order(module: Any) -> None:
    classes = [
        value.__name__
        for value in vars(module).values()
        if getattr(value, "__module__", "") == module.__name__
    ]
    assert classes == sorted(classes)
