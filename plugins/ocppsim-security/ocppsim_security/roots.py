"""The root certificates that a CSMS has installed."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import re
import tempfile
import threading
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization

from ocppsim.certificates import hash_data, load_chain

__all__ = ["CENTRAL_SYSTEM", "MANUFACTURER", "Root", "Roots", "issued_by"]

_log = logging.getLogger("ocppsim.security")

CENTRAL_SYSTEM = "CentralSystemRootCertificate"
MANUFACTURER = "ManufacturerRootCertificate"

_FILE = re.compile(rf"(\d{{6,}})-({CENTRAL_SYSTEM}|{MANUFACTURER})-[0-9a-f]{{64}}\.pem")


@dataclass(frozen=True, slots=True)
class Root:
    """use: of GetInstalledCertificateIds. issuer: where it is not itself. path: its file; None
    where it is kept in memory."""

    use: str
    certificate: x509.Certificate
    issuer: x509.Certificate | None = None
    path: Path | None = None

    @property
    def pem(self) -> str:
        return _pem(self.certificate)

    def hash_data(self, algorithm: str) -> dict[str, str]:
        """Its CertificateHashDataType."""
        return hash_data(self.certificate, algorithm, self.issuer)


class Roots:
    """Those of one charge point, in the order in which they came; for any thread.

    keystore_root: the folder of the key store, where they outlive the process: in
    ``.roots/HASH OF THE NAME/``, a file each. None: they are kept in memory.
    """

    def __init__(self, keystore_root: Path | None, name: str) -> None:
        self._lock = threading.Lock()
        self._folder: Path | None = None
        if keystore_root is not None:
            # what a charge point is called has no say in where that is
            hashed = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()
            self._folder = keystore_root / ".roots" / hashed
        self._roots = self._read()

    def of(self, use: str) -> list[Root]:
        """The roots of this use."""
        with self._lock:
            return [root for root in self._roots if root.use == use]

    def all(self) -> list[Root]:
        with self._lock:
            return list(self._roots)

    def add(self, root: Root) -> None:
        """Keep one more; one that is there already stays where it is. Raises OSError."""
        with self._lock:
            if not any(
                root.use == other.use and root.certificate == other.certificate
                for other in self._roots
            ):
                path = None if self._folder is None else self._write(root, self._folder)
                self._roots.append(replace(root, path=path))

    def remove(self, root: Root) -> None:
        """Raises OSError."""
        with self._lock:
            if root.path is not None:
                root.path.unlink(missing_ok=True)
            self._roots.remove(root)

    def _read(self) -> list[Root]:
        paths: list[Path] = []
        if self._folder is not None and self._folder.is_dir():
            paths = sorted(filter(lambda path: _FILE.fullmatch(path.name), self._folder.iterdir()))
        roots = []
        for path in paths:
            try:
                certificate, *issuer = load_chain(path.read_bytes(), str(path))
                use = path.name.split("-")[1]
                root = Root(use, certificate, issuer[0] if issuer else None, path)
                root.hash_data("SHA256")  # or it cannot be told of
            except (OSError, ValueError) as error:
                _log.warning("%s: passed over: %s", path, error)
            else:
                roots.append(root)
        return roots

    def _write(self, root: Root, folder: Path) -> Path:
        """The whole file or none, also where the process ends at once."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        before = [int(other.path.name.split("-")[0]) for other in self._roots if other.path]
        fingerprint = root.certificate.fingerprint(hashes.SHA256()).hex()
        path = folder / f"{max(before, default=0) + 1:06}-{root.use}-{fingerprint}.pem"
        text = root.pem + (_pem(root.issuer) if root.issuer else "")
        descriptor, temporary = tempfile.mkstemp(dir=folder)
        try:
            with open(descriptor, "w", encoding="ascii") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        return path


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether it was signed by that one's key."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
