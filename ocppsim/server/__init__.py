"""The server: a REST API for charge points, events as they happen, scripts over HTTP.

It needs Flask, of the extra ``server``; nothing else imports this package until it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .serving import Server

__all__ = ["Server"]


def __getattr__(name: str) -> Any:
    # so that a part of this package can be had without the whole
    if name == "Server":
        from .serving import Server

        return Server
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
