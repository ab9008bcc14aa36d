"""The Flask application: all routes, and what they answer where something is wrong."""

from __future__ import annotations

import logging

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from ..clock import timestamp
from ..errors import OcppsimError
from . import assets, pages
from . import events as event_routes
from .api import Parts, json_response
from .events import EventLog
from .fleet import Exists, Fleet, Full, Unknown
from .guard import Guard
from .refusal import Refusal, from_error
from .routes import APIS

__all__ = ["create_app"]

_log = logging.getLogger("ocppsim.server")

_HINTS = {404: "GET /openapi.json has all routes; /api shows them"}
_WORDS = {
    400: "the request cannot be read",
    404: "there is nothing here",
    405: "this method does not go with this path",
    413: "the body is too large",
}


def create_app(fleet: Fleet, events: EventLog, guard: Guard, port: int = 0) -> Flask:
    """port: where it is served, as a cookie has to tell it apart from others."""
    app = Flask("ocppsim", static_folder=None)
    app.extensions["ocppsim"] = Parts(fleet, events)
    app.config["OCPPSIM_STARTED"] = timestamp()
    app.url_map.merge_slashes = False
    guard.protect(app, port)
    for api in APIS:
        app.register_blueprint(api.blueprint)
    app.register_blueprint(assets.blueprint)
    app.register_blueprint(pages.blueprint)
    app.register_blueprint(event_routes.blueprint(events))
    app.register_error_handler(Refusal, _refused)
    app.register_error_handler(Unknown, _unknown)
    for kind in (Exists, Full, OcppsimError, ValueError, TypeError, OverflowError):
        app.register_error_handler(kind, _wrong)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _broken)
    return app


def _where() -> str:
    return f"{request.method} {request.path}"


def _answer(refusal: Refusal) -> Response:
    response = json_response(refusal.json(_where()), refusal.status)
    if refusal.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _refused(error: Refusal) -> Response:
    return _answer(error)


def _unknown(error: Unknown) -> Response:
    hint = "GET /cp lists them; POST /cp creates one"
    return _answer(Refusal(404, str(error), where="path: name", hint=hint))


def _wrong(error: Exception) -> Response:
    if isinstance(error, (Exists, Full)):
        return _answer(Refusal(409, str(error), where="body: $.name"))
    return _answer(from_error(error))


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    what = _WORDS.get(status, str(error.description or error.name))
    response = _answer(Refusal(status, what, hint=_HINTS.get(status, "")))
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response


def _broken(error: Exception) -> Response:
    # the path, not the query: nothing secret gets into the log
    _log.error("%s failed", _where(), exc_info=error)
    text = "this is a fault of ocppsim; its log has the traceback"
    return _answer(Refusal(500, text))
