"""Looks at what was said: a record file, or the trace of a running charge point.

::

    from ocppsim.viewer import from_trace, html_page, verdict_text

    entries = from_trace(cp.trace)
    print(verdict_text(entries))
    Path("run.html").write_text(html_page(entries, title="my run"), encoding="utf-8")

`read_record` reads what ``ocppsim --record FILE`` wrote; the program ``ocppsim-trace`` is made of
these functions.
"""

from .entry import Entry, from_trace
from .filters import Filter
from .mermaid import mermaid_text
from .page import html_page
from .reader import Problem, Record, read_record
from .statistics import statistics_json, statistics_text
from .table import table_lines
from .verdict import verdict_json, verdict_text
from .writer import record_line

__all__ = [
    "Entry",
    "Filter",
    "Problem",
    "Record",
    "from_trace",
    "html_page",
    "mermaid_text",
    "read_record",
    "record_line",
    "statistics_json",
    "statistics_text",
    "table_lines",
    "verdict_json",
    "verdict_text",
]
