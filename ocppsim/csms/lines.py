"""Frames as lines of a log: short, on one line, without secrets."""

from __future__ import annotations

from typing import Any

from .. import rpc
from ..masking import mask_text

__all__ = ["payload_line", "printable", "text_line"]

_LIMIT = 1000


def payload_line(payload: Any) -> str:
    """A payload as JSON."""
    try:
        return text_line(rpc.to_json(payload))
    except (TypeError, ValueError, RecursionError):
        return text_line(repr(payload))


def text_line(message: str | bytes) -> str:
    """Any message, maybe not JSON: the first 1,000 characters, control characters escaped."""
    if isinstance(message, bytes):
        head = message[:40].hex(" ")
        return f"{len(message)} bytes: {head}{' ...' if len(message) > 40 else ''}"
    # masked before it is cut: half a password would not be recognised
    text = mask_text(message)
    if len(text) > _LIMIT:
        text = f"{text[:_LIMIT]}... ({len(text)} characters)"
    return printable(text)


def printable(text: str) -> str:
    """`text` with what would break or colour a line escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
