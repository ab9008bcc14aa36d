"""``ocppsim-csms``: the embedded central system as a program. Also ``python -m ocppsim.csms``."""

from __future__ import annotations

import json
import logging
import signal
import ssl
import sys
import time
from collections.abc import Sequence

from ..completion import complete
from ..csms_parser import csms_parser
from .server import CentralSystem

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C or SIGTERM; the exit code (see the epilog of the parser).

    To be called from the main thread, for the signals.
    """
    parser = csms_parser()
    complete(parser)
    options = parser.parse_args(argv)
    if bool(options.cert) != bool(options.key):
        parser.error("--cert and --key belong together")
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
            ssl_context=_ssl_context(options.cert, options.key) if options.cert else None,
        )
        with csms:
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
