"""Payloads against schemas that come from TypedDicts: what is legal, and what is said if not."""

import datetime
import json
import math
from decimal import Decimal
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from ocppsim.errors import Fault
from ocppsim.schema import Rule, check, derive


class Inner(TypedDict):
    unit: NotRequired[Literal["A", "W"]]
    value: str


class Message(TypedDict):
    number: NotRequired[int]
    limit: NotRequired[Annotated[float, Rule(multipleOf=0.1)]]
    ratio: NotRequired[float]
    flag: NotRequired[bool]
    text: NotRequired[Annotated[str, Rule(maxLength=5)]]
    time: NotRequired[Annotated[str, Rule(format="date-time")]]
    place: NotRequired[Annotated[str, Rule(format="uri")]]
    inner: NotRequired[Inner]
    inners: NotRequired[Annotated[list[Inner], Rule(minItems=1, maxItems=2)]]
    anything: NotRequired[Any]


class Strict(TypedDict):
    id: str
    names: Annotated[list[Annotated[str, Rule(maxLength=3)]], Rule(minItems=1)]


class Nothing(TypedDict):
    pass


def faults(**payload: Any) -> list[Fault]:
    return check(Message, payload)


def fault(**payload: Any) -> Fault:
    (only,) = faults(**payload)
    return only


# --- what a schema looks like --------------------------------------------------------------------


def test_derive() -> None:
    assert derive(Strict) == {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "names": {"type": "array", "items": {"type": "string", "maxLength": 3}, "minItems": 1},
        },
        "required": ["id", "names"],
        "additionalProperties": False,
    }


def test_derive_nests() -> None:
    assert derive(Message)["properties"]["inner"] == {
        "type": "object",
        "properties": {
            "unit": {"type": "string", "enum": ["A", "W"]},
            "value": {"type": "string"},
        },
        "required": ["value"],
        "additionalProperties": False,
    }


def test_derive_is_made_once() -> None:
    assert derive(Message) is derive(Message)


@pytest.mark.parametrize("message", [Strict, Inner])
def test_a_derived_schema_is_a_schema(message: type) -> None:
    Draft4Validator.check_schema(derive(message))
    json.dumps(derive(message))


@pytest.mark.parametrize("message", [Message, Nothing])
def test_a_derived_schema_without_required_fields_is_a_schema(message: type) -> None:
    Draft4Validator.check_schema(derive(message))


def test_rule_shows_what_it_is() -> None:
    assert repr(Rule(maxLength=20)) == "Rule(maxLength=20)"
    assert repr(Rule(format="uri", maxLength=20)) == "Rule(format='uri', maxLength=20)"


# --- numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [0.3, 4.1, 0.1, 8.1, 0.0, -0.1, 16, 0, 32.0, 1e3, 2.5e1, 1e22])
def test_a_multiple_of_a_tenth(limit: float) -> None:
    assert faults(limit=limit) == []


def test_every_tenth_is_a_multiple_of_a_tenth() -> None:
    assert [k for k in range(20000) if faults(limit=k / 10)] == []


@pytest.mark.parametrize("limit", [0.35, 0.01, 4.11, 1e-9, 0.1 * 3, -0.05])
def test_no_multiple_of_a_tenth(limit: float) -> None:
    """0.1 * 3 is 0.30000000000000004, and that is what would stand on the wire."""
    found = fault(limit=limit)
    assert found.code == "PropertyConstraintViolation"
    assert found.rule == "multipleOf 0.1"
    assert found.path == "$.limit"
    assert found.value == limit


@given(st.decimals(places=1, min_value=-(10**9), max_value=10**9))
def test_one_decimal_place_is_legal_as_it_comes_from_the_wire(number: Decimal) -> None:
    assert check(Message, json.loads(f'{{"limit": {number}}}')) == []


