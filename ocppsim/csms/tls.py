"""The central system's side of TLS: its authority, and the certificates that it hands out."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import ssl
import tempfile
import threading
import weakref
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import CertificateError, OcppsimError
from .answers import AnswerFunction
from .lines import printable

if TYPE_CHECKING:
    from .authority import CertificateAuthority

__all__ = ["RootFile", "authority_for", "demand", "hosts_of", "kept_authority", "signing"]

log = logging.getLogger("ocppsim.csms")

Call = Callable[[str, str, dict[str, Any]], dict[str, Any]]


def authority_for(
    tls: bool | CertificateAuthority,
    ssl_context: ssl.SSLContext | None,
    client_certificates: bool | str | Path | None,
) -> CertificateAuthority | None:
    """The authority that a central system has with these arguments. Raises ValueError."""
    if tls is False:
        if client_certificates is not None:
            raise ValueError("client_certificates= goes with tls=; a ssl_context= has its own say")
        return None
    if ssl_context is not None:
        raise ValueError("tls= makes its own context: give it or ssl_context=, not both")
    from .authority import CertificateAuthority

    if tls is True:
        return CertificateAuthority()
    if not isinstance(tls, CertificateAuthority):
        raise TypeError(f"tls= is True or a CertificateAuthority, not {tls!r:.80}")
    return tls


def demand(context: ssl.SSLContext, file: str | Path) -> None:
    """Let in only who has a certificate of an authority in this PEM file.

    Raises CertificateError.
    """
    try:
        context.load_verify_locations(file)
    except ssl.SSLError:
        raise CertificateError(f"{file}: no certificate in PEM") from None
    except OSError as error:
        raise CertificateError(f"{file}: {error.strerror or error}") from None
    context.verify_mode = ssl.CERT_REQUIRED


def kept_authority(ca_file: str | Path, ca_key: str | Path | None) -> CertificateAuthority:
    """A new authority, its certificate written to `ca_file`.

    ca_key: the file of its private key; where both are there it is the authority that they are.
    Raises CertificateError, OSError.
    """
    from ..certificates import read
    from .authority import CertificateAuthority

    certificate, key = Path(ca_file), None if ca_key is None else Path(ca_key)
    if key is not None:
        there = [path for path in (certificate, key) if path.exists()]
        if len(there) == 2:
            try:
                return CertificateAuthority.load(read(certificate), read(key))
            except CertificateError as error:
                raise CertificateError(f"{certificate}, {key}: {error}") from None
        if there:
            other = key if there == [certificate] else certificate
            raise CertificateError(f"{there[0]} is there, {other} is not: both or none of them")
    authority = CertificateAuthority()
    if key is not None:
        descriptor = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(authority.key)
    certificate.write_text(authority.root, encoding="ascii")
    return authority


def hosts_of(host: str) -> list[str]:
    """The names by which charge points may reach a server that listens there."""
    hosts = [] if host in ("", "0.0.0.0", "::") else [host]
    if not hosts:
        hosts.append(socket.gethostname())
    return list(dict.fromkeys([*hosts, "localhost", "127.0.0.1", "::1"]))


def signing(
    authority: CertificateAuthority, call: Call, *, days: float, match_name: bool
) -> AnswerFunction:
    """Answers SignCertificate, and then sends CertificateSigned."""

    def sign(name: str, payload: dict[str, Any]) -> Generator[dict[str, Any], None, None]:
        who = printable(name)
        common_name = name if match_name else None
        try:
            chain = authority.sign(payload["csr"], days=days, common_name=common_name)
        except CertificateError as error:
            log.warning("%s: no certificate for it: %s", who, printable(str(error)))
            yield {"status": "Rejected"}
            return
        yield {"status": "Accepted"}
        try:
            answer = call(name, "CertificateSigned", {"certificateChain": chain})
        except OcppsimError as error:
            log.warning("%s did not get its certificate: %s", who, printable(str(error)))
            return
        if answer.get("status") != "Accepted":
            log.warning("%s does not take its certificate: %s", who, answer.get("status"))

    return sign


class RootFile:
    """A certificate in a file of a temporary folder, which is there until `remove`, or the end of
    the process."""

    def __init__(self, certificate: str) -> None:
        self._certificate = certificate
        self._lock = threading.Lock()
        self._path: Path | None = None
        self._removal: weakref.finalize[..., Any] | None = None

    @property
    def path(self) -> Path:
        """Written when it is first asked for."""
        with self._lock:
            if self._path is None:
                folder = tempfile.mkdtemp(prefix="ocppsim-csms-")
                self._removal = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
                path = Path(folder) / "ca.pem"
                path.write_text(self._certificate, encoding="ascii")
                self._path = path
            return self._path

    def remove(self) -> None:
        """Remove it; `path` writes it again, elsewhere."""
        with self._lock:
            if self._removal is not None:
                self._removal()
            self._path, self._removal = None, None
