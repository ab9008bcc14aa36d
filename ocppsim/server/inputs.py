"""What a request brings, held to what the OpenAPI document says of it."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Mapping
from functools import cache
from typing import Any

from flask import Request
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import best_match

from ..address import Address
from ..errors import ConnectError
from ..rpc import no_constant
from .refusal import Refusal
from .schemas import SCHEMAS

__all__ = ["JSON", "MAX_BODY", "SCRIPT", "checked", "json_body", "query_of", "text_body"]

MAX_BODY = 1 << 20
"""Bytes of a body, at most."""

JSON = "application/json"
SCRIPT = "text/x-python"


def json_body(request: Request, schema: Mapping[str, Any], *, required: bool) -> Any:
    """The body, as JSON that fits `schema`; {} where there is none and none is `required`."""
    data = _data(request, JSON, "-H 'Content-Type: application/json'", required)
    if not data:
        return {}
    try:
        value = json.loads(data.decode(), **_READING)
        if b"\\ud" in data.lower():
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeError:
        raise Refusal(400, "the body is not UTF-8", where="body") from None
    except (ValueError, RecursionError) as error:
        text = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise Refusal(400, f"the body is not JSON: {text}", where="body") from None
    return checked(value, schema, "body")


def text_body(request: Request) -> str:
    """The body: a Python script."""
    hint = "-H 'Content-Type: text/x-python' --data-binary @script.py"
    try:
        return _data(request, SCRIPT, hint, True).decode()
    except UnicodeDecodeError as error:
        raise Refusal(400, f"the script is not UTF-8: {error.reason}", where="body") from None


def query_of(request: Request, parameters: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The query parameters that were given, and the defaults of the others that have one."""
    values: dict[str, Any] = {n: s["default"] for n, s in parameters.items() if "default" in s}
    for name, given in request.args.lists():
        schema = parameters.get(name)
        if schema is None:
            close = difflib.get_close_matches(name, parameters, 1)
            hint = f"did you mean {close[0]}?" if close else f"there is: {', '.join(parameters)}"
            text = "there is no such query parameter"
            raise Refusal(400, text, where=f"query: {name[:40]}", hint=hint if parameters else "")
        many = schema["type"] == "array"
        if len(given) > 1 and not many:
            raise Refusal(400, f"given {len(given)} times", where=f"query: {name}")
        of = schema["items"] if many else schema
        read = [_value(text, of["type"], name) for text in given]
        values[name] = checked(read if many else read[0], schema, f"query: {name}", status=400)
    return values


def checked(value: Any, schema: Mapping[str, Any], where: str, *, status: int = 422) -> Any:
    """`value`, if it fits. Raises Refusal."""
    error = best_match(_validator(json.dumps(schema)).iter_errors(value))
    if error is None:
        return value
    place = error.json_path if where == "body" else ""
    # the cause shows no password
    what = str(error.cause or error.message)[:300]
    raise Refusal(status, what, where=": ".join(filter(None, (where, place))))


@cache
def _validator(schema: str) -> Draft202012Validator:
    whole = {**json.loads(schema), "components": {"schemas": SCHEMAS}}
    return Draft202012Validator(whole, format_checker=_FORMATS)


_FORMATS = FormatChecker(formats=())


@_FORMATS.checks("uri", raises=ConnectError)
def _is_url(value: object) -> bool:
    """Of a CSMS; there is no other in the API."""
    return not isinstance(value, str) or Address.parse(value, name="CP1") is not None


def _data(request: Request, wanted: str, hint: str, required: bool) -> bytes:
    data = request.get_data(cache=False)
    if request.content_length is None and len(data) >= MAX_BODY:  # it came in chunks
        raise Refusal(413, f"a body has at most {MAX_BODY} bytes", where="body")
    if not data and not required:
        return data
    if not data:
        raise Refusal(400, "a body is expected", where="body", hint=hint)
    if request.mimetype != wanted:
        said = f"it is {request.mimetype[:60]}" if request.mimetype else "there is none"
        text = f"the content type has to be {wanted}; {said}"
        raise Refusal(415, text, where="header: Content-Type", hint=hint)
    return data


def _value(text: str, kind: str, name: str) -> Any:
    try:
        if kind == "integer" and len(text) < 20:
            return int(text)
        if kind == "number" and len(text) < 40:
            return _finite(text)
        if kind == "boolean":
            return {"true": True, "false": False, "1": True, "0": False}[text.lower()]
        if kind == "string":
            text.encode()
            return text
    except (ValueError, KeyError):
        pass
    names = {"integer": "a whole number", "number": "a number", "boolean": "true or false"}
    what = f"{text!r:.60} is not {names.get(kind, 'text')}"
    raise Refusal(400, what, where=f"query: {name}")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r:.60} stands twice in an object")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is too large a number")
    return number


_READING: dict[str, Any] = {
    "parse_constant": no_constant,
    "parse_float": _finite,
    "object_pairs_hook": _once,
}
