"""The actions of the protocol over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft4Validator
from server.client import Client

from ocppsim.v16.actions import PROTOCOL


@pytest.fixture(scope="module")
def listed(client: Client) -> dict[str, Any]:
    answer = client.get("/actions")
    assert answer.status == 200, answer.text
    assert answer.text == client.get("/actions").text
    assert answer.headers["content-type"] == "application/json"
    found: dict[str, Any] = answer.json
    return found


def action(listed: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (one for one in listed["actions"] if one["action"] == name)
    return dict(found)


def test_each_action_is_there(listed: dict[str, Any]) -> None:
    assert listed["version"] == "1.6"
    assert [one["action"] for one in listed["actions"]] == sorted(PROTOCOL.actions)
    for one in listed["actions"]:
        known = PROTOCOL.actions[one["action"]]
        assert (one["sender"], one["profile"]) == (known.sender, known.profile)
        assert one["summary"].endswith("."), one["action"]


def test_each_field_is_explained(listed: dict[str, Any]) -> None:
    def fields(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        for name, field in schema.get("properties", {}).items():
            yield name, field
            yield from fields(field)
            yield from fields(field.get("items", {}))

    names = set()
    for one in listed["actions"]:
        for schema in (one["request"], one["response"]):
            Draft4Validator.check_schema(schema)
            for name, field in fields(schema):
                assert field["description"], (one["action"], name)
                names.add(name)
    assert {"sampledValue", "measurand", "chargingSchedulePeriod", "numberPhases"} <= names


def test_constraints_and_units(listed: dict[str, Any]) -> None:
    start = action(listed, "StartTransaction")["request"]
    assert start["properties"]["idTag"]["maxLength"] == 20
    assert start["properties"]["meterStart"]["unit"] == "Wh"
    assert "unit" not in start["properties"]["connectorId"]
    assert set(start["required"]) == {"connectorId", "idTag", "meterStart", "timestamp"}
    reset = action(listed, "Reset")["request"]["properties"]["type"]
    assert reset["enum"] == ["Hard", "Soft"]
    boot = action(listed, "BootNotification")["response"]["properties"]["interval"]
    assert boot["unit"] == "s"
    meters = action(listed, "MeterValues")["request"]["properties"]["meterValue"]
    values = meters["items"]["properties"]["sampledValue"]["items"]["properties"]
    assert "Energy.Active.Import.Register" in values["measurand"]["enum"]


def test_the_error_codes(listed: dict[str, Any]) -> None:
    codes = {one["errorCode"]: one["meaning"] for one in listed["errorCodes"]}
    assert set(codes) == PROTOCOL.error_codes
    assert all(meaning.endswith(".") for meaning in codes.values())
