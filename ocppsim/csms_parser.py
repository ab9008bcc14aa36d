"""The command line of ``ocppsim-csms``; a man page is built from it.

Standard library only and without relative imports, so that a build can load this file by itself.
"""

from __future__ import annotations

import argparse

__all__ = ["csms_parser"]

_DESCRIPTION = """\
An OCPP 1.6J central system (CSMS) to try charge points against. It accepts every charge point,
every idTag and every report, judges each message by the schemas of OCPP 1.6, and prints what comes.
A charge point connects to the URL that is printed first, followed by a slash and its name.
"""

_EPILOG = """\
Exit codes: 0 after Ctrl-C or SIGTERM; 1 if it could not start, for instance because the port is in
use or a file cannot be read; 2 if the command line is wrong.

Only the URL goes to standard output, everything else to standard error.
"""


def csms_parser() -> argparse.ArgumentParser:
    """The parser of ``ocppsim-csms``."""
    parser = argparse.ArgumentParser(prog="ocppsim-csms", description=_DESCRIPTION, epilog=_EPILOG)
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address or host name to listen on; 0.0.0.0 is every IPv4 address of this machine"
        " (default: %(default)s)",
    )
    parser.add_argument(
        "--port",
        type=_port,
        default=9000,
        help="TCP port to listen on; 0 takes a free one (default: %(default)s)",
    )
    parser.add_argument(
        "--user",
        metavar="NAME:PASSWORD",
        type=_user,
        action="append",
        default=[],
        help="ask for HTTP Basic authentication (security profile 1; 2 with TLS) and let in the"
        " charge point NAME with this PASSWORD; may be given more than once. Other users of this"
        " machine can read a command line: prefer --passwords",
    )
    parser.add_argument(
        "--passwords",
        metavar="FILE",
        help="the same from a file: a JSON object of charge point names and passwords",
    )
    parser.add_argument(
        "--cert",
        metavar="FILE",
        help="serve TLS (wss) with this certificate: PEM, followed by those of its issuers if any",
    )
    parser.add_argument(
        "--key", metavar="FILE", help="private key of the certificate: PEM, without a passphrase"
    )
    parser.add_argument(
        "--tls",
        action="store_true",
        help="serve TLS (wss) with a certificate of an own authority, which also signs what charge"
        " points ask for with SignCertificate; charge points have to trust it: --ca-file",
    )
    parser.add_argument(
        "--ca-file",
        metavar="FILE",
        help="with --tls: where to write the certificate of the authority, for charge points to"
        " trust; without this a temporary file, whose name is printed. With --ca-key, where it is"
        " read from if it is there",
    )
    parser.add_argument(
        "--ca-key",
        metavar="FILE",
        help="with --ca-file: keep the authority's private key in this file, so that the next start"
        " has the same authority; without this every start makes a new one",
    )
    parser.add_argument(
        "--client-certificates",
        action="store_true",
        help="with --tls: let in only charge points with a certificate of the authority (security"
        " profile 3); without this they may show one",
    )
    parser.add_argument(
        "--client-ca",
        metavar="FILE",
        help="with --tls or --cert: let in only charge points with a certificate that was issued by"
        " one of the authorities in this PEM file (security profile 3)",
    )
    parser.add_argument(
        "--interval",
        metavar="SECONDS",
        type=_interval,
        default=300,
        help="heartbeat interval that charge points are told when they boot (default: %(default)s)",
    )
    talk = parser.add_mutually_exclusive_group()
    talk.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        help="print one line for every message, the answers too; without this, one for every"
        " connection and every request",
    )
    talk.add_argument(
        "-q",
        "--quiet",
        action="store_true",
        help="print only the URL, and what charge points do against the protocol",
    )
    return parser


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (0 to 65535)")
    return int(text)


def _interval(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return int(text)


def _user(text: str) -> tuple[str, str]:
    name, colon, password = text.partition(":")
    if not colon or not name:
        # the text may be a password: it is not repeated
        raise argparse.ArgumentTypeError("NAME:PASSWORD expected")
    return name, password
