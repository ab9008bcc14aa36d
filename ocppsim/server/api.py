"""Routes that are a rule of Flask and a path of the OpenAPI document at once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, current_app, request

from .inputs import JSON, SCRIPT, json_body, query_of, text_body

if TYPE_CHECKING:
    from .events import EventLog
    from .fleet import Fleet

__all__ = ["Api", "Parts", "json_response", "parts", "ref"]

View = Callable[..., Any]

_PATH_PARAMETERS: dict[str, dict[str, Any]] = {
    "name": {"$ref": "#/components/schemas/Name"},
    "action": {"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9]{0,49}$"},
    "key": {"type": "string", "minLength": 1, "maxLength": 50, "pattern": "^[!-.0-~]+$"},
}


@dataclass(frozen=True, slots=True)
class Parts:
    """What the routes work on."""

    fleet: Fleet
    events: EventLog


def parts() -> Parts:
    """Of the server whose request this is."""
    found: Parts = current_app.extensions["ocppsim"]
    return found


def ref(name: str) -> dict[str, Any]:
    """A schema of `SCHEMAS` by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def json_response(value: Any, status: int = 200) -> Response:
    """`value` as an answer."""
    text = json.dumps(value, separators=(",", ":"), default=str) + "\n"
    return Response(text, status, mimetype=JSON)


class Api:
    """The routes of one file: `blueprint` for Flask, `paths` for the OpenAPI document."""

    def __init__(self, name: str, tag: str) -> None:
        self.blueprint = Blueprint(name, __name__)
        self.paths: dict[str, dict[str, Any]] = {}
        self._tag = tag

    def route(
        self,
        method: str,
        path: str,
        summary: str,
        *,
        body: Mapping[str, Any] | None = None,
        optional: bool = False,
        script: bool = False,
        query: Mapping[str, Mapping[str, Any]] | None = None,
        status: int = 200,
        answer: Mapping[str, Any] | None = None,
        also: Mapping[str, str] | None = None,
        more: Mapping[int, tuple[str, Mapping[str, Any]]] | None = None,
        errors: Mapping[int, str] | None = None,
        example: Any = None,
    ) -> Callable[[View], View]:
        """A decorator of a view, which returns JSON, or a Response.

        path: as OpenAPI writes it. body: the schema of the JSON that it takes as `body`; optional:
        or none at all. script: it takes a script as `body`. query: schemas of the parameters that
        it takes as `query`. answer: the schema of what it returns with `status`. also: further
        media types of it, with what they hold. more: other good statuses, what they mean, and the
        schemas of what is returned with them. errors: what other statuses mean. example: a body.
        """

        def register(view: View) -> View:
            @wraps(view)
            def answered(**found: Any) -> Response:
                found["query"] = query_of(request, query or {})
                if not query:
                    del found["query"]
                if script:
                    found["body"] = text_body(request)
                elif body is not None:
                    found["body"] = json_body(request, body, required=not optional)
                value = view(**found)
                if isinstance(value, Response):
                    return value
                return json_response(value, status)

            rule = re.sub(r"\{(\w+)\}", r"<\1>", path)
            self.blueprint.add_url_rule(rule, view.__name__, answered, methods=[method])
            operation = self._operation(
                view, path, summary, query or {}, status, answer, also or {}, errors or {}
            )
            for code, (text, schema) in (more or {}).items():
                content = {JSON: {"schema": dict(schema)}}
                operation["responses"][str(code)] = {"description": text, "content": content}
            self.paths.setdefault(path, {})[method.lower()] = operation
            if script:
                content = {SCRIPT: {"schema": {"type": "string", "minLength": 1}}}
            elif body is not None:
                content = {JSON: {"schema": dict(body)}}
            else:
                return view
            if example is not None:
                next(iter(content.values()))["example"] = example
            operation["requestBody"] = {"required": not optional, "content": content}
            return view

        return register

    def _operation(
        self,
        view: View,
        path: str,
        summary: str,
        query: Mapping[str, Mapping[str, Any]],
        status: int,
        answer: Mapping[str, Any] | None,
        also: Mapping[str, str],
        errors: Mapping[int, str],
    ) -> dict[str, Any]:
        parameters = [
            {"name": name, "in": "path", "required": True, "schema": _PATH_PARAMETERS[name]}
            for name in re.findall(r"\{(\w+)\}", path)
        ]
        for name, schema in query.items():
            schema = dict(schema)
            text = schema.pop("description", "")
            parameters.append({"name": name, "in": "query", "description": text, "schema": schema})
        contents: dict[str, Any] = {JSON: {"schema": dict(answer or {"type": "object"})}}
        for media, text in also.items():
            contents[media] = {"schema": {"type": "string", "description": text}}
        said = " ".join((view.__doc__ or "").split())
        operation = {
            "operationId": view.__name__,
            "tags": [self._tag],
            "summary": summary,
            "description": said,
            "parameters": parameters,
            "responses": {
                str(status): {"description": "done", "content": contents},
                **{str(code): _error(text) for code, text in errors.items()},
            },
        }
        return {name: value for name, value in operation.items() if value not in ("", [])}


def _error(text: str) -> dict[str, Any]:
    return {"description": text, "content": {JSON: {"schema": ref("Error")}}}
