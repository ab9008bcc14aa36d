"""Scripts and the command ``ocppsim`` in processes of their own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

__all__ = ["ROOT", "environment", "ocppsim", "python", "start", "write"]

ROOT = Path(__file__).parent.parent
_PATIENCE = 30.0


def write(path: Path, text: str) -> Path:
    """A script at `path`; `text` may be indented."""
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path


def environment(**variables: str) -> dict[str, str]:
    """What the process finds; this package among it."""
    kept = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", **variables}


def python(
    *args: object, stdin: str = "", cwd: Path | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments to its end."""
    return subprocess.run(
        [sys.executable, *map(str, args)],
        input=textwrap.dedent(stdin),
        capture_output=True,
        encoding="utf-8",
        cwd=cwd,
        env=environment(**variables),
        timeout=_PATIENCE,
        check=False,
    )


def ocppsim(
    *args: object, stdin: str = "", cwd: Path | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return python("-m", "ocppsim", *args, stdin=stdin, cwd=cwd, **variables)


def interruptible() -> None:
    """In the child: minds Ctrl-C, also where these tests run in the background and do not."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@contextlib.contextmanager
def start(*args: object, stdin: int | None = None) -> Iterator[subprocess.Popen[str]]:
    """The command as it runs; its standard output and error are pipes. Killed at the end."""
    with subprocess.Popen(
        [sys.executable, "-m", "ocppsim", *map(str, args)],
        preexec_fn=interruptible,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=environment(),
    ) as process:
        try:
            yield process
        finally:
            process.kill()
