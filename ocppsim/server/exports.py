"""Messages in other forms: a table for spreadsheets, and a script that says them again."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any

from ..clock import timestamp
from ..v16.actions import PROTOCOL
from ..viewer import Entry

__all__ = ["csv_text", "replay_script"]

_WIDTH = 70
_COLUMNS = "number time chargePoint direction type action uniqueId latency faults frame".split()


def csv_text(entries: Sequence[Entry]) -> str:
    """RFC 4180, with a row of titles. latency: s. faults: a path and a message each.

    A text that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(_COLUMNS)
    for entry in entries:
        writer.writerow(
            [
                entry.number,
                timestamp(entry.time, timespec="microseconds") if entry.time else "",
                _cell(entry.chargePoint),
                entry.direction,
                entry.type,
                _cell(entry.action or ""),
                _cell(entry.unique_id or ""),
                "" if entry.latency is None else f"{entry.latency:.6f}",
                _cell("; ".join(map(str, entry.faults))),
                _cell(entry.text),
            ]
        )
    return file.getvalue()


def _cell(text: str) -> str:
    text = text.replace("\x00", "\\0")
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def replay_script(entries: Sequence[Entry]) -> str:
    """A script that does what the charge point did: its calls in their order, its answers to the
    CSMS, whose requests it waits for where they came. Transaction ids are those that the CSMS gives
    this time."""
    name = entries[0].chargePoint if entries else "CP1"
    lines = [_HEAD.format(name=_atom(name))]
    body = list(_steps(entries))
    if not body:
        body = ["pass  # there were no messages"]
    lines += [f"    {line}" if line else "" for step in body for line in step.split("\n")]
    return "\n".join(lines) + "\n"


_HEAD = '''"""What a charge point said, once more: ocppsim SCRIPT, with --url for where to."""

from ocppsim import CallError, connect

transactions = {{}}  # the id in the record, and the one that the CSMS gives now
answers = {{}}  # to the requests of the CSMS: of each action in their order
seen = {{}}


def transaction(number):
    return transactions.get(number, number)


def say(action, payload):
    try:
        return cp.call(action, payload, validate=False)
    except CallError as error:
        print(f"{{action}}: {{error}}")
        return {{}}


def answer(request):
    waiting = answers.get(request.action)
    if not waiting:
        return None
    kind, given = waiting.pop(0)
    if kind == "error":
        return request.reply_error(*given)
    return request.reply(given, validate=False)


def asked(action):
    frame = cp.wait_for_request(action, after=seen.get(action, 0))
    seen[action] = frame.number


with connect(name={name}) as cp:'''


def _steps(entries: Sequence[Entry]) -> Iterator[str]:
    requests = [one for one in entries if one.direction == "received" and one.type == "CALL"]
    for action in dict.fromkeys(one.action or "" for one in requests):
        given = [one.answer for one in requests if (one.action or "") == action]
        told = [_given(answer) for answer in given if answer is not None]
        if told:
            yield f"answers[{_atom(action)}] = {_python(told)}"
            yield f"cp.on({_atom(action)}, answer)"
    if requests:
        yield ""
    for entry in entries:
        if entry.type == "CALL" and entry.direction == "received":
            yield f"asked({_atom(entry.action)})"
        elif entry.direction == "sent" and entry.type == "CALL":
            yield _call(entry)
        elif entry.direction == "sent" and entry.type == "bad":
            data = entry.raw if isinstance(entry.raw, bytes) else entry.text
            yield f"cp.send_raw({data!r})"


def _given(answer: Entry) -> tuple[str, Any]:
    body = answer.body
    if answer.type == "CALLERROR":
        values = list(body.values()) if isinstance(body, dict) else []
        return "error", tuple(values)
    return "payload", body


def _call(entry: Entry) -> str:
    call = f"say({_atom(entry.action)}, {_python(entry.body)})"
    if entry.action not in PROTOCOL.from_charge_point:
        return call
    answer = entry.answer.body if entry.answer is not None else None
    number = answer.get("transactionId") if isinstance(answer, dict) else None
    if entry.action == "StartTransaction" and isinstance(number, int):
        return f"transactions[{number}] = {call}.get('transactionId', {number})"
    return call


def _python(value: Any, indent: int = 0) -> str:
    """`value` as Python writes it; on lines of its own where one is not enough. Transaction ids are
    looked up."""
    if isinstance(value, (dict, list, tuple)):
        brackets = {dict: "{}", list: "[]"}.get(type(value), "()")
        inner = indent + 4
        items = (
            [f"{_atom(name)}: {_member(name, item, inner)}" for name, item in value.items()]
            if isinstance(value, dict)
            else [_python(item, inner) for item in value]
        )
        comma = "," if isinstance(value, tuple) and len(items) == 1 else ""
        flat = brackets[0] + ", ".join(items) + comma + brackets[1]
        if len(flat) + indent <= _WIDTH and "\n" not in flat:
            return flat
        lines = "".join(f"{' ' * inner}{item},\n" for item in items)
        return f"{brackets[0]}\n{lines}{' ' * indent}{brackets[1]}"
    return _atom(value)


def _member(name: str, value: Any, indent: int) -> str:
    if name == "transactionId" and type(value) is int:
        return f"transaction({value})"
    return _python(value, indent)


def _atom(value: Any) -> str:
    return json.dumps(value) if isinstance(value, str) else repr(value)
