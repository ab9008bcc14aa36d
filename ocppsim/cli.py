"""The command ``ocppsim``; also ``python -m ocppsim``."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence

from . import logs, runner
from .parser import ocppsim_parser, parse, screen_level
from .record import record
from .verdict import INTERRUPTED, USAGE

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a script as the command line says; the exit status (see the epilog of the parser).

    To be called from the main thread, for the signals. Raises SystemExit as argparse does: for
    --help and --version, and with 2 where the command line is wrong.
    """
    options = parse(ocppsim_parser(), sys.argv[1:] if argv is None else argv, os.environ)
    variables = {
        "OCPPSIM_URL": options.url,
        "OCPPSIM_RESPONSE_TIMEOUT": options.response_timeout,
    }
    done = logs.environment_is_done()
    try:
        script = runner.read_script(options.script)
        logs.verbose(screen_level(vars(options)), log_json=bool(options.log_json))
        if options.record:
            _record(options.record, bool(options.record_secrets))
        with _variables(variables):
            allow = bool(options.allow_violations)
            return runner.run(script, options.args, allow_violations=allow)
    except runner.ScriptError as error:
        logs.say(str(error))
        return USAGE
    except KeyboardInterrupt:  # before the script ran, or after
        logs.say("interrupted")
        return INTERRUPTED
    finally:
        logs.hide()
        logs.environment_is_done(done)


def _record(path: str, secrets: bool) -> None:
    try:
        record(path, secrets=secrets)
    except OSError as error:
        text = f"cannot write the record {path}: {error.strerror or error}"
        raise runner.ScriptError(text) from None


@contextlib.contextmanager
def _variables(values: Mapping[str, object]) -> Iterator[None]:
    """Set these variables, for `connect` and for processes that the script starts."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update({name: str(value) for name, value in values.items() if value is not None})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