@pytest.mark.parametrize("field", ["limit", "ratio"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_nan_and_infinity_are_no_numbers(field: str, value: float) -> None:
    found = fault(**{field: value})
    assert found.code == "TypeConstraintViolation"
    assert found.rule == "type number"


@pytest.mark.parametrize("value", [0, -1, 10**30])
def test_an_integer(value: int) -> None:
    assert faults(number=value) == []
    assert faults(ratio=value) == []


@pytest.mark.parametrize("value", [True, False, 1.0, 1.5, math.nan, "1", None, [], {}])
def test_no_integer(value: Any) -> None:
    """1.0 is none, either: the schemas of OCPP 1.6 are draft 4."""
    found = fault(number=value)
    assert (found.path, found.rule, found.code) == (
        "$.number",
        "type integer",
        "TypeConstraintViolation",
    )


@pytest.mark.parametrize("value", [True, "1.5", None, [1.5]])
def test_no_number(value: Any) -> None:
    assert fault(ratio=value).code == "TypeConstraintViolation"
    assert fault(limit=value).code == "TypeConstraintViolation"


@pytest.mark.parametrize("value", [0, 1, "true", None])
def test_no_boolean(value: Any) -> None:
    assert fault(flag=value).rule == "type boolean"


# --- formats -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T12:00:00Z",
        "2026-01-31T12:00:00z",
        "2026-01-31t12:00:00Z",
        "2026-01-31T12:00:00.1Z",
        "2026-01-31T12:00:00.123456789Z",
        "2026-01-31T12:00:00+00:00",
        "2026-01-31T12:00:00-00:00",
        "2026-01-31T12:00:00+05:30",
        "2026-01-31T12:00:00-23:59",
        "2024-02-29T00:00:00Z",
        "2016-12-31T23:59:60Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
    ],
)
def test_a_date_time(text: str) -> None:
    assert faults(time=text) == []


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "",
        "2026-01-31",
        "12:00:00Z",
        "2026-01-31T12:00:00",
        "2026-01-31 12:00:00Z",
        "2026-01-31T12:00Z",
        "2026-01-31T12:00:00.Z",
        "2026-01-31T12:00:00,5Z",
        "2026-01-31T12:00:00+01",
        "2026-01-31T12:00:00+0100",
        "2026-01-31T12:00:00+24:00",
        "2026-01-31T12:00:00+01:60",
        "2026-01-31T12:00:00 Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T12:60:00Z",
        "2026-01-31T12:00:61Z",
        "2026-02-30T12:00:00Z",
        "2025-02-29T12:00:00Z",
        "2026-13-01T12:00:00Z",
        "2026-00-01T12:00:00Z",
        "2026-01-00T12:00:00Z",
        "26-01-31T12:00:00Z",
        "2026-1-31T12:00:00Z",
        "20260131T120000Z",
        " 2026-01-31T12:00:00Z",
        "2026-01-31T12:00:00Z\n",
        "٢٠٢٦-01-31T12:00:00Z",
    ],
)
def test_no_date_time(text: str) -> None:
    found = fault(time=text)
    assert found.code == "PropertyConstraintViolation"
    assert found.rule == "format date-time"
    assert "RFC 3339" in found.message


ZONES = st.integers(-1439, 1439).map(lambda m: datetime.timezone(datetime.timedelta(minutes=m)))


@given(st.datetimes(timezones=ZONES))
def test_the_isoformat_of_an_aware_datetime_is_a_date_time(moment: datetime.datetime) -> None:
    assert faults(time=moment.isoformat()) == []


@given(st.datetimes())
def test_the_isoformat_of_a_naive_datetime_is_none(moment: datetime.datetime) -> None:
    assert faults(time=moment.isoformat()) != []


@pytest.mark.parametrize(
    "text",
    [
        "ftp://host/folder",
        "ftp://user:password@host:2121/folder/file.txt",
        "ftp://user:p%40ss@host/",
        "ftps://host",
        "https://example.com/a?b=c&d=%20#e",
        "http://[::1]:8080/x",
        "HTTP://host/",
        "urn:example:a",
        "file:///tmp/x",
    ],
)
def test_a_uri(text: str) -> None:
    assert faults(place=text) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "host/folder",
        "/folder",
        "//host/folder",
        "://host",
        "1ftp://host",
        "ftp://host/a b",
        "ftp://host/%zz",
        "ftp://host/%4",
        "ftp://host/\\folder",
        "ftp://höst/",
        "ftp://host/<x>",
        " ftp://host",
        "ftp://host\n",
    ],
)
def test_no_uri(text: str) -> None:
    found = fault(place=text)
    assert found.code == "PropertyConstraintViolation"
    assert found.rule == "format uri"
    assert "RFC 3986" in found.message


@pytest.mark.parametrize("field", ["time", "place"])
def test_what_is_no_string_only_has_the_wrong_type(field: str) -> None:
    assert fault(**{field: 5}).rule == "type string"


# --- what else may be wrong ----------------------------------------------------------------------


def test_all_is_well() -> None:
    payload = {
        "number": 1,
        "limit": 8.1,
        "flag": False,
        "text": "12345",
        "time": "2026-01-31T12:00:00Z",
        "place": "ftp://host/",
        "inner": {"value": "x", "unit": "A"},
        "inners": [{"value": "x"}],
        "anything": [None],
    }
    assert check(Message, payload) == []
    assert check(Message, {}) == []
    assert check(Nothing, {}) == []


@pytest.mark.parametrize("payload", [None, [], "text", 5, True])
def test_no_object(payload: Any) -> None:
    (found,) = check(Strict, payload)
    assert (found.path, found.rule, found.code) == ("$", "type object", "FormationViolation")


