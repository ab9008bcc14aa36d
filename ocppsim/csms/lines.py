"""Frames as lines of a log: short, on one line, without passwords."""

from __future__ import annotations

import re
from typing import Any

from .. import rpc

__all__ = ["payload_line", "printable", "text_line"]

_LIMIT = 1000
_USERINFO = re.compile(r'(://[^/\s:@"]*):[^/\s"]*@')
# in JSON that is not understood, the value may stand before its key or after it
_KEY_VALUE = re.compile(
    r'("AuthorizationKey"[^{}]{0,80}?"value"\s*:\s*")(?:\\.|[^"\\])*|'
    r'("value"\s*:\s*")(?:\\.|[^"\\])*(?="[^{}]{0,80}?"AuthorizationKey")',
    re.IGNORECASE,
)


def payload_line(payload: Any) -> str:
    """A payload as JSON."""
    try:
        return text_line(rpc.to_json(payload))
    except (TypeError, ValueError, RecursionError):
        return text_line(repr(payload))


def text_line(message: str | bytes) -> str:
    """Any message, maybe not JSON: the first 1,000 characters, control characters escaped.

    The password of a URL and the value of the configuration key AuthorizationKey are masked.
    """
    if isinstance(message, bytes):
        head = message[:40].hex(" ")
        return f"{len(message)} bytes: {head}{' ...' if len(message) > 40 else ''}"
    # masked before it is cut: half a password would not be recognised
    text = message
    if "://" in text:
        text = _USERINFO.sub(r"\1:***@", text)
    if "authorizationkey" in text.lower():
        text = _KEY_VALUE.sub(lambda match: f"{match[1] or match[2]}***", text)
    if len(text) > _LIMIT:
        text = f"{text[:_LIMIT]}... ({len(text)} characters)"
    return printable(text)


def printable(text: str) -> str:
    """`text` with what would break or colour a line escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
