"""The page: one file of HTML, and what it loads."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, send_from_directory
from werkzeug.exceptions import NotFound

from .refusal import Refusal

__all__ = ["blueprint"]

blueprint = Blueprint("assets", __name__)

_FOLDER = Path(__file__).parent / "web"
# stricter than other pages: what is from the wire cannot become HTML even by mistake
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'"
)
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


@blueprint.get("/")
def page() -> Response:
    answer = send_from_directory(_FOLDER, "index.html", mimetype="text/html")
    answer.headers["Content-Security-Policy"] = _POLICY
    return answer


@blueprint.get("/web/<path:path>")
def asset(path: str) -> Response:
    try:
        return send_from_directory(_FOLDER, path, mimetype=_TYPES.get(Path(path).suffix))
    except NotFound:
        raise Refusal(404, "the page has no such part", where="path") from None
