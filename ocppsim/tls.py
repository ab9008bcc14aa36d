"""What a charge point brings to TLS: whom it trusts, and its own certificate."""

from __future__ import annotations

import functools
import logging
import os
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .errors import CertificateError
from .keystore import KeyStore, Pair

__all__ = ["TlsContext", "TlsSettings", "refusal"]

_log = logging.getLogger("ocppsim.tls")

_PEM = "-----BEGIN "
_CERTIFICATES = (".pem", ".crt", ".cer")
# a file and the link to it by the hash of its subject, as `openssl rehash` makes it
_HASHED = re.compile(r"[0-9a-f]{8}\.\d+")

# what tells one state of a file from the next: its path, number, size, and the time of its change
_Stamp = tuple[str, int, int, int]


class TlsContext(ssl.SSLContext):
    """One made here. offers: whether it has a client certificate."""

    offers = False


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """How a charge point does TLS; `ocppsim.connect` explains each.

    keystore: holds the certificate and key that were given, too. roots: PEM, trusted beside all
    else.
    """

    ca: Path | str | None = None
    ca_dir: Path | str | None = None
    key_password: str | bytes | None = field(default=None, repr=False)
    keystore: KeyStore = field(default_factory=KeyStore)
    insecure: bool = False
    ssl_context: ssl.SSLContext | None = None
    roots: tuple[str, ...] = ()

    def context(self, pair: Pair | None) -> ssl.SSLContext:
        """For the next connection, with the client certificate `pair`; not to be changed, as it is
        shared.

        It is made anew when one of its files has changed. Raises CertificateError that names the
        file that is not good.
        """
        if self.ssl_context is not None:
            return self.ssl_context
        trust = _Trust() if self.insecure else self._trust()
        files = [*trust.files(), *([pair.cert, pair.key] if pair is not None else [])]
        stamps = tuple(map(_stamp, files))
        return _context(trust, pair, self.key_password, self.insecure, stamps)

    def check_files(self, pair: Pair | None) -> None:
        """Raises CertificateError where those of a pair are not good, as far as that can be said
        without the password of an encrypted key."""
        if pair is not None and (b"ENCRYPTED" not in _read(pair.key) or self.key_password):
            self.context(pair)
        elif pair is not None:
            _read(pair.cert)

    def trusted(self) -> list[str]:
        """The certificates that were given, as PEM; not those of the system.

        Raises CertificateError.
        """
        from . import certificates

        trust = self._trust()
        texts = [*trust.roots, *([trust.ca] if trust.ca and _PEM in trust.ca else [])]
        chains = [certificates.load_chain(text, "a certificate to trust") for text in texts]
        for path in trust.files():
            if not path.is_dir():
                chains.append(certificates.load_chain(_read(path), str(path)))
        return [certificates.to_pem([certificate]) for chain in chains for certificate in chain]

    def _trust(self) -> _Trust:
        ca, folders = (None if path is None else str(path) for path in (self.ca, self.ca_dir))
        return _Trust(ca, folders, self.roots)


@dataclass(frozen=True, slots=True)
class _Trust:
    """Whom to trust; by default, whom the system does."""

    ca: str | None = None
    folders: str | None = None
    roots: tuple[str, ...] = ()

    def files(self) -> Iterator[Path]:
        """What it depends on."""
        if self.ca is not None and _PEM not in self.ca:
            yield Path(self.ca)
        for folder in _folders(self.folders):
            yield from (folder, *_certificates(folder))

    def load(self, context: ssl.SSLContext) -> None:
        if self.ca is None and self.folders is None:
            context.load_default_certs()
        if self.ca is not None:
            _trust(context, self.ca)
        for folder in _folders(self.folders):
            _trust_folder(context, folder)
        for root in self.roots:
            _trust(context, root)


def _stamp(path: Path) -> _Stamp:
    try:
        state = path.stat()
    except (OSError, ValueError) as error:
        raise CertificateError(_cannot_read(path, error)) from None
    return str(path), state.st_ino, state.st_size, state.st_mtime_ns


