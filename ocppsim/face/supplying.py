"""What a script has from outside: keys and certificates, files by FTP, a web listener."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ..blocking import may_block
from ..files import Files
from ..keystore import KeyStore
from ..link import Link
from ..subject import common_name
from ..transfer import Progress

if TYPE_CHECKING:
    from ..certificates import CertificateRequest
    from ..listener import Listener

__all__ = ["Supplying"]


class Supplying:
    """The part of `ChargePoint` that has to do with files and other programs."""

    name: str
    _files: Files
    _link: Link
    _listeners: list[Listener]
    _log: logging.LoggerAdapter[logging.Logger]

    # --- certificates ---

    @property
    def keystore(self) -> KeyStore:
        """Key and certificate of this charge point, and where new ones are saved. `reconnect` uses
        the pair that was saved last."""
        return self._link.target.tls.keystore

    def trust(self, roots: Iterable[str]) -> None:
        """Trust these certificates (PEM) too, from the next connection on, in place of those of the
        call before; nothing with a context of the script's own (``ssl_context=``)."""
        self._link.trust(roots)

    @property
    def trusted(self) -> list[str]:
        """Whom this trusts beside the system's trust store: what `connect` was given, and `trust`;
        a PEM each. Raises CertificateError for a file that is not good."""
        return self._link.target.tls.trusted()

    def generate_csr(
        self, subject: str | None = None, *, key_type: str = "EC", key_size: int | None = None
    ) -> CertificateRequest:
        """A new private key, and a signing request for SignCertificate (PKCS #10), in PEM.

        subject: ``/C=DE/O=Org/CN=cp1`` or ``CN=cp1,O=Org,C=DE`` (RFC 4514); without it the common
        name is that of this charge point. key_type: ``"EC"``, with a key_size of 256, 384 or 521
        bits, or ``"RSA"``, with 2048 bits or more; the first of each is the default.
        Raises CertificateError for what is no subject, or no such key.
        """
        # the library behind it takes a while to import
        from ..certificates import generate_csr

        subject = common_name(self.name) if subject is None else subject
        return generate_csr(subject, key_type=key_type, key_size=key_size)

    # --- files ---

    def ftp_upload(
        self,
        location: str,
        name: str,
        data: bytes | str | Path | BinaryIO | None = None,
        *,
        timeout: float = 30.0,
        ssl_context: ssl.SSLContext | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Upload a file to the folder `location` (``ftp://``, ``ftps://``), as GetDiagnostics asks
        for (OCPP 1.6 §5.9).

        data: bytes, text, the Path of a file, or an open binary file; None uploads this charge
        point's message log: what `trace` holds, as a record. timeout: s without progress.
        ssl_context: for ``ftps://`` (explicit TLS); else the system's trust store holds. progress:
        called with the bytes done and their total, now and then.
        Raises TransferError that says what and where, without the password; OSError for a local
        file.
        """
        may_block("ftp_upload()")
        self._files.upload(location, name, data, timeout, ssl_context, progress)

    def ftp_download(
        self,
        location: str,
        *,
        timeout: float = 30.0,
        ssl_context: ssl.SSLContext | None = None,
        progress: Progress | None = None,
    ) -> Path:
        """Download the file at `location`, as UpdateFirmware asks for (OCPP 1.6 §5.19).

        The file lies in a temporary folder of this charge point until it is closed. Arguments and
        errors as for `ftp_upload`.
        """
        may_block("ftp_download()")
        return self._files.download(location, timeout, ssl_context, progress)

    # --- other programs ---

    def start_listener(
        self, port: int = 0, bind: str = "127.0.0.1", users: Mapping[str, str] | None = None
    ) -> Listener:
        """A small web listener, to which the script adds routes: ``@listener.get("/stop")``. It
        ends with this charge point, or by its `terminate`.

        port: 0 takes a free one. bind: the address; others than the loopback are open to the
        network. users: name to password, for HTTP Basic; without them nobody is asked.
        Raises OSError where it cannot listen there, ModuleNotFoundError where the extra ``server``
        is not installed.
        """
        from ..listener import Listener

        listener = Listener(self.name, self._log, port, bind, users)
        self._listeners.append(listener)
        return listener
