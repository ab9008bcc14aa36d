"""The actions of OCPP 1.6 in JSON: what each is for, and the schemas of its payloads, explained."""

from __future__ import annotations

import re
from typing import Any, get_args, get_type_hints, is_typeddict

from .. import schema
from ..docstrings import field_docs, summary
from ..protocol import Protocol

__all__ = ["catalogue", "explained"]

# as docstrings write units: "in seconds (s)", "in Wh"
_UNIT = re.compile(r"\((s)\)|\bin (Wh)\b")


def catalogue(protocol: Protocol) -> dict[str, Any]:
    """All actions and error codes of this version (the schema Actions)."""
    actions = [
        {
            "action": action.name,
            "sender": action.sender,
            "profile": action.profile,
            "summary": summary(action.request),
            "request": explained(action.request),
            "response": explained(action.response),
        }
        for action in sorted(protocol.actions.values(), key=lambda action: action.name)
    ]
    codes = [
        {"errorCode": code, "meaning": meaning} for code, meaning in protocol.error_meanings.items()
    ]
    return {"version": protocol.version, "actions": actions, "errorCodes": codes}


def explained(message: type) -> dict[str, Any]:
    """The JSON Schema of a TypedDict, with a `description` of each field, those of inner types too,
    and its `unit` where there is one."""
    derived = schema.derive(message)
    texts, hints = field_docs(message), get_type_hints(message)
    properties = {
        name: _explained_field(field, hints[name], texts[name])
        for name, field in derived["properties"].items()
    }
    return {**derived, "description": summary(message), "properties": properties}


def _explained_field(field: dict[str, Any], hint: Any, text: str) -> dict[str, Any]:
    found = {**field, "description": text}
    inner = next(filter(is_typeddict, get_args(hint) or (hint,)), None)
    if inner is not None and "items" in field:
        found["items"] = explained(inner)
    elif inner is not None:
        found = {**explained(inner), "description": text}
    unit = _UNIT.search(text)
    if unit is not None:
        found["unit"] = unit[1] or unit[2]
    return found
