"""The command line of ``ocppsim``; a man page is built from it.

Standard library only and without relative imports, so that a build can load this file by itself.
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = [
    "early_options",
    "from_variables",
    "ocppsim_parser",
    "parse",
    "screen_level",
    "server_address",
]

_DESCRIPTION = """\
A scriptable OCPP 1.6J charge point. Runs the Python file SCRIPT as Python would, with `connect`
there without an import; shows and judges every frame; closes the connections that the script left
open; and tells by its exit status how it went. Without SCRIPT it is a server: a REST API for charge
points, on this machine alone unless --bind says otherwise.
"""

_EPILOG = """\
Exit status: 0 done; 1 the script raised an exception, or a handler of its failed; 2 the command
line is wrong, or a file cannot be opened; 3 could not connect; 4 the CSMS broke the protocol
(a summary of the violations is printed); 130 interrupted; 143 terminated; or what the script gave
to sys.exit.

Each option can be given by the environment variable in brackets; the option comes first, then the
variable. A plain `python script.py` minds OCPPSIM_VERBOSE, OCPPSIM_QUIET, OCPPSIM_LOG_JSON,
OCPPSIM_RECORD, OCPPSIM_RECORD_SECRETS, OCPPSIM_ALLOW_VIOLATIONS, OCPPSIM_URL, OCPPSIM_STATE_DIR,
OCPPSIM_RESPONSE_TIMEOUT and those of the security options as well.

Frames and log lines go to standard error; standard output is the script's.
"""


class _Version(argparse.Action):
    """Looks it up when it is asked for: the build of the man page has no package yet."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from ocppsim import __version__

        print(f"ocppsim {__version__}")
        parser.exit()


