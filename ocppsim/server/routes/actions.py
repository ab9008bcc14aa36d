"""The protocol: which actions there are, and what their payloads hold."""

from __future__ import annotations

from functools import cache

from flask import Response

from ...v16.actions import PROTOCOL
from ..api import Api, json_response, ref
from ..catalogue import catalogue

__all__ = ["api"]

api = Api("actions", "protocol")


@api.route("GET", "/actions", "List the actions of OCPP 1.6", answer=ref("Actions"))
def list_actions() -> Response:
    """With those of the security extension. `request` and `response` are JSON Schemas, in which
    each field has a `description`, and a `unit` where the message has one."""
    return Response(_text(), mimetype="application/json")


@cache
def _text() -> bytes:
    return json_response(catalogue(PROTOCOL)).get_data()