# the trust store of the system takes 20 ms to read
@functools.lru_cache(maxsize=32)
def _context(
    trust: _Trust,
    pair: Pair | None,
    key_password: str | bytes | None,
    insecure: bool,
    stamps: tuple[_Stamp, ...],
) -> TlsContext:
    context = TlsContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = max(context.minimum_version, ssl.TLSVersion.TLSv1_2)
    # who is trusted need not be a root: a CSMS may be trusted by its own certificate alone
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        trust.load(context)
    if pair is not None:
        _offer(context, pair, key_password)
    if keylog := os.environ.get("SSLKEYLOGFILE"):  # as ssl.create_default_context does
        context.keylog_filename = keylog
    return context


# --- whom to trust ---


def _trust(context: ssl.SSLContext, ca: str) -> None:
    """ca: PEM text, or the path of a file, PEM or DER."""
    if _PEM in ca:
        what, data = "the PEM to trust", ca.encode()
    else:
        what, data = ca, _read(Path(ca))
    try:
        pem = _PEM.encode() in data
        context.load_verify_locations(cadata=data.decode("ascii", "ignore") if pem else data)
    except ssl.SSLError:
        raise CertificateError(f"{what}: no certificate to trust, neither PEM nor DER") from None


def _trust_folder(context: ssl.SSLContext, folder: Path) -> None:
    files = _certificates(folder)
    if not files:
        raise CertificateError(f"{folder}: no certificate to trust (*.pem, *.crt, *.cer)")
    if _is_hashed(_listed(folder)):
        context.load_verify_locations(capath=str(folder))
        return
    for path in files:
        _trust(context, str(path))


def _folders(folders: str | None) -> list[Path]:
    return [Path(folder) for folder in (folders or "").split(os.pathsep) if folder]


def _certificates(folder: Path) -> list[Path]:
    """The files to trust; where OpenSSL would find some by their names, no others."""
    names = sorted(_listed(folder))
    if _is_hashed(names):
        paths = [folder / name for name in names if _HASHED.fullmatch(name)]
        return [path for path in paths if path.exists()]  # of a link that leads nowhere
    return [folder / name for name in names if name.lower().endswith(_CERTIFICATES)]


def _is_hashed(names: list[str]) -> bool:
    return any(map(_HASHED.fullmatch, names))


def _listed(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except (OSError, ValueError) as error:
        raise CertificateError(_cannot_read(folder, error)) from None


# --- the certificate of the charge point ---


def _offer(context: TlsContext, pair: Pair, password: str | bytes | None) -> None:
    from . import certificates
    from .pem import is_in_lines

    def ask() -> str | bytes:
        # else OpenSSL asks on the terminal
        if not password:
            raise CertificateError(f"{pair.key}: encrypted, and there is no key_password=")
        return password

    chain = certificates.load_chain(_read(pair.cert), str(pair.cert))
    failure: Exception | None = None
    try:
        context.load_cert_chain(pair.cert, pair.key, ask)
    except CertificateError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a password that is far too long
        failure = error
    if failure is not None:
        certificates.load_pair(pair.cert, pair.key, password)  # which says what is wrong
        paths = [path for path in (pair.cert, pair.key) if not is_in_lines(_read(path))]
        why = "not the lines of PEM that OpenSSL reads" if paths else _not_taken(failure)
        text = ", ".join(map(str, paths or (pair.cert, pair.key)))
        raise CertificateError(f"{text}: {why}")
    context.offers = True
    try:
        certificates.check_dates(chain[0], what=str(pair.cert))
    except CertificateError as error:
        _log.warning("%s; it is offered all the same", error)


def refusal(pair: Pair, password: str | bytes | None = None) -> str | None:
    """Why OpenSSL does not take a pair that is good otherwise: it is too weak; None where it
    does."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(pair.cert, pair.key, password)
    except (ssl.SSLError, ValueError) as error:  # ValueError: a password that is far too long
        return _not_taken(error)
    return None


def _not_taken(error: Exception) -> str:
    return f"OpenSSL does not take it ({getattr(error, 'reason', None) or error})"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise CertificateError(_cannot_read(path, error)) from None


def _cannot_read(path: Path, error: OSError | ValueError) -> str:
    why = error.strerror if isinstance(error, OSError) else None
    return f"{path}: cannot be read: {why or error}"
