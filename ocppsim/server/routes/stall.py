"""A line that is dead for a while."""

from __future__ import annotations

from typing import Any

from ..api import Api, parts, ref
from .charge_points import shown

__all__ = ["api"]

api = Api("stall", "charge points")


@api.route(
    "POST",
    "/cp/{name}/stall",
    "Neither read nor write for a while",
    body=ref("Stall"),
    answer=ref("ChargePoint"),
    errors={409: "it is not connected"},
    example={"seconds": 10},
)
def stall(name: str, body: dict[str, Any]) -> Any:
    """The connection stays open, as on a line that is dead and comes back: pings get no pong, calls
    wait or time out, and what came in is read afterwards. The answer comes at once; 0 ends it, and
    so does to disconnect."""
    entry = parts().fleet.get(name)
    entry.made().stall(body["seconds"])
    return shown(entry)
