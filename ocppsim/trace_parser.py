"""The command line of ``ocppsim-trace``; a man page is built from it.

Standard library only and without relative imports, so that a build can load this file by itself.
"""

from __future__ import annotations

import argparse
import re
from datetime import UTC, datetime, time

__all__ = ["bound", "trace_parser"]

_DESCRIPTION = """\
Shows a record of OCPP frames that ocppsim --record FILE has written: as a table (without any of
the options for that), as statistics, as a verdict, as a sequence diagram for Mermaid, or as one
HTML page that needs no network. Filters choose the frames; a frame is shown if it passes all.
"""

_EPILOG = """\
Exit codes: 0 if the whole file could be read; 1 if a line could not be read, or the output not be
written: what could be read is shown, the lines that could not are named on standard error; 2 if the
command line is wrong or there is no such file.

In the table an arrow to the right is a frame that the charge point sent, one to the left a frame
that it received; what is wrong with a frame stands below it after an exclamation mark; an asterisk
marks an answer that came after its call had timed out. Colours are used on a terminal; the
environment variable NO_COLOR turns them off, FORCE_COLOR on.

Latencies are those of answers, from call to answer. A percentile is found by nearest rank: the
smallest measured value that at least so many percent of the values do not exceed.
"""

_TYPES = ("CALL", "CALLRESULT", "CALLERROR", "bad")


def trace_parser() -> argparse.ArgumentParser:
    """The parser of ``ocppsim-trace``."""
    parser = argparse.ArgumentParser(prog="ocppsim-trace", description=_DESCRIPTION, epilog=_EPILOG)
    parser.add_argument("file", metavar="FILE", help="the record; - reads standard input")
    _add_filters(parser.add_argument_group("filters"))
    _add_outputs(parser.add_argument_group("what is shown"))
    return parser


def _add_filters(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--action",
        metavar="ACTION",
        action="append",
        default=[],
        help="only frames of this action, calls and their answers; may be given more than once",
    )
    group.add_argument(
        "--charge-point",
        metavar="NAME",
        action="append",
        default=[],
        help="only frames of this charge point; may be given more than once",
    )
    group.add_argument(
        "--direction",
        choices=("sent", "received"),
        help="only frames that the charge point sent, or received",
    )
    group.add_argument(
        "--type",
        metavar="TYPE",
        type=_type,
        action="append",
        default=[],
        help="only CALL, CALLRESULT or CALLERROR frames, or bad ones, which are none of these; may"
        " be given more than once",
    )
    group.add_argument(
        "--errors",
        action="store_true",
        help="only CALLERRORs and frames that break the protocol",
    )
    group.add_argument(
        "--since",
        metavar="WHEN",
        type=bound,
        help="only frames from here on: a frame's number (17), a time (2026-01-31T12:00:00Z), or a"
        " time of the day the record begins on (12:00:00); UTC if no zone is given",
    )
    group.add_argument(
        "--until", metavar="WHEN", type=bound, help="only frames up to here, this one too"
    )
    group.add_argument(
        "--grep",
        metavar="TEXT",
        help="only frames whose text, as compact JSON, has this in it; case does not matter",
    )


def _add_outputs(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--stats",
        action="store_true",
        help="a table of counts and latencies per action and direction of the call",
    )
    group.add_argument(
        "--verdict",
        action="store_true",
        help="what was sent and received, violations by the CSMS, calls without an answer, late"
        " answers; the last line sums it up",
    )
    group.add_argument(
        "--mermaid", action="store_true", help="a sequence diagram, as text for Mermaid"
    )
    group.add_argument(
        "--html",
        metavar="OUT",
        help="write a page to this file (- is standard output): the conversation as a sequence"
        " diagram, with each payload to open",
    )
    group.add_argument(
        "--json",
        action="store_true",
        help="JSON in place of text: the frames as lines of a record; with --stats or --verdict one"
        " line each of these",
    )
    group.add_argument(
        "--full",
        action="store_true",
        help="do not cut the table to the width of the terminal (it is cut nowhere else)",
    )


def _type(text: str) -> str:
    for name in _TYPES:
        if name.casefold() == text.casefold():
            return name
    raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(_TYPES)}")


def bound(text: str) -> int | datetime | time:
    """A number, an aware moment, or a time of day."""
    if text.isascii() and text.isdigit() and len(text) < 16:
        return int(text)
    try:
        if re.match(r"\d\d:\d\d", text):
            return time.fromisoformat(text)
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither a number nor a time (2026-01-31T12:00:00Z or 12:00:00)"
        ) from None
