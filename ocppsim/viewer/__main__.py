"""``ocppsim-trace``: a record of frames, shown. Also ``python -m ocppsim.viewer``."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from json import dumps

from ..completion import complete
from ..trace_parser import trace_parser
from .entry import Entry
from .filters import Filter
from .mermaid import MAX_TEXT, mermaid_text
from .page import html_page
from .reader import Problem, Record, read_record
from .statistics import statistics_json, statistics_text
from .table import table_lines
from .verdict import verdict_json, verdict_text
from .writer import record_line

__all__ = ["main"]

MAX_PROBLEMS = 20


def main(argv: Sequence[str] | None = None) -> int:
    """Show a record; the exit code (see the epilog of the parser)."""
    parser = trace_parser()
    complete(parser)
    options = parser.parse_args(argv)
    if options.json and (options.mermaid or options.html):
        parser.error("--json goes with the table, --stats and --verdict only")
    if options.html not in (None, "-") and _same_file(options.file, options.html):
        parser.error(f"--html would overwrite {options.file}")
    try:
        record = _read(options.file)
    except OSError as error:
        print(f"ocppsim-trace: {options.file}: {error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    try:
        _tell(record.problems, options.file)
        _show(record, options)
        sys.stdout.flush()
    except BrokenPipeError:
        # the reader of our output (head) has seen enough; nothing is to be flushed at the exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"ocppsim-trace: {where}{error.strerror or error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 1 if record.problems else 0


def _read(path: str) -> Record:
    """Raises OSError."""
    if path == "-":
        return read_record(sys.stdin.buffer)
    with open(path, "rb") as file:
        return read_record(file)


def _show(record: Record, options: argparse.Namespace) -> None:
    entries = _filter(options).select(record.entries)
    if record.entries and not entries:
        print("ocppsim-trace: no frame passes the filters", file=sys.stderr)
    if options.html:
        _write_page(entries, record.problems, options)
    sections = []
    if options.stats:
        as_json = dumps(statistics_json(entries)) + "\n" if options.json else ""
        sections.append(as_json or statistics_text(entries))
    if options.verdict:
        as_json = dumps(verdict_json(entries)) + "\n" if options.json else ""
        sections.append(as_json or verdict_text(entries))
    if options.mermaid:
        text = mermaid_text(entries)
        if len(text) > MAX_TEXT:
            print(
                f"ocppsim-trace: Mermaid draws at most {MAX_TEXT} characters, this has {len(text)}:"
                " choose frames with filters, or raise its maxTextSize",
                file=sys.stderr,
            )
        sections.append(text)
    if sections:
        _print(("" if options.json else "\n").join(sections))
    elif not options.html:
        for line in _table(entries, options):
            _print(line + "\n")


def _table(entries: Sequence[Entry], options: argparse.Namespace) -> Iterator[str]:
    if options.json:
        return map(record_line, entries)
    if not entries:
        return iter(())
    terminal = sys.stdout.isatty()
    wide = shutil.get_terminal_size().columns if terminal and not options.full else None
    return table_lines(entries, columns_wide=wide, colour=_colour(terminal))


def _write_page(
    entries: Sequence[Entry], problems: Sequence[Problem], options: argparse.Namespace
) -> None:
    name = "standard input" if options.file == "-" else os.path.basename(options.file)
    page = html_page(entries, title=name, problems=problems)
    if options.html == "-":
        _print(page)
        return
    with open(options.html, "w", encoding="utf-8") as file:
        file.write(page)


def _filter(options: argparse.Namespace) -> Filter:
    return Filter(
        actions=options.action,
        charge_points=options.charge_point,
        direction=options.direction,
        types=options.type,
        errors=options.errors,
        since=options.since,
        until=options.until,
        grep=options.grep,
    )


def _tell(problems: Sequence[Problem], path: str) -> None:
    for problem in problems[:MAX_PROBLEMS]:
        print(f"ocppsim-trace: {path}: {problem}", file=sys.stderr)
    if len(problems) > MAX_PROBLEMS:
        more = len(problems) - MAX_PROBLEMS
        last = problems[-1].line
        print(f"ocppsim-trace: {path}: and {more} more, up to line {last}", file=sys.stderr)


def _print(text: str) -> None:
    """To standard output; what its encoding does not have is escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))


def _colour(terminal: bool) -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    return terminal or bool(os.environ.get("FORCE_COLOR"))


def _same_file(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
