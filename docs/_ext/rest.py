"""Writes the routes of the server into docs/reference/rest.md: ``make generate``.

The text is checked in, so that it can be read in a clone; a test holds it fresh.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ocppsim.server.openapi import USUAL, document
from ocppsim.server.pages import curl

PAGE = Path(__file__).parents[1] / "reference" / "rest.md"

_PLACE = re.compile(r"(?<=<!-- routes: begin -->\n).*(?=<!-- routes: end -->)", re.S)


def fresh(page: str) -> str:
    """The page with what stands in it now."""
    text = "\n".join(_routes())
    return _PLACE.sub(lambda match: f"\n{text}\n", page)


def _routes() -> Iterator[str]:
    """Each route, below the heading of its kind."""
    found = document()
    for tag in found["tags"]:
        yield f"## {tag['name'][0].upper()}{tag['name'][1:]}\n\n{tag['description']}\n"
        for path, operations in found["paths"].items():
            for method, operation in operations.items():
                if tag["name"] in operation["tags"]:
                    yield from _route(method.upper(), path, operation)
    yield "## Schemas\n"
    for name, schema in found["components"]["schemas"].items():
        yield from _schema(name, schema)


def _route(method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"### `{method} {path}`\n"
    yield f"{operation['summary']}. {_text(operation.get('description', ''))}".rstrip() + "\n"
    yield f"```sh\n{curl(method, path, operation, 'http://localhost:3000')}\n```\n"
    parameters = [one for one in operation.get("parameters", ()) if one["in"] != "path"]
    if parameters:
        yield "| parameter | in | type | what |\n| --- | --- | --- | --- |"
        for one in parameters:
            text = _text(one.get("description", ""))
            yield _row(f"`{one['name']}`", one["in"], _type(one["schema"]), text)
        yield ""
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"Body: `{media}`, {_type(content['schema'])}\n"
    yield "| status | what |\n| --: | --- |"
    for status, answer in operation["responses"].items():
        if answer["description"] not in USUAL:
            held = [f"`{media}`, {_type(of['schema'])}" for media, of in answer["content"].items()]
            # what is wrong is always said in the same way
            text = f": {'; '.join(held)}" if status < "400" else ""
            yield _row(status, f"{answer['description']}{text}")
    yield ""


def _schema(name: str, schema: dict[str, Any]) -> Iterator[str]:
    yield f"### Schema {name}\n"
    if "properties" not in schema:
        text = schema.get("description", "")
        yield f"{_type(schema)}{': ' if text else ''}{_text(text)}\n"
        return
    yield "| member | type | required | what |\n| --- | --- | --- | --- |"
    yield from _members(schema, "")
    yield ""


def _members(schema: dict[str, Any], before: str) -> Iterator[str]:
    for name, of in schema["properties"].items():
        required = "yes" if name in schema.get("required", ()) else ""
        yield _row(f"`{before}{name}`", _type(of), required, _text(of.get("description", "")))
        inner = of.get("items", of)
        if "properties" in inner:
            yield from _members(inner, f"{before}{name}{'[]' if inner is not of else ''}.")


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#schema-{name.lower()})"
    if "enum" in schema:
        return "one of " + ", ".join(f"`{value}`" for value in schema["enum"]) + _default(schema)
    if "const" in schema:
        return f"`{str(schema['const']).lower()}`"
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    kinds = schema.get("type", "anything")
    parts = [kinds if isinstance(kinds, str) else " or ".join(kinds)]
    bounds = {"exclusiveMinimum": "above", "minimum": "from", "maximum": "to"}
    parts += [f"{word} {schema[rule]}" for rule, word in bounds.items() if rule in schema]
    if "maxLength" in schema:
        parts.append(f"at most {schema['maxLength']} characters")
    return " ".join(parts) + _default(schema)


def _default(schema: dict[str, Any]) -> str:
    return f" (else {str(schema['default']).lower()})" if "default" in schema else ""


def _text(text: str) -> str:
    return re.sub(r"([*<>|])|(\w)_(\W|$)", r"\\\g<0>", text)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    PAGE.write_text(fresh(PAGE.read_text()))
