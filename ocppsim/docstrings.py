"""What the docstring of a message says about its fields.

The docstring of a TypedDict of this package is a summary, a blank line, and one paragraph with an
entry for each field: ``name: text``, its further lines indented. A message without fields has the
summary alone. So the text stands in the code beside the field, and pages and help are made from it.
"""

from __future__ import annotations

import re
from inspect import cleandoc

__all__ = ["field_docs", "summary"]

_ENTRY = re.compile(r"^(\w+): ", re.MULTILINE)


def field_docs(message: type) -> dict[str, str]:
    """Each documented field of the TypedDict `message`, and its text on one line."""
    # split gives what stands before the first entry, then name and text in turns
    _, *parts = _ENTRY.split(_halves(message)[1])
    texts = (" ".join(text.split()) for text in parts[1::2])
    return dict(zip(parts[::2], texts, strict=True))


def summary(message: type) -> str:
    """What the docstring of the TypedDict `message` says before its fields, on one line."""
    return " ".join(_halves(message)[0].split())


def _halves(message: type) -> tuple[str, str]:
    text = cleandoc(message.__doc__ or "")
    if not message.__annotations__:
        return text, ""
    head, _, fields = text.rpartition("\n\n")
    return head, fields
