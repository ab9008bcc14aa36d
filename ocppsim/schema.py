"""JSON Schema derived from a TypedDict, and the verdict on a payload.

A message is a TypedDict whose fields carry their constraints as `Rule` in ``Annotated``. From it
comes a JSON Schema (draft 4, the draft of the schemas that belong to OCPP 1.6; `no additional
properties` everywhere), from that one cached validator, and one quick yes (`accept.py`).

What jsonschema misjudges about single values is judged in `formats.py`.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from itertools import islice
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    NotRequired,
    Required,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from .accept import Predicate, compile_schema
from .errors import Fault
from .formats import FORMATS, is_multiple, is_number

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

__all__ = ["Rule", "check", "derive"]


MAX_FAULTS = 100


class Rule:
    """Constraints of a field, in JSON Schema's words: ``Annotated[str, Rule(maxLength=20)]``."""

    __slots__ = ("keywords",)

    def __init__(self, **keywords: str | float) -> None:
        self.keywords = keywords

    def __repr__(self) -> str:
        return f"Rule({', '.join(f'{k}={v!r}' for k, v in self.keywords.items())})"


_TYPES: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    Any: {},
}


@cache
def derive(message: type) -> dict[str, Any]:
    """The JSON Schema of the TypedDict `message`. Shared: do not change it."""
    hints = get_type_hints(message, include_extras=True)
    required: frozenset[str] = message.__required_keys__  # type: ignore[attr-defined]
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {name: _of_type(hint) for name, hint in hints.items()},
        "additionalProperties": False,
    }
    if required:  # draft 4 has no empty list here
        schema["required"] = [name for name in hints if name in required]
    return schema


def _of_type(hint: Any) -> dict[str, Any]:
    origin = get_origin(hint)
    if origin in (Required, NotRequired):
        return _of_type(get_args(hint)[0])
    if origin is Annotated:
        schema = dict(_of_type(hint.__origin__))
        for extra in hint.__metadata__:
            if isinstance(extra, Rule):
                schema.update(extra.keywords)
        return schema
    if origin is Literal:
        return {"type": "string", "enum": list(get_args(hint))}
    if origin is list:
        return {"type": "array", "items": _of_type(get_args(hint)[0])}
    if is_typeddict(hint):
        return derive(hint)
    return _TYPES[hint]


def check(message: type, payload: Any) -> list[Fault]:
    """What is wrong with `payload` as a `message`, at most 100 faults; empty when it is right.

    The faults come with the one that decides the CALLERROR code first.
    """
    if _accepts(message)(payload):
        return []
    errors = _validator(message).iter_errors(payload)
    try:
        faults = list(islice((fault for error in errors for fault in _faults(error)), MAX_FAULTS))
    except RecursionError:  # where jsonschema shows the value in its message
        return [Fault("$", "JSON", "nested too deeply to be judged")]
    if len(faults) > 1:
        faults.sort(key=lambda fault: _GRAVITY.index(fault.code))
    return faults


# OCPP-J 1.6 §4.2.3 has five codes for a payload that does not fit. What is wrong with its shape
# comes first, as a field that should not be there often stands for the one that is missing.
_GRAVITY = (
    "FormationViolation",
    "ProtocolError",
    "OccurenceConstraintViolation",
    "TypeConstraintViolation",
    "PropertyConstraintViolation",
)
_CODES = {
    "additionalProperties": "FormationViolation",
    "required": "ProtocolError",
    "minItems": "OccurenceConstraintViolation",
    "maxItems": "OccurenceConstraintViolation",
    "type": "TypeConstraintViolation",
}
_TYPE_NAMES = {
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "object": "an object",
    "array": "an array",
}


def _faults(error: Any) -> Iterator[Fault]:
    path = "$" + "".join(f"[{p}]" if isinstance(p, int) else _step(p) for p in error.absolute_path)
    rule, limit, value = error.validator, error.validator_value, error.instance
    code = _CODES.get(rule, "PropertyConstraintViolation")
    if not path.count(".") and not path.count("[") and rule == "type":
        code = "FormationViolation"  # a payload that is no object is no payload
    if rule == "required":
        # jsonschema reports each missing name on its own, in words only
        name = error.message.split("'")[1]
        yield Fault(path, f"required {name}", f"{name} is missing", code, value)
    elif rule == "additionalProperties":
        known = error.schema["properties"]
        for name in value:
            if name not in known:
                text = f"{_cut(name)} is not a field here"
                yield Fault(path + _step(name), "additionalProperties", text, code, value[name])
    elif rule == "type":
        text = f"{_cut(value)} is not {_TYPE_NAMES[limit]}"
        yield Fault(path, f"type {limit}", text, code, value)
    elif rule == "enum":
        text = f"{_cut(value)} is not one of {', '.join(limit)}"
        yield Fault(path, "enum", text, code, value)
    elif rule in ("maxLength", "minLength", "maxItems", "minItems"):
        what = "characters" if rule.endswith("Length") else "items"
        bound = "at most" if rule.startswith("max") else "at least"
        text = f"{len(value)} {what}, {bound} {limit} are allowed: {_cut(value)}"
        yield Fault(path, f"{rule} {limit}", text, code, value)
    elif rule == "format":
        example = _FORMAT_EXAMPLES.get(limit, "")
        yield Fault(
            path, f"format {limit}", f"{_cut(value)} is not a {limit}{example}", code, value
        )
    elif rule == "multipleOf":
        text = f"{_cut(value)} is not a multiple of {limit}"
        yield Fault(path, f"multipleOf {limit}", text, code, value)
    else:
        yield Fault(path, f"{rule} {limit}", error.message[:200], code, value)


def _step(name: Any) -> str:
    if isinstance(name, str) and re.fullmatch(r"[A-Za-z_]\w*", name):
        return f".{name}"
    return f"[{_cut(name)}]"


def _cut(value: Any) -> str:
    if isinstance(value, int) and value.bit_length() > 256:
        return f"an integer of {value.bit_length()} bits"
    try:
        text = _REPR.repr(value)
    except Exception:  # a script's own object may do anything
        text = f"a {type(value).__name__}"
    return text if len(text) <= 80 else text[:77] + "..."


_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = 80


_FORMAT_EXAMPLES = {
    "date-time": " like 2026-01-31T12:00:00Z (RFC 3339)",
    "uri": " like ftp://host/folder (RFC 3986)",
}


def _multiple_of(validator: Any, step: float, value: Any, schema: Any) -> Iterator[Any]:
    from jsonschema.exceptions import ValidationError

    if validator.is_type(value, "number") and not is_multiple(value, step):
        yield ValidationError(f"{value!r} is not a multiple of {step}")


@cache
def _accepts(message: type) -> Predicate:
    return compile_schema(derive(message))


@lru_cache(maxsize=1)
def _validator_class() -> Any:
    # jsonschema takes most of the time that importing this package would take
    from jsonschema import Draft4Validator, FormatChecker, validators

    formats = FormatChecker(formats=())
    for name, fits in FORMATS.items():
        formats.checks(name)(lambda value, fits=fits: not isinstance(value, str) or fits(value))
    types = Draft4Validator.TYPE_CHECKER.redefine("number", lambda _, value: is_number(value))
    extend: Callable[..., Any] = validators.extend
    checked = extend(Draft4Validator, {"multipleOf": _multiple_of}, type_checker=types)
    return checked, formats


@cache
def _validator(message: type) -> Validator:
    checked, formats = _validator_class()
    validator: Validator = checked(derive(message), format_checker=formats)
    return validator