def ocppsim_parser(*, add_help: bool = True) -> argparse.ArgumentParser:
    """The parser of ``ocppsim``. What is not given stays None: the variables may have it."""
    parser = argparse.ArgumentParser(
        prog="ocppsim",
        usage="%(prog)s [options] [SCRIPT [ARGS...]]",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        add_help=add_help,
        allow_abbrev=False,
    )
    parser.add_argument(
        "script",
        metavar="SCRIPT",
        nargs="?",
        help="the Python file to run; - reads it from standard input; without it, serve",
    )
    parser.add_argument(
        "args",
        metavar="ARGS",
        nargs=argparse.REMAINDER,
        help="arguments of the script: its sys.argv[1:]",
    )
    parser.add_argument(
        "--stdin",
        action="store_true",
        help="read the script from standard input, as - does; every ARGS is the script's",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")

    run = parser.add_argument_group("connection")
    run.add_argument(
        "--url",
        help="where connect() without a URL connects to, such as ws://localhost:9000/CP1; else a"
        " CSMS in this process, started for it [OCPPSIM_URL]",
    )
    run.add_argument(
        "--response-timeout",
        metavar="SECONDS",
        type=_seconds,
        help="how long a CALL may stay unanswered; 15 if not given [OCPPSIM_RESPONSE_TIMEOUT]",
    )

    run.add_argument(
        "--state-dir",
        metavar="DIR",
        help="keep the transaction queue and the state of each charge point in DIR, so that they"
        " outlive the process; one process at a time may use it [OCPPSIM_STATE_DIR]",
    )

    _add_security_options(parser)
    _add_early_options(parser)

    server = parser.add_argument_group("server", "Without SCRIPT.")
    server.add_argument(
        "--port",
        metavar="PORT",
        type=_port,
        help="to listen on; 3000 if not given, 0 for a free one [OCPPSIM_PORT, PORT]",
    )
    server.add_argument(
        "--bind",
        metavar="ADDRESS",
        help="to listen on; 127.0.0.1 if not given. On any address but the loopback a token is"
        " demanded, which is printed at the start: the server runs Python for whoever has it"
        " [OCPPSIM_BIND, BIND]",
    )
    server.add_argument(
        "--demo",
        action="store_true",
        help="begin with a CSMS in this process and a charge point on it; a station that lives,"
        " where ocppsim-core is installed",
    )

    record = parser.add_argument_group("record")
    record.add_argument(
        "--record",
        metavar="FILE",
        help="write every frame to FILE, one JSON object a line; what FILE held is overwritten"
        " [OCPPSIM_RECORD]",
    )
    record.add_argument(
        "--record-secrets",
        action=argparse.BooleanOptionalAction,
        help="write AuthorizationKey and passwords in URLs as they are, not as ***"
        " [OCPPSIM_RECORD_SECRETS]",
    )

    verdict = parser.add_argument_group("verdict")
    verdict.add_argument(
        "--allow-violations",
        action=argparse.BooleanOptionalAction,
        help="do not end with status 4 when the CSMS broke the protocol; the summary is printed all"
        " the same [OCPPSIM_ALLOW_VIOLATIONS]",
    )
    verdict.add_argument(
        "--verdict",
        action=argparse.BooleanOptionalAction,
        help="print a closing verdict: what was sent and received, violations, calls without an"
        " answer [OCPPSIM_VERDICT]",
    )
    return parser


def _add_security_options(parser: argparse.ArgumentParser) -> None:
    security = parser.add_argument_group(
        "security", "For each connect() of the script that does not say otherwise."
    )
    security.add_argument(
        "--security-profile",
        metavar="N",
        type=_profile,
        help="1: a password over ws://; 2: a password over wss://; 3: a client certificate over"
        " wss://; 0: none of them [OCPPSIM_SECURITY_PROFILE]",
    )
    security.add_argument(
        "--password-file",
        metavar="FILE",
        help="the password for HTTP Basic is in FILE [OCPPSIM_PASSWORD_FILE, the password itself in"
        " OCPPSIM_PASSWORD, or in hexadecimal in OCPPSIM_AUTHORIZATION_KEY]",
    )
    security.add_argument(
        "--ca",
        metavar="FILE",
        help="over wss://, trust the certificates in FILE, instead of the system's trust store"
        " [OCPPSIM_CA, SSL_CERT_FILE]",
    )
    security.add_argument(
        "--ca-dir",
        metavar="DIR",
        help="the same for the files of a folder [OCPPSIM_CA_DIR, SSL_CERT_DIR]",
    )
    security.add_argument(
        "--cert",
        metavar="FILE",
        help="the certificate of the charge point (PEM) [OCPPSIM_CERT, SSL_CLIENT_CERT_FILE]",
    )
    security.add_argument(
        "--key",
        metavar="FILE",
        help="its private key, if not in the same file [OCPPSIM_KEY, SSL_CLIENT_KEY_FILE]",
    )
    security.add_argument(
        "--keystore",
        metavar="JSON",
        help="certificates and keys by charge point: a JSON array of objects with id (a name, or *"
        " for all others), key and cert (paths); or a file that holds it [OCPPSIM_KEYSTORE,"
        " SSL_CLIENT_KEYSTORE]",
    )
    security.add_argument(
        "--keystore-root",
        metavar="DIR",
        help="where the paths of the key store begin, and where new certificates and keys are saved"
        " [OCPPSIM_KEYSTORE_ROOT, SSL_CLIENT_KEYSTORE_ROOT]",
    )


def early_options(argv: Sequence[str], environ: Mapping[str, str]) -> argparse.Namespace:
    """What has to be known before the rest can be read, as plugins add options: which plugins, and
    how to report one that is broken."""
    # with all options, so that what follows SCRIPT is left to it
    parser = ocppsim_parser(add_help=False)
    options, _ = parser.parse_known_args(argv)
    return _fill_in(parser, options, environ)


def _add_early_options(parser: argparse.ArgumentParser) -> None:
    screen = parser.add_argument_group("screen")
    level = screen.add_mutually_exclusive_group()
    level.add_argument(
        "-v",
        "--verbose",
        action="count",
        help="print each frame on one line: time, charge point, direction, action, payload, and of"
        " an answer the time that it took; -vv debugging too [OCPPSIM_VERBOSE, a number]",
    )
    level.add_argument(
        "-q",
        "--quiet",
        action="store_true",
        default=None,
        help="print errors alone [OCPPSIM_QUIET]",
    )
    screen.add_argument(
        "--log-json",
        action=argparse.BooleanOptionalAction,
        help="print one JSON object a line [OCPPSIM_LOG_JSON]",
    )

    plugins = parser.add_argument_group("plugins")
    plugins.add_argument(
        "--plugins-dir",
        metavar="DIR",
        action="append",
        help="take each .py file of DIR as a plugin, beside the installed ones; may be given more"
        " than once [OCPPSIM_PLUGINS_DIR, separated as in PATH]",
    )
    plugins.add_argument(
        "--no-plugin",
        metavar="NAME",
        action="append",
        help="leave this plugin out; may be given more than once [OCPPSIM_NO_PLUGIN, separated by"
        " commas]",
    )
    plugins.add_argument(
        "--list-plugins",
        action="store_true",
        help="list the plugins: name, version, from where, which hooks; and run nothing",
    )


def parse(
    parser: argparse.ArgumentParser, argv: Sequence[str], environ: Mapping[str, str]
) -> argparse.Namespace:
    """The options: those of the command line, then those of the variables, then None.

    `stdin` says whether the script comes from there; then `script` is ``"-"``. What is wrong ends
    the process with status 2, as argparse does.
    """
    options = parser.parse_args(argv)
    if options.script is not None:
        # argparse takes a -- that follows SCRIPT for its own
        before = list(argv[: len(argv) - len(options.args)])
        if before[-2:] == [options.script, "--"]:
            options.args.insert(0, "--")
    if options.stdin and options.script not in (None, "-"):
        options.args.insert(0, options.script)
    options.stdin = options.stdin or options.script == "-"
    if options.stdin:
        options.script = "-"
    return _fill_in(parser, options, environ)


def _fill_in(
    parser: argparse.ArgumentParser, options: argparse.Namespace, environ: Mapping[str, str]
) -> argparse.Namespace:
    try:
        variables = from_variables(environ)
    except ValueError as error:
        parser.error(str(error))
    if options.verbose is not None or options.quiet is not None:
        variables.pop("verbose", None)
        variables.pop("quiet", None)
    for name, value in variables.items():
        if getattr(options, name, None) is None:
            setattr(options, name, value)
    return options


def from_variables(environ: Mapping[str, str]) -> dict[str, Any]:
    """The options that stand in variables, by their names. Raises ValueError that names the one
    that is wrong."""
    options = {}
    for name, read in _VARIABLES.items():
        variable = f"OCPPSIM_{name.upper()}"
        text = environ.get(variable, "")
        if text:
            try:
                options[name] = read(text)
            except (ValueError, argparse.ArgumentTypeError) as error:
                raise ValueError(f"{variable}: {error}") from None
    return options


def server_address(options: argparse.Namespace, environ: Mapping[str, str]) -> tuple[str, int]:
    """Where to listen: what the options say, else ``BIND`` and ``PORT``, else 127.0.0.1 port 3000.
    Raises ValueError."""
    port = options.port
    if port is None and environ.get("PORT"):
        try:
            port = _port(environ["PORT"])
        except argparse.ArgumentTypeError as error:
            raise ValueError(f"PORT: {error}") from None
    bind = options.bind or environ.get("BIND") or "127.0.0.1"
    return bind.strip("[]"), 3000 if port is None else port


def screen_level(options: Mapping[str, Any]) -> int:
    """What `verbose` and `quiet` among `options` mean for ``ocppsim.verbose``."""
    return -1 if options.get("quiet") else options.get("verbose") or 0


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return seconds


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 65535")
    return int(text)


def _profile(text: str) -> int:
    if text.strip() not in ("0", "1", "2", "3"):
        raise argparse.ArgumentTypeError(f"{text!r} is not 0, 1, 2 or 3")
    return int(text)


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise ValueError(f"{text!r} is not 0, 1 or 2")
    return int(text)


def _switch(text: str) -> bool:
    word = text.strip().lower()
    if word in ("1", "true", "yes", "on"):
        return True
    if word in ("0", "false", "no", "off"):
        return False
    raise ValueError(f"{text!r} is neither 1 nor 0")


_VARIABLES: dict[str, Callable[[str], Any]] = {
    "url": str,
    "response_timeout": _seconds,
    "security_profile": _profile,
    "password_file": str,
    "ca": str,
    "ca_dir": str,
    "cert": str,
    "key": str,
    "keystore": str,
    "keystore_root": str,
    "state_dir": str,
    "port": _port,
    "bind": str,
    "verbose": _number,
    "quiet": _switch,
    "log_json": _switch,
    "record": str,
    "record_secrets": _switch,
    "allow_violations": _switch,
    "verdict": _switch,
    "plugins_dir": lambda text: [part for part in text.split(os.pathsep) if part],
    "no_plugin": lambda text: [name.strip() for name in text.split(",") if name.strip()],
}
