"""The configuration keys of a charge point."""

from __future__ import annotations

from typing import Any

from ...chargepoint import ChargePoint
from ..api import Api, parts, ref
from ..refusal import Refusal

__all__ = ["api"]

api = Api("configuration", "configuration")

_TYPES: dict[str, type[Any]] = {"str": str, "int": int, "bool": bool, "float": float, "list": list}
MAX_KEYS = 1000


def _shown(cp: ChargePoint, key: str) -> dict[str, Any]:
    definition = cp.configuration.definition(key)
    return {
        "key": definition.key,
        "value": None if definition.access == "W" else cp.configuration[key],
        "type": definition.type.__name__,
        "access": definition.access,
        "unit": definition.unit,
        "minimum": definition.minimum,
        "maximum": definition.maximum,
        "choices": None if definition.choices is None else list(definition.choices),
        "reboot": definition.reboot,
        "description": definition.description,
    }


def _found(name: str, key: str) -> ChargePoint:
    cp = parts().fleet.get(name).prepare()
    if key not in cp.configuration:
        hint = "GET /cp/NAME/configuration lists them"
        text = f"there is no configuration key {key}"
        raise Refusal(404, text, where="path: key", hint=hint)
    return cp


@api.route("GET", "/cp/{name}/configuration", "List the keys", answer=ref("Keys"))
def list_configuration(name: str) -> Any:
    cp = parts().fleet.get(name).prepare()
    return {"configuration": [_shown(cp, key) for key in cp.configuration]}


@api.route(
    "POST",
    "/cp/{name}/configuration",
    "Add a key",
    body=ref("NewKey"),
    status=201,
    answer=ref("Key"),
    errors={409: "there is such a key"},
    example={"key": "LightIntensity", "value": 50, "type": "int", "minimum": 0, "maximum": 100},
)
def add_configuration(name: str, body: dict[str, Any]) -> Any:
    """GetConfiguration and ChangeConfiguration are answered from them where a station lives there,
    or after `/configuration-serve`."""
    cp = parts().fleet.get(name).prepare()
    options = dict(body)
    key, value = options.pop("key"), options.pop("value")
    if key in cp.configuration:
        text, hint = f"there is a key {key} already", "PUT sets its value"
        raise Refusal(409, text, where="body: $.key", hint=hint)
    if len(cp.configuration) >= MAX_KEYS:
        raise Refusal(409, f"there are {MAX_KEYS} keys", where="body")
    options["type"] = _TYPES[options.get("type", "str")]
    cp.configuration.add(key, value, **options)
    return _shown(cp, key)


@api.route("GET", "/cp/{name}/configuration/{key}", "Look at a key", answer=ref("Key"))
def get_configuration(name: str, key: str) -> Any:
    return _shown(_found(name, key), key)


@api.route(
    "PUT",
    "/cp/{name}/configuration/{key}",
    "Set the value of a key",
    body=ref("Value"),
    answer=ref("Key"),
    example={"value": 30},
)
def set_configuration(name: str, key: str, body: dict[str, Any]) -> Any:
    """As the charge point itself: whatever the access; limits hold."""
    cp = _found(name, key)
    cp.configuration[key] = body["value"]
    return _shown(cp, key)


@api.route(
    "POST",
    "/cp/{name}/configuration-serve",
    "Answer GetConfiguration and ChangeConfiguration from the keys",
    answer=ref("Keys"),
)
def serve_configuration(name: str) -> Any:
    """A station does so by itself."""
    cp = parts().fleet.get(name).prepare()
    cp.configuration.serve()
    return {"configuration": [_shown(cp, key) for key in cp.configuration]}
