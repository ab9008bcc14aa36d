"""The options of this plugin, and the variables that stand in for them."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass

__all__ = ["Options", "add_options"]

HASHES = ("SHA256", "SHA384", "SHA512")
KEY_FORMS = ("auto", "text", "hex")


@dataclass(frozen=True, slots=True)
class Options:
    """secure_url: where TLS is, for a charge point that is to leave ``ws://``.
    authorization_key_as: what an AuthorizationKey is. certificate_hash: for
    GetInstalledCertificateIds.

    Raises ValueError for what is none.
    """

    secure_url: str | None = None
    authorization_key_as: str = "auto"
    certificate_hash: str = "SHA256"

    def __post_init__(self) -> None:
        if self.secure_url and not self.secure_url.lower().startswith("wss://"):
            raise ValueError(f"--secure-url is a wss:// URL, not {self.secure_url!r:.80}")
        if self.authorization_key_as not in KEY_FORMS:
            text = f"--authorization-key-as is one of {', '.join(KEY_FORMS)}"
            raise ValueError(f"{text}, not {self.authorization_key_as!r:.80}")
        if self.certificate_hash not in HASHES:
            text = f"--certificate-hash is one of {', '.join(HASHES)}"
            raise ValueError(f"{text}, not {self.certificate_hash!r:.80}")

    @classmethod
    def given(cls, options: argparse.Namespace) -> Options:
        return cls(
            options.secure_url or None, options.authorization_key_as, options.certificate_hash
        )


def add_options(parser: argparse.ArgumentParser) -> None:
    """A plain script has the variables."""
    environ = os.environ
    parser.add_argument(
        "--secure-url",
        metavar="URL",
        default=environ.get("OCPPSIM_SECURE_URL", ""),
        help="where a charge point goes when SecurityProfile tells it to leave ws:// for TLS; the"
        " same host and port if not given [OCPPSIM_SECURE_URL]",
    )
    parser.add_argument(
        "--authorization-key-as",
        metavar="FORM",
        default=environ.get("OCPPSIM_AUTHORIZATION_KEY_AS", "auto"),
        help="what an AuthorizationKey is: text; hex, two digits a byte; or auto, hex where it is"
        " 32 to 40 hexadecimal digits, else text [OCPPSIM_AUTHORIZATION_KEY_AS]",
    )
    parser.add_argument(
        "--certificate-hash",
        metavar="HASH",
        default=environ.get("OCPPSIM_CERTIFICATE_HASH", "SHA256"),
        help="how GetInstalledCertificateIds tells of certificates: SHA256, SHA384, SHA512"
        " [OCPPSIM_CERTIFICATE_HASH]",
    )
