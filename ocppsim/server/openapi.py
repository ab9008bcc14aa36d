"""The OpenAPI document: put together from what the routes say of themselves."""

from __future__ import annotations

from functools import cache
from typing import Any

from .. import __version__
from .api import ref
from .inputs import JSON
from .routes import APIS
from .schemas import SCHEMAS

__all__ = ["USUAL", "document"]

_DESCRIPTION = """\
Charge points that programs in any language drive. What is wrong is said by a status from 400 to
499 and an object `error`: `what`, `where` and, often, a `hint`. 424 means that the CSMS is the
reason: it could not be reached, refused, answered with a CALLERROR, wrongly or not in time; or that
what was waited for did not come.

On any address but the loopback a token is demanded, as `Authorization: Bearer TOKEN`; the server
prints it at its start."""

_TAGS = {
    "charge points": "Made, connected, removed; and scripts that run with one.",
    "calls": "What a charge point sends.",
    "answers": "What it answers to requests of the CSMS.",
    "messages": "What was said.",
    "events": "What happens, as it happens.",
    "station": "A charge point that lives: the plugin core has to be installed.",
    "configuration": "Configuration keys.",
    "certificates": "Certificates, those of the charge point and those it trusts.",
    "embedded CSMS": "The CSMS in the server's own process: that of `--demo`, and of charge points"
    " that are created without `url`.",
    "protocol": "What there is in OCPP 1.6.",
    "server": "The server itself.",
}

_COMMON = {
    400: "the request cannot be read",
    401: "the token is missing or wrong",
    403: "the Host is not this server, or the page of somebody else asks",
    503: "too many connections",
}
_WITH_NAME = {404: "there is no such charge point, or no such thing of it"}
_WITH_BODY = {
    413: "the body is too large",
    415: "the content type is another one",
    422: "what the body says cannot be",
}
_NOT_NOW = "not now"
_CANNOT_BE = "this cannot be"
USUAL = frozenset(
    [*_COMMON.values(), *_WITH_NAME.values(), *_WITH_BODY.values(), _NOT_NOW, _CANNOT_BE]
)
"""What statuses mean where a route says nothing else of them."""


@cache
def document() -> dict[str, Any]:
    """The document, OpenAPI 3.1. Not to be changed."""
    paths: dict[str, dict[str, Any]] = {}
    for found in (*(api.paths for api in APIS), _event_paths()):
        for path, operations in found.items():
            paths.setdefault(path, {}).update(operations)
    for path, operations in paths.items():
        for operation in operations.values():
            _complete(path, operation)
    tags = [{"name": name, "description": text} for name, text in _TAGS.items()]
    return {
        "openapi": "3.1.0",
        "info": {"title": "ocppsim", "version": __version__, "description": _DESCRIPTION},
        "servers": [{"url": "/"}],
        "security": [{}, {"token": []}],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _event_paths() -> dict[str, dict[str, Any]]:
    from .events import PATHS

    return PATHS


def _complete(path: str, operation: dict[str, Any]) -> None:
    """Add the statuses that any route may answer with."""
    found = dict(_COMMON)
    if "{" in path:
        found.update(_WITH_NAME)
    if "requestBody" in operation:
        found.update(_WITH_BODY)
    if operation.get("operationId") not in _CALM:
        found.setdefault(409, _NOT_NOW)
        found.setdefault(422, _CANNOT_BE)
    responses = operation["responses"]
    for status, text in found.items():
        content = {JSON: {"schema": ref("Error")}}
        responses.setdefault(str(status), {"description": text, "content": content})
    operation["responses"] = dict(sorted(responses.items()))


# what looks at things alone
_CALM = frozenset(["list_charge_points", "get_admin", "list_actions", "list_plugins"])
