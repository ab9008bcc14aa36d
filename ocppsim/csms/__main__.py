"""``ocppsim-csms``: the embedded central system as a program. Also ``python -m ocppsim.csms``."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import ssl
import sys
import time
from collections.abc import Sequence
from typing import Any

from ..completion import complete
from ..csms_parser import csms_parser
from .server import CentralSystem
from .tls import demand, kept_authority

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C or SIGTERM; the exit code (see the epilog of the parser).

    To be called from the main thread, for the signals.
    """
    parser = csms_parser()
    complete(parser)
    options = parser.parse_args(argv)
    if wrong := _wrong(options):
        parser.error(wrong)
    log = logging.getLogger("ocppsim.csms")
    log.setLevel(
        logging.DEBUG if options.verbose else logging.WARNING if options.quiet else logging.INFO
    )
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log.addHandler(handler)
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        passwords = dict(options.user)
        if options.passwords is not None:
            passwords = _read_passwords(options.passwords) | passwords
        csms = CentralSystem(
            options.host,
            options.port,
            interval=options.interval,
            # an empty file lets nobody in; no option at all lets everybody in
            passwords=passwords if options.user or options.passwords is not None else None,
            **_tls(options),
        )
        with csms:
            if csms.authority is not None:
                file = options.ca_file or csms.ca_file
                print(f"charge points have to trust {file}", file=sys.stderr, flush=True)
            print(csms.url, flush=True)
            while True:
                time.sleep(3600)
    except KeyboardInterrupt:
        return 0
    except (OSError, ValueError) as error:
        print(f"ocppsim-csms: {error}", file=sys.stderr)
        return 1
    finally:
        signal.signal(signal.SIGTERM, before)
        log.removeHandler(handler)
        log.setLevel(logging.NOTSET)


def _read_passwords(path: str) -> dict[str, str]:
    """Raises OSError, and ValueError for what is no JSON object of texts."""
    with open(path, encoding="utf-8") as file:
        try:
            passwords = json.load(file)
        except ValueError:
            # the words of the decoder would be right, but a file of passwords is not to be quoted
            raise ValueError(f"{path}: not JSON") from None
    if not isinstance(passwords, dict) or not all(isinstance(p, str) for p in passwords.values()):
        raise ValueError(f"{path}: a JSON object of names and passwords (texts) expected")
    return passwords


def _wrong(options: argparse.Namespace) -> str | None:
    """What of the options does not go together."""
    if bool(options.cert) != bool(options.key):
        return "--cert and --key belong together"
    if options.cert and options.tls:
        return "--cert and --tls exclude each other"
    if options.client_ca and not options.cert and not options.tls:
        return "--client-ca goes with --tls or --cert"
    if options.client_ca and options.client_certificates:
        return "--client-ca and --client-certificates exclude each other"
    for option in ("ca_file", "ca_key", "client_certificates"):
        if getattr(options, option) and not options.tls:
            return f"--{option.replace('_', '-')} goes with --tls"
    if options.ca_key and not options.ca_file:
        return "--ca-key goes with --ca-file"
    return None


def _tls(options: argparse.Namespace) -> dict[str, Any]:
    """The arguments of CentralSystem that have to do with TLS. Raises OSError, ValueError."""
    if options.cert:
        context = _ssl_context(options.cert, options.key)
        if options.client_ca:
            demand(context, options.client_ca)
        return {"ssl_context": context}
    if not options.tls:
        return {}
    return {
        "tls": kept_authority(options.ca_file, options.ca_key) if options.ca_file else True,
        "client_certificates": options.client_ca or (True if options.client_certificates else None),
    }


def _ssl_context(cert: str, key: str) -> ssl.SSLContext:
    """Raises OSError (ssl.SSLError is one)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    def no_passphrase() -> str:
        # without this OpenSSL would ask at the terminal
        raise ValueError(f"{key}: encrypted; a key without a passphrase is needed")

    try:
        context.load_cert_chain(cert, key, no_passphrase)
    except FileNotFoundError:
        raise FileNotFoundError(f"{cert} or {key}: no such file") from None
    except ssl.SSLError as error:
        raise ValueError(f"{cert} with {key}: {error.reason or error}") from None
    return context


if __name__ == "__main__":
    sys.exit(main())
