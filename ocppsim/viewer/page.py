"""A conversation as one HTML page that needs nothing else: no network, no other file.

The page draws itself from JSON. What came over the wire gets into it as JSON whose ``<``, ``>`` and
``&`` are escaped, and from there into the document as text only; the page's content security policy
allows its own script and style and nothing else.
"""

from __future__ import annotations

import html
import json
import re
from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from ..clock import timestamp
from ..rpc import to_json
from .entry import Entry
from .reader import Problem
from .statistics import Row, percentile, statistics, totals
from .text import clock, duration, milliseconds, summary, visible
from .verdict import verdict

__all__ = ["html_page"]

MAX_PROBLEMS = 100


def html_page(
    entries: Sequence[Entry], *, title: str = "record", problems: Sequence[Problem] = ()
) -> str:
    """The page, to be written as UTF-8. title: of the record, its file name for instance.

    problems: what of the record could not be read.
    """
    style = _asset("page.css")
    # one scope of their own: names like open and focus are the browser's outside it
    script = f'"use strict";(() => {{\n{_asset("page_parts.js")}\n{_asset("page.js")}}})();'
    policy = (
        f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(script)}"
    )
    parts = {
        "title": html.escape(visible(title)),
        "policy": policy + "; base-uri 'none'; form-action 'none'",
        "style": style,
        "script": script,
        "data": _embedded(_data(entries, problems)),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], _asset("page.html"))


@cache
def _asset(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _embedded(value: Any) -> str:
    """JSON that is safe inside a script element, ASCII only."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _data(entries: Sequence[Entry], problems: Sequence[Problem]) -> dict[str, Any]:
    names = list(dict.fromkeys(entry.chargePoint for entry in entries))
    judgement = verdict(entries)
    rows = statistics(entries)
    both = totals(rows)
    # what a tester asks: how fast did the CSMS answer
    answers = both[0].latencies
    sentence = judgement.line.removeprefix("VERDICT: ")
    wrong = (len(judgement.violations), len(judgement.unanswered))
    tiles: list[tuple[str, str, str, bool]] = [
        ("Frames", str(len(entries)), "", False),
        ("Calls", str(judgement.sent["CALL"] + judgement.received["CALL"]), "", False),
        (
            "CALLERRORs",
            str(judgement.sent["CALLERROR"] + judgement.received["CALLERROR"]),
            "",
            False,
        ),
        ("Violations", str(wrong[0]), "", wrong[0] > 0),
        ("Unanswered", str(wrong[1]), "", wrong[1] > 0),
        _latency("CSMS p50", answers, 50),
        _latency("CSMS p95", answers, 95),
    ]
    return {
        "chargePoints": [visible(name) or "?" for name in names],
        "span": _span(entries, len(names)),
        "verdict": sentence[0].upper() + sentence[1:],
        "judged": "none" if not entries else "good" if judgement.good else "wrong",
        "tiles": tiles,
        "problems": [visible(str(problem)) for problem in problems[:MAX_PROBLEMS]],
        "unread": f"{len(problems)} line{'' if len(problems) == 1 else 's'}",
        "actions": _actions(rows, [total for total in both if total.count or total.latencies]),
        "frames": _frames(entries, names),
    }


def _latency(name: str, values: Sequence[float], p: float) -> tuple[str, str, str, bool]:
    value, _, unit = duration(percentile(values, p)).partition(" ")
    return name, value or "–", unit, False


def _span(entries: Sequence[Entry], charge_points: int) -> str:
    words = []
    times = [entry.time for entry in entries if entry.time is not None]
    if times:
        first, last = min(times), max(times)
        end = clock(last, date=first.date() != last.date())
        words.append(f"{clock(first, date=True)} – {end} UTC")
        words.append(_duration((last - first).total_seconds()))
    words.append(f"{charge_points} charge point{'' if charge_points == 1 else 's'}")
    return " · ".join(words)


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.3g} s" if seconds < 1 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 120:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _actions(rows: Sequence[Row], sums: Sequence[Row]) -> list[list[str | None]]:
    """The table of actions; the first is the head. An action is None in a sum, "" if not known."""
    head = ["action", "call", "count", "answered", "errors", "invalid", "unanswered"]
    table: list[list[str | None]] = [[*head, "p50 ms", "p95 ms", "p99 ms"]]
    for row in [*rows, *sums]:
        name = None if row.action == "*" else visible(row.action or "")
        counts = (row.count, row.answered, row.errors, row.invalid, row.unanswered)
        latencies = [milliseconds(percentile(row.latencies, p)) or "–" for p in (50, 95, 99)]
        table.append([name, row.direction, *map(str, counts), *latencies])
    return table


def _frames(entries: Sequence[Entry], names: Sequence[str]) -> list[dict[str, Any]]:
    place = {name: position for position, name in enumerate(names)}
    position = {id(entry): index for index, entry in enumerate(entries)}
    frames = []
    for entry in entries:
        partner = entry.call or entry.answer
        is_json = entry.array is not None
        text = to_json(entry.body) if is_json and entry.type != "bad" else entry.text
        lost = entry.is_call and entry.answer is None
        frame: dict[str, Any] = {
            "number": entry.number,
            "time": entry.time and timestamp(entry.time, timespec="microseconds"),
            "ms": entry.time and round(entry.time.timestamp() * 1000),
            "cp": place[entry.chargePoint],
            "sent": entry.direction == "sent",
            "type": entry.type,
            "action": None if entry.action is None else visible(entry.action),
            "id": None if entry.unique_id is None else visible(entry.unique_id),
            "summary": summary(entry, 160),
            "json": is_json,
            "body": visible(text),
            "took": duration(entry.waited),
            "pair": position.get(id(partner)) if partner is not None else None,
        }
        if entry.faults:
            frame["faults"] = [
                [visible(f.path), visible(f.message), visible(f.rule)] for f in entry.faults
            ]
        frame |= {name: True for name, on in (("lost", lost), ("late", entry.late)) if on}
        frames.append(frame)
    return frames
