"""An entry as a line of a record again."""

from __future__ import annotations

from typing import Any

from ..clock import timestamp
from ..rpc import to_json
from .entry import Entry

__all__ = ["record_line"]


def record_line(entry: Entry) -> str:
    """One line of JSON, without a line end; `read_record` reads it back."""
    line: dict[str, Any] = {
        "number": entry.number,
        "time": entry.time and timestamp(entry.time, timespec="microseconds"),
        "chargePoint": entry.chargePoint,
        "direction": entry.direction,
        "type": entry.type,
        "action": entry.action,
        "uniqueId": entry.unique_id,
    }
    if entry.array is not None:
        line["frame"] = entry.array
    elif isinstance(entry.raw, str):
        line["text"] = entry.raw
    else:
        line["base64"] = entry.text
    line["latency"] = entry.latency
    line["faults"] = [{"path": f.path, "rule": f.rule, "message": f.message} for f in entry.faults]
    return to_json(line)
