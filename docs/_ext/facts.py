"""What the reference says about messages, types and programs, read from the code of ocppsim."""

from __future__ import annotations

import ast
import inspect
import json
import re
import textwrap
from functools import cache
from typing import Any, NamedTuple, is_typeddict

from sphinx.util import logging

from ocppsim import docstrings, schema
from ocppsim.protocol import Action, snake_case
from ocppsim.v16 import types
from ocppsim.v16.actions import PROTOCOL

_SECTIONS = re.compile(r"\s*((?:OCPP 1\.6|Security white paper edition 3) (?:§.*))\.$")

log = logging.getLogger("ocppsim")


def warn(text: str) -> None:
    log.warning("%s", text)


class Field(NamedTuple):
    """One field of a payload. type: the name that the code gives it; schema: its JSON Schema."""

    name: str
    type: str
    schema: dict[str, Any]
    required: bool
    text: str


class Value(NamedTuple):
    """One value of an enumeration, and what the code says about it."""

    name: str
    text: str


@cache
def fields(message: type) -> list[Field]:
    """The fields of a TypedDict, in the order of the specification."""
    properties = schema.derive(message)["properties"]
    texts = docstrings.field_docs(message)
    required = message.__required_keys__  # type: ignore[attr-defined]
    (cls,) = ast.parse(textwrap.dedent(inspect.getsource(message))).body
    assert isinstance(cls, ast.ClassDef)
    return [
        Field(name, _type_name(node.annotation), properties[name], name in required, texts[name])
        for node in cls.body
        if isinstance(node, ast.AnnAssign) and (name := ast.unparse(node.target))
    ]


def _type_name(node: ast.expr) -> str:
    """``MeterValue`` of ``NotRequired[Annotated[list[MeterValue], Rule(minItems=1)]]``."""
    while isinstance(node, ast.Subscript):
        inner = node.slice
        node = inner.elts[0] if isinstance(inner, ast.Tuple) else inner
    return ast.unparse(node)


def summary(message: type) -> tuple[str, str]:
    """What a message is, and where it stands in the specification."""
    text = docstrings.summary(message)
    match = _SECTIONS.search(text)
    if match is None:
        return text, ""
    return text[: match.start()], match[1]


@cache
def enumerations() -> dict[str, tuple[str, list[Value]]]:
    """Each enumeration of the types: what the comment above it says, and its values."""
    source = inspect.getsource(types)
    lines = source.splitlines()
    found = {}
    for node in ast.parse(source).body:
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Subscript):
            continue
        if ast.unparse(node.value.value) != "Literal":
            continue
        elements = node.value.slice
        assert isinstance(elements, ast.Tuple)
        alone = node.lineno != node.end_lineno
        values = [
            Value(str(ast.literal_eval(e)), _comment(lines[e.lineno - 1]) if alone else "")
            for e in elements.elts
        ]
        note = _above(lines, node.lineno - 1)
        if not alone and (beside := _comment(lines[node.lineno - 1])):
            note = f"{note} {beside}".strip()
        found[ast.unparse(node.targets[0])] = note, values
    return found


def _comment(line: str) -> str:
    return line.partition("  # ")[2]


def _above(lines: list[str], number: int) -> str:
    """The comment that ends above this line."""
    comment: list[str] = []
    while number and lines[number - 1].startswith("# ") and "---" not in lines[number - 1]:
        number -= 1
        comment.insert(0, lines[number].removeprefix("# "))
    return " ".join(comment)


def structures() -> list[type]:
    """The TypedDicts that payloads are built from."""
    return [value for name in types.__all__ if is_typeddict(value := getattr(types, name))]


@cache
def payload_names() -> set[str]:
    """What the pages of messages have an anchor for."""
    found = {message.__name__ for message in structures()} | set(enumerations())
    for action in PROTOCOL.actions.values():
        found |= {action.request.__name__, action.response.__name__}
    return found


def hook_of(action: Action) -> str | None:
    return PROTOCOL.hook_prefix + snake_case(action.name) if action.from_csms else None


def method_of(action: Action) -> str | None:
    return f"send_{snake_case(action.name)}" if action.from_charge_point else None


def action_of_method(path: str) -> Action | None:
    """The action that ``…ChargePoint16.send_…`` sends."""
    for action in PROTOCOL.from_charge_point.values():
        if path.endswith(f"ChargePoint16.{method_of(action)}"):
            return action
    return None


def keyword_arguments(action: Action) -> str:
    """The fields of a request as the parameters of its method; optional ones have a default."""
    entries = sorted(fields(action.request), key=lambda field: not field.required)
    texts = [f"{f.name}: {_python_type(f)}{'' if f.required else ' = ...'}" for f in entries]
    return ", ".join(["*", *texts] if texts else [])


_PYTHON = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}


def _python_type(field: Field) -> str:
    if "enum" in field.schema:
        return field.type
    kind = field.schema.get("type")
    if kind == "array":
        inner = field.schema["items"]
        return f"list[{_PYTHON.get(inner.get('type'), field.type)}]"
    return field.type if kind == "object" else _PYTHON.get(str(kind), "Any")


# --- examples ------------------------------------------------------------------------------------

_SAMPLES: dict[str, Any] = {
    "chargePointModel": "model",
    "chargePointVendor": "vendor",
    "csr": "-----BEGIN CERTIFICATE REQUEST-----",
    "connectorId": 1,
    "idTag": "04E8C2A2",
    "key": "HeartbeatInterval",
    "listVersion": 7,
    "location": "ftp://user:password@host/folder",
    "meterStart": 1000,
    "meterStop": 2600,
    "transactionId": 1,
    "value": "2600",
    "vendorId": "com.example",
}
_LIKELY = ("Accepted", "NoError", "Available", "Unlocked", "Uploaded", "Installed")


def example(message: type) -> dict[str, Any]:
    """A payload with the fields that a message must have."""
    return {f.name: _sample(f.name, f.schema) for f in fields(message) if f.required}


def _sample(name: str, kind: dict[str, Any]) -> Any:
    if "enum" in kind:
        return next((v for v in _LIKELY if v in kind["enum"]), kind["enum"][0])
    if name in _SAMPLES:
        return _SAMPLES[name]
    if kind.get("format") == "date-time":
        return "2026-01-31T12:00:00Z"
    match kind.get("type"):
        case "object":
            needed = kind.get("required", ())
            return {n: _sample(n, kind["properties"][n]) for n in needed}
        case "array":
            return [_sample(name, kind["items"])]
        case "integer" | "number":
            return 1
        case "boolean":
            return False
    return "text"


def example_lines(action: Action) -> str:
    """Python that sends this action, or answers it."""
    lines = []
    if action.from_charge_point:
        arguments = [f"{k}={_literal(v)}" for k, v in example(action.request).items()]
        lines.append(_fit(f"cp.{method_of(action)}(", arguments, ")"))
    if action.from_csms:
        entries = [f"{_literal(k)}: {_literal(v)}" for k, v in example(action.response).items()]
        lines.append(_fit(f'cp.on("{action.name}", {{', entries, "})"))
    return "\n".join(lines)


def _literal(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return {"true": "True", "false": "False"}.get(text, text)


def _fit(head: str, parts: list[str], tail: str) -> str:
    line = head + ", ".join(parts) + tail
    if len(line) <= 88:
        return line
    return "\n".join([head, *(f"    {part}," for part in parts), tail])
