"""The messages of a charge point: filtered, a page at a time, or exported."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from flask import Response

from ...trace_parser import bound
from ...viewer import Entry, Filter, from_trace, mermaid_text, record_line
from ...viewer.entry import TYPES
from ..api import Api, parts, ref
from ..exports import csv_text, replay_script
from ..inputs import JSON, SCRIPT
from ..refusal import Refusal

__all__ = ["api"]

api = Api("messages", "messages")

JSON_LINES = "application/x-ndjson"
CSV = "text/csv"
MERMAID = "text/vnd.mermaid"

_BOUND = {"type": "string", "maxLength": 40}
_FILTERS: dict[str, dict[str, Any]] = {
    "action": {
        "type": "array",
        "items": {"type": "string", "maxLength": 50},
        "maxItems": 50,
        "description": "of an answer, its call's; may be given more than once",
    },
    "direction": {"type": "string", "enum": ["sent", "received"]},
    "type": {
        "type": "array",
        "items": {"type": "string", "enum": list(TYPES)},
        "description": "may be given more than once",
    },
    "errors": {"type": "boolean", "description": "true: CALLERRORs and what breaks the protocol"},
    "since": {**_BOUND, "description": "a number, a time, or a moment in RFC 3339"},
    "until": {**_BOUND, "description": "the same; both are inclusive"},
    "grep": {"type": "string", "maxLength": 200, "description": "stands in the frame"},
}


def _lines(entries: Sequence[Entry]) -> str:
    return "".join(f"{record_line(entry)}\n" for entry in entries)


_EXPORTS: dict[str, tuple[str, Callable[[Sequence[Entry]], str]]] = {
    "jsonl": (JSON_LINES, _lines),
    "csv": (CSV, csv_text),
    "mermaid": (MERMAID, mermaid_text),
    "script": (SCRIPT, replay_script),
}
_FORMAT = {
    "type": "string",
    "enum": list(_EXPORTS),
    "default": "jsonl",
    "description": "jsonl: a record, for ocppsim-trace; csv; mermaid: a diagram; script:"
    " Python that says it all again",
}
_MEDIA = {
    JSON_LINES: "a frame a line",
    CSV: "a frame a row",
    MERMAID: "a sequence diagram",
    SCRIPT: "a script",
}


@api.route(
    "GET",
    "/cp/{name}/messages",
    "Read the messages",
    query={
        **_FILTERS,
        "after": {"type": "integer", "minimum": 0, "description": "only those past this number"},
        "limit": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
    },
    answer=ref("Messages"),
)
def get_messages(name: str, query: dict[str, Any]) -> Any:
    """Oldest first, a page at a time. As many are kept as `trace_size` says; secrets are masked."""
    found, kept = _select(name, query)
    page = found[: query["limit"]]
    following = page[-1].number if len(found) > len(page) else None
    lines = ",".join(map(record_line, page))
    following_text = "null" if following is None else str(following)
    text = f'{{"messages":[{lines}],"next":{following_text},"kept":{kept}}}\n'
    return Response(text, mimetype=JSON)


@api.route(
    "GET",
    "/cp/{name}/messages/export",
    "Export the messages",
    query={
        **_FILTERS,
        "format": _FORMAT,
    },
    answer=ref("Message"),
    also=_MEDIA,
)
def export_messages(name: str, query: dict[str, Any]) -> Any:
    """All that pass the filters. Secrets are masked."""
    found, _ = _select(name, query)
    return _export(found, query["format"])


@api.route(
    "POST",
    "/cp/{name}/messages/export",
    "Export some messages",
    body=ref("Numbers"),
    query={"format": _FORMAT},
    answer=ref("Message"),
    also=_MEDIA,
    example={"numbers": [1, 2]},
)
def export_some_messages(name: str, body: dict[str, Any], query: dict[str, Any]) -> Any:
    """Those of these numbers that are kept. Secrets are masked."""
    found, _ = _select(name, {})
    numbers = set(body["numbers"])
    return _export([entry for entry in found if entry.number in numbers], query["format"])


def _export(entries: Sequence[Entry], form: str) -> Response:
    media, write = _EXPORTS[form]
    return Response(write(entries), mimetype=media)


def _select(name: str, query: dict[str, Any]) -> tuple[list[Entry], int]:
    cp = parts().fleet.get(name).cp
    frames = [] if cp is None else list(cp.trace)
    kept = len(frames)
    after = query.get("after")
    if after is not None:
        frames = [frame for frame in frames if frame.number > after]
    wanted = Filter(
        actions=query.get("action", ()),
        direction=query.get("direction"),
        types=query.get("type", ()),
        errors=query.get("errors", False),
        since=_bound(query, "since"),
        until=_bound(query, "until"),
        grep=query.get("grep"),
    )
    return wanted.select(from_trace(frames)), kept


def _bound(query: dict[str, Any], which: str) -> Any:
    text = query.get(which)
    if text is None:
        return None
    try:
        return bound(text)
    except argparse.ArgumentTypeError as error:
        raise Refusal(400, str(error), where=f"query: {which}") from None
