"""How a run went: what is said about it at its end, and the exit status."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from . import logs, session
from .conversation import MAX_VIOLATIONS
from .errors import InvalidPayload
from .trace import TracedFrame, everywhere
from .violation import Violation

__all__ = [
    "DONE",
    "INTERRUPTED",
    "NOT_CONNECTED",
    "RAISED",
    "TERMINATED",
    "USAGE",
    "VIOLATED",
    "judge",
    "say_at_end",
]

DONE, RAISED, USAGE, NOT_CONNECTED, VIOLATED, INTERRUPTED, TERMINATED = 0, 1, 2, 3, 4, 130, 143

_KINDS = 50


def judge(
    status: int,
    violations: Sequence[Violation],
    failures: Sequence[BaseException],
    allow_violations: bool,
) -> int:
    """The exit status, and a few words on standard error where something was wrong.

    status: how the script itself ended; anything but `DONE` stays. failures: of its handlers.
    """
    if not allow_violations:
        # a call of the handler's own that the CSMS answered wrongly: among the violations already
        failures = [error for error in failures if not _of_csms(error)]
    if failures:
        logs.say(_failure_line(failures))
        status = status or RAISED
    if violations:
        logs.say(_summary(violations, allow_violations))
        if not allow_violations:
            status = status or VIOLATED
    return status


def say_at_end() -> None:
    """Have the end of the session say what was sent and received, what was wrong, and what has no
    answer: on standard error, of all frames from now on."""
    frames: list[TracedFrame] = []
    everywhere.append(frames.append)

    def say() -> None:
        from .viewer import from_trace, verdict_json, verdict_text

        everywhere.remove(frames.append)
        entries = from_trace(frames)
        if logs.in_json():
            print(json.dumps(verdict_json(entries)), file=sys.stderr)
        else:
            print(verdict_text(entries), file=sys.stderr)

    session.at_end(say)


def _of_csms(error: BaseException) -> bool:
    return isinstance(error, InvalidPayload) and error.received


def _failure_line(failures: Sequence[BaseException]) -> str:
    first = failures[0]
    what = "a handler failed"
    if len(failures) > 1:
        what = f"handlers failed {_times(len(failures))}, the first with"
    else:
        what += ":"
    return " ".join(f"{what} {type(first).__name__}: {first}".split())


def _summary(violations: Sequence[Violation], allowed: bool) -> str:
    """One line for each charge point, action and rule, with the first one of them."""
    kinds: dict[tuple[str, str | None, str], list[Violation]] = {}
    for violation in violations:
        kind = violation.chargePoint, violation.action, violation.rule
        kinds.setdefault(kind, []).append(violation)
    least = "at least " if len(violations) >= MAX_VIOLATIONS else ""
    head = f"the CSMS broke the protocol {least}{_times(len(violations))}"
    lines = [head + (" (allowed):" if allowed else ":")]
    for (name, action, rule), same in list(kinds.items())[:_KINDS]:
        what = f"{name} {action}" if action else name
        text = f"{what}: {same[0].path}: {same[0].masked_message} [{rule}]"
        if len(same) > 1:
            text += f", {_times(len(same))}"
        lines.append("  " + " ".join(text.split()))
    if len(kinds) > _KINDS:
        lines.append(f"  and {len(kinds) - _KINDS} more kinds")
    return "\n".join(lines)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