def test_missing() -> None:
    first, second = check(Strict, {})
    assert {first.rule, second.rule} == {"required id", "required names"}
    assert first.path == second.path == "$"
    assert first.code == second.code == "ProtocolError"
    assert "is missing" in first.message


def test_additional() -> None:
    found = fault(idtag="x")
    assert (found.path, found.rule) == ("$.idtag", "additionalProperties")
    assert found.code == "FormationViolation"
    assert found.value == "x"
    assert "'idtag' is not a field here" in found.message


def test_each_additional_field_is_named() -> None:
    assert {f.path for f in faults(a=1, b=2)} == {"$.a", "$.b"}


def test_an_additional_field_with_an_odd_name() -> None:
    assert fault(**{"odd name": 1}).path == "$['odd name']"


def test_no_member_of_the_enumeration() -> None:
    found = fault(inner={"value": "x", "unit": "w"})
    assert (found.path, found.rule) == ("$.inner.unit", "enum")
    assert found.code == "PropertyConstraintViolation"
    assert "one of A, W" in found.message


@pytest.mark.parametrize("text", ["", "12345", "äöüßé", "🔌🔌🔌🔌🔌"])
def test_not_too_long(text: str) -> None:
    """Characters count, not bytes."""
    assert faults(text=text) == []


def test_too_long() -> None:
    found = fault(text="123456")
    assert (found.path, found.rule) == ("$.text", "maxLength 5")
    assert found.code == "PropertyConstraintViolation"
    assert "6 characters, at most 5" in found.message


def test_too_few() -> None:
    found = fault(inners=[])
    assert (found.path, found.rule) == ("$.inners", "minItems 1")
    assert found.code == "OccurenceConstraintViolation"
    assert "0 items, at least 1" in found.message


def test_too_many() -> None:
    found = fault(inners=[{"value": "x"}] * 3)
    assert (found.path, found.rule) == ("$.inners", "maxItems 2")
    assert found.code == "OccurenceConstraintViolation"
    assert "3 items, at most 2" in found.message


def test_no_list_and_no_inner_object() -> None:
    assert fault(inners={}).rule == "type array"
    assert fault(inners={}).code == "TypeConstraintViolation"
    assert fault(inner=[]).rule == "type object"
    assert fault(inner=[]).code == "TypeConstraintViolation"


def test_paths_lead_into_lists() -> None:
    found = faults(inners=[{"value": "x"}, {"value": 5, "unit": "VA", "more": 1}])
    assert {f.path for f in found} == {"$.inners[1].value", "$.inners[1].unit", "$.inners[1].more"}
    (item,) = check(Strict, {"id": "x", "names": ["abc", "abcd"]})
    assert item.path == "$.names[1]"


def test_paths_lead_into_a_real_message() -> None:
    from ocppsim.v16.messages import MeterValuesRequest

    value = {"value": "1", "unit": "Watt"}
    readings = [{"timestamp": "2026-01-31T12:00:00Z", "sampledValue": [{"value": "1"}, value]}]
    (found,) = check(MeterValuesRequest, {"connectorId": 1, "meterValue": readings})
    assert found.path == "$.meterValue[0].sampledValue[1].unit"
    assert str(found).startswith("$.meterValue[0].sampledValue[1].unit: 'Watt' is not one of Wh,")


def test_missing_deep_inside() -> None:
    found = fault(inners=[{"unit": "A"}])
    assert (found.path, found.rule, found.code) == (
        "$.inners[0]",
        "required value",
        "ProtocolError",
    )


def test_the_gravest_fault_comes_first() -> None:
    payload = {
        "text": "123456",
        "number": "x",
        "inners": [],
        "inner": {},
        "more": 1,
    }
    wrong = list(payload.items())
    for order in (wrong, wrong[::-1]):
        assert [f.code for f in check(Message, dict(order))] == [
            "FormationViolation",
            "ProtocolError",
            "OccurenceConstraintViolation",
            "TypeConstraintViolation",
            "PropertyConstraintViolation",
        ]


def test_a_long_value_is_cut_in_the_text_and_whole_in_the_fault() -> None:
    found = fault(text="x" * 100_000)
    assert len(found.message) < 200
    assert found.value == "x" * 100_000


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_payload_gets_a_verdict(payload: Any) -> None:
    for found in check(Message, payload):
        assert found.path.startswith("$")
        assert found.code.endswith(("Violation", "ProtocolError"))


FIELDS = st.sampled_from(sorted(Message.__annotations__))


@given(st.dictionaries(FIELDS, st.integers() | st.floats() | st.text() | st.lists(st.integers())))
def test_any_value_of_a_field_gets_a_verdict(payload: dict[str, Any]) -> None:
    for found in check(Message, payload):
        assert str(found)
