"""The quick yes agrees with jsonschema, on every message."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocppsim.accept import compile_schema
from ocppsim.schema import _accepts, _validator, derive
from ocppsim.v16.actions import PROTOCOL

MESSAGES = [m for a in PROTOCOL.actions.values() for m in (a.request, a.response)]

TIMES = st.sampled_from(
    [
        "2026-01-31T12:00:00Z",
        "2026-01-31t12:00:00.123+01:00",
        "2026-02-30T12:00:00Z",
        "2026-01-31",
        "2026-12-31T23:59:60Z",
        "nonsense",
        "",
    ]
)
URIS = st.sampled_from(["ftp://host/a", "no uri", "http://[::1]/", "a:%zz", ""])
NUMBERS = st.one_of(
    st.integers(-(10**20), 10**20),
    st.integers(0, 400).map(lambda tenths: tenths / 10),
    st.floats(),
)
WRONG = st.one_of(
    st.none(), st.booleans(), NUMBERS, st.text(max_size=3), st.just([]), st.just({}), st.just((1,))
)


def near(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that are right by `schema`, or nearly."""
    return st.one_of(_right(schema), _right(schema), _right(schema), WRONG)


def _right(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    kind = schema.get("type")
    if kind == "object":
        parts = {name: near(part) for name, part in schema["properties"].items()}
        required = {name: parts.pop(name) for name in schema.get("required", ())}
        whole = st.fixed_dictionaries(required, optional=parts)
        return st.one_of(whole, whole, whole, whole.flatmap(_broken))
    if kind == "array":
        return st.lists(near(schema["items"]), min_size=0, max_size=2)
    if kind == "string":
        if "enum" in schema:
            return st.sampled_from(schema["enum"])
        if "format" in schema:
            return {"date-time": TIMES, "uri": URIS}[schema["format"]]
        most = schema.get("maxLength", 10)
        return st.integers(0, most + 1).map(lambda n: (string.ascii_letters * 250)[:n])
    return {"integer": st.integers(), "number": NUMBERS, "boolean": st.booleans()}[kind or ""]


def _broken(payload: dict[str, Any]) -> st.SearchStrategy[Any]:
    more = st.just({**payload, "nonsense": 1})
    if not payload:
        return more
    less = st.sampled_from(sorted(payload)).map(
        lambda gone: {name: value for name, value in payload.items() if name != gone}
    )
    return st.one_of(more, less, st.just({**payload, 5: 1}))


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.__name__)
def test_it_accepts_what_jsonschema_does_and_nothing_else(message: type) -> None:
    accepts, validator = _accepts(message), _validator(message)

    @settings(max_examples=40, deadline=None)
    @given(near(derive(message)))
    def agree(payload: Any) -> None:
        assert accepts(payload) == (next(validator.iter_errors(payload), None) is None)

    agree()


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "a"},
        {"type": "null"},
        {"type": "string", "format": "email"},
        {"type": "integer", "minimum": 0},
        {"type": "object", "properties": {}},
        {"type": "object", "properties": {}, "additionalProperties": True},
        {"minLength": 1},
    ],
)
def test_a_schema_that_it_does_not_know_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(KeyError):
        compile_schema(schema)
