"""Pages for people: the API, the documentation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, redirect, request, send_from_directory

from .openapi import document
from .refusal import Refusal

__all__ = ["DOCS", "blueprint", "curl"]

blueprint = Blueprint("pages", __name__)

_HERE = Path(__file__).parent
DOCS = [_HERE / "docs", _HERE.parents[1] / "docs" / "_build" / "html"]
"""Where the built documentation may lie: in a wheel; in a clone."""


@blueprint.get("/openapi.json")
def openapi() -> Response:
    return Response(json.dumps(document(), indent=2) + "\n", mimetype="application/json")


@blueprint.get("/style.css")
def style() -> Response:
    return Response(_STYLE, mimetype="text/css")


@blueprint.get("/api")
def api() -> Response:
    return _page("The API of ocppsim", "\n".join(_api_page(request.host_url.rstrip("/"))))


@blueprint.get("/docs")
def docs_folder() -> Any:
    return redirect("/docs/", 308)


@blueprint.get("/docs/")
def docs_start() -> Any:
    if _docs() is None:
        return _page(
            "Documentation",
            "<h1>Documentation</h1><p>It is not built here. In a clone of ocppsim,"
            " <code>make docs</code> builds it; a wheel has it.</p>",
        )
    return docs("index.html")


@blueprint.get("/docs/<path:path>")
def docs(path: str) -> Any:
    folder = _docs()
    if folder is None:
        raise Refusal(404, "the documentation is not built here", hint="/docs/ says how to get it")
    if (folder / path).is_dir():
        path = f"{path.rstrip('/')}/index.html"
    try:
        return send_from_directory(folder, path)
    except Exception:
        text = "there is no such page of the documentation"
        raise Refusal(404, text, hint="/docs/ is its start") from None


def _docs() -> Path | None:
    return next((folder for folder in DOCS if (folder / "index.html").is_file()), None)


def _page(title: str, body: str) -> Response:
    return Response(
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}'
        '</title><meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
        f'<link rel="stylesheet" href="/style.css"></head>\n<body><main>{body}</main></body>'
        "</html>\n",
        mimetype="text/html",
    )


def curl(method: str, path: str, operation: dict[str, Any], base: str) -> str:
    """A line for a shell that asks for it, with example values."""
    action = "BootNotification" if path == "/cp/{name}/call/{action}" else "Reset"
    values = {"name": "CP1", "action": action, "key": "WebSocketPingInterval"}
    for name, value in values.items():
        path = path.replace(f"{{{name}}}", value)
    streams = "text/event-stream" in operation["responses"].get("200", {}).get("content", ())
    parts = ["curl", "-sN" if streams else "-s"]
    if method != "GET":
        parts.append(f"-X {method}")
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        example = content.get("example", {})
        text = example if isinstance(example, str) else json.dumps(example)
        parts += [f"-H 'Content-Type: {media}'", f"-d '{text.strip()}'"]
    parts.append(f"{base}{path}")
    return " ".join(parts)


def _api_page(base: str) -> Iterator[str]:
    """base: where this server is, as whoever asks calls it."""
    found = document()
    yield "<h1>The API of ocppsim</h1>"
    for part in found["info"]["description"].split("\n\n"):
        yield f"<p>{_prose(part)}</p>"
    yield '<p><a href="/openapi.json">openapi.json</a> is the same for programs.</p><nav><ul>'
    for tag in found["tags"]:
        yield f'<li><a href="#{_id(tag["name"])}">{escape(tag["name"])}</a></li>'
    yield "</ul></nav>"
    for tag in found["tags"]:
        yield f'<h2 id="{_id(tag["name"])}">{escape(tag["name"].capitalize())}</h2>'
        yield f"<p>{_prose(tag['description'])}</p>"
        for path, operations in found["paths"].items():
            for method, operation in operations.items():
                if tag["name"] in operation.get("tags", ()):
                    yield from _operation(method.upper(), path, operation, base)
    yield "<h2>Schemas</h2>"
    for name, schema in found["components"]["schemas"].items():
        yield f'<details id="schema-{escape(name)}"><summary>{escape(name)}</summary>'
        yield f"<pre>{escape(json.dumps(schema, indent=2))}</pre></details>"


def _operation(method: str, path: str, operation: dict[str, Any], base: str) -> Iterator[str]:
    anchor = operation.get("operationId", "")
    yield f'<section id="{escape(anchor)}"><h3><b>{method}</b> <code>{escape(path)}</code></h3>'
    said = _prose(operation.get("description", ""))
    yield f"<p>{escape(operation.get('summary', ''))}. {said}</p>"
    rows = [
        (p["name"], p["in"], p.get("description", ""), p["schema"])
        for p in operation.get("parameters", ())
    ]
    if rows:
        yield "<table><tr><th>parameter</th><th>in</th><th>what</th></tr>"
        for name, place, text, schema in rows:
            said = ", ".join(filter(None, (text, _brief(schema))))
            yield f"<tr><td><code>{escape(name)}</code></td><td>{place}</td>"
            yield f"<td>{escape(said)}</td></tr>"
        yield "</table>"
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"<p>Body: <code>{escape(media)}</code>, {_schema(content['schema'])}</p>"
    yield "<table><tr><th>status</th><th>what</th></tr>"
    for status, answer in operation["responses"].items():
        content = answer.get("content", {})
        held = ", ".join(
            f"<code>{escape(media)}</code> {_schema(of.get('schema', {}))}"
            for media, of in content.items()
        )
        yield f"<tr><td>{status}</td><td>{escape(answer.get('description', ''))}: {held}</td></tr>"
    yield "</table>"
    yield f"<pre>{escape(curl(method, path, operation, base))}</pre></section>"


def _schema(schema: dict[str, Any]) -> str:
    name = schema.get("$ref", "").rpartition("/")[2]
    if name:
        return f'<a href="#schema-{escape(name)}">{escape(name)}</a>'
    if schema.get("properties"):
        return (
            f"an object of {', '.join(f'<code>{escape(p)}</code>' for p in schema['properties'])}"
        )
    return escape(schema.get("description", ""))


def _brief(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return ""
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    parts = [str(schema.get("type", ""))]
    for word, name in (("minimum", "from"), ("maximum", "to"), ("default", "default")):
        if word in schema:
            parts.append(f"{name} {json.dumps(schema[word])}")
    return " ".join(filter(None, parts))


def _prose(text: str) -> str:
    """`code` in backticks."""
    pieces = escape(text).split("`")
    return "".join(f"<code>{p}</code>" if i % 2 else p for i, p in enumerate(pieces))


def _id(text: str) -> str:
    return text.replace(" ", "-")


_STYLE = """\
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --mark: #0a7d4f; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; }
main { max-width: 56rem; margin: 0 auto; padding: 2rem 1rem 6rem; }
h2 { margin-top: 3rem; border-bottom: 1px solid var(--line); }
h3 { margin-top: 2rem; font-weight: 400; }
h3 b { color: var(--mark); }
code, pre { font: 0.9em/1.5 ui-monospace, monospace; }
pre { background: var(--soft); padding: 0.75rem 1rem; overflow-x: auto; border-radius: 6px; }
table { border-collapse: collapse; width: 100%; margin: 0.5rem 0; }
th, td { text-align: left; padding: 0.3rem 0.75rem 0.3rem 0; vertical-align: top;
  border-bottom: 1px solid var(--line); }
th { font-weight: 600; }
nav ul { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; list-style: none; padding: 0; }
summary { cursor: pointer; padding: 0.2rem 0; }
:focus-visible { outline: 2px solid var(--mark); outline-offset: 2px; }
@media (prefers-color-scheme: dark) { :root { --mark: #4cc38a; } a { color: #8ab4f8; } }
"""
