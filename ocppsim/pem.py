"""Keys and certificates as text and bytes: PEM, DER, and DER as hexadecimal digits.

What is bad raises CertificateError, in one line that begins with the name of the file, or with what
was given. Neither keys nor passwords are ever quoted.
"""

from __future__ import annotations

import base64
import contextlib
import re
import threading
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from .errors import CertificateError

__all__ = [
    "der_hex_to_pem",
    "is_in_lines",
    "key_pem",
    "load_chain",
    "load_key",
    "one_line",
    "plain_pem",
    "read",
    "serial_number",
    "to_pem",
]

_KINDS = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----")
_CERTIFICATE = re.compile(
    rb"-----BEGIN (?:X509 )?CERTIFICATE-----.*?-----END (?:X509 )?CERTIFICATE-----", re.S
)
_BEGIN = re.compile(rb"-----BEGIN (?:X509 )?CERTIFICATE-----")
_LINE = re.compile(rb"^(?:\xef\xbb\xbf)?-----BEGIN [A-Z0-9 ]+-----[ \t]*\r?\n", re.M)
# the others in a file that also holds its certificate, or the parameters of its curve
_KEY = re.compile(rb"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----.*?-----END \1-----", re.S)

# the beginning of a certificate in DER whose serial number is zero or negative
_ODD_SERIAL = re.compile(
    rb"(?:\x30(?:[\0-\x7f]|\x81.|\x82..|\x83...|\x84....)){2}(?:\xa0\x03\x02\x01.)?"
    rb"\x02(?:\x01\0|(?:[\x01-\x7f]|\x81.|\x82..)[\x80-\xff])",
    re.S,
)
_quiet = threading.Lock()


def read(path: Path | str) -> bytes:
    """The content of a file."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise CertificateError(f"{path}: {error.strerror or error}") from None


def load_chain(data: str | bytes, what: str = "certificate") -> list[x509.Certificate]:
    """The certificates in PEM (or one after the other in DER), the first being that of a key.

    what: the file, or whatever people should hear of where it is bad.
    """
    data = data.encode(errors="surrogatepass") if isinstance(data, str) else data
    if b"-----BEGIN" in data:
        parts = _CERTIFICATE.findall(data)
        if len(_BEGIN.findall(data)) != len(parts):
            raise CertificateError(f"{what}: a certificate in it has no end")
        if not parts:
            raise CertificateError(f"{what}: no certificate in it, but: {_kinds(data)}")
        loader = x509.load_pem_x509_certificate
    else:
        parts, loader = _split_der(data, what), x509.load_der_x509_certificate
    chain = []
    for number, part in enumerate(parts, 1):
        which = what if len(parts) == 1 else f"{what}, certificate {number}"
        try:
            with _no_word_of_serials(part):
                certificate = loader(part)
            # the library looks at these only when it is asked
            certificate.public_key()
            _ = certificate.subject, certificate.issuer, serial_number(certificate)
            _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc
            chain.append(certificate)
        except UnsupportedAlgorithm:
            raise CertificateError(
                f"{which}: a kind of public key that is not known here"
            ) from None
        except (ValueError, x509.InvalidVersion) as error:
            raise CertificateError(f"{which}: no X.509 certificate: {one_line(error)}") from None
    return chain


def serial_number(certificate: x509.Certificate) -> int:
    """As it is; old roots have 0, and some a negative one (RFC 5280 §4.1.2.2 allows neither)."""
    with _no_word_of_serials(certificate.public_bytes(serialization.Encoding.DER)):
        return certificate.serial_number


@contextlib.contextmanager
def _no_word_of_serials(part: bytes) -> Iterator[None]:
    """Without the library's warning of a serial number that RFC 5280 does not allow: who has a
    trust store did not make it. part: the certificate, PEM or DER."""
    if not _ODD_SERIAL.match(_der(part)):
        yield  # what follows is for the whole process, and other threads, so only where it has to
        return
    with _quiet, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Parsed a (negative )?serial number")
        yield


def _der(part: bytes) -> bytes:
    if not part.startswith(b"-----"):
        return part
    try:
        return base64.b64decode(part.split(b"-----")[2])
    except ValueError:
        return b""


def _kinds(data: bytes) -> str:
    return ", ".join(sorted({kind.decode() for kind in _KINDS.findall(data)})) or "half a PEM"


def _split_der(data: bytes, what: str) -> list[bytes]:
    """The values that stand in `data` one after the other (X.690 §8.1)."""
    parts = []
    while data:
        size = 2
        if len(data) > 1 and data[0] == 0x30:
            length = data[1]
            if 0x80 < length <= 0x84:
                size += length - 0x80
                length = int.from_bytes(data[2:size])
            size += length
        if len(data) < size or data[0] != 0x30:
            raise CertificateError(f"{what}: neither PEM nor DER")
        parts.append(data[:size])
        data = data[size:].lstrip(b"\r\n") if data[size : size + 1] != b"\x30" else data[size:]
    if not parts:
        raise CertificateError(f"{what}: empty")
    return parts


def load_key(
    data: str | bytes, what: str = "key", password: str | bytes | None = None
) -> PrivateKeyTypes:
    """A private key in PEM or DER. password: of an encrypted one, else it plays no part."""
    data = data.encode(errors="surrogatepass") if isinstance(data, str) else data
    secret = password.encode(errors="surrogatepass") if isinstance(password, str) else password
    pem = b"-----BEGIN" in data
    if not data.strip():
        raise CertificateError(f"{what}: empty")
    if pem:
        block = _KEY.search(data)
        if block is None:
            raise CertificateError(f"{what}: no private key in it, but: {_kinds(data)}")
        data = block[0]
    loader = serialization.load_pem_private_key if pem else serialization.load_der_private_key
    try:
        try:
            return loader(data, None)
        except TypeError:
            # it is encrypted
            if not secret:
                raise CertificateError(f"{what}: encrypted, and there is no password") from None
        return loader(data, secret)
    except CertificateError:
        raise
    except UnsupportedAlgorithm:
        raise CertificateError(f"{what}: a kind of key that is not known here") from None
    except (ValueError, TypeError):
        # the words of the library are not repeated: they are about what may be a secret
        if secret and (not pem or b"ENCRYPTED" in data):
            raise CertificateError(f"{what}: wrong password, or a damaged key") from None
        raise CertificateError(f"{what}: no private key in PEM or DER") from None


def der_hex_to_pem(hexes: str | Sequence[str]) -> str:
    """PEM of certificates in DER as hexadecimal digits, which some CSMS send.

    hexes: one text or several, each of one certificate or of several one after the other; colons
    and white space between the digits do not matter.
    """
    chain = []
    for number, text in enumerate([hexes] if isinstance(hexes, str) else hexes, 1):
        what = f"certificate {number} in hexadecimal digits"
        try:
            data = bytes.fromhex(re.sub(r"[\s:]", "", text))
        except ValueError:
            raise CertificateError(
                f"{what}: other characters in it, or half of a pair is missing"
            ) from None
        if data.startswith(b"-----BEGIN"):
            raise CertificateError(f"{what}: PEM inside, where DER belongs")
        chain += load_chain(data, what)
    if not chain:
        raise CertificateError("no certificate was given")
    return to_pem(chain)


def to_pem(chain: Sequence[x509.Certificate]) -> str:
    """The certificates in PEM, one after the other."""
    pem = serialization.Encoding.PEM
    return "".join(certificate.public_bytes(pem).decode() for certificate in chain)


def key_pem(data: str | bytes, key: PrivateKeyTypes, password: str | bytes | None = None) -> bytes:
    """`data` where OpenSSL can read it; else `key`, which it is, as PKCS #8 in PEM. What was
    encrypted stays so.

    password: that of `data`, where it is encrypted.
    """
    data = data.encode(errors="surrogatepass") if isinstance(data, str) else data
    if b"-----BEGIN" in data:
        return data if is_in_lines(data) or b"ENCRYPTED" in data else plain_pem(key)
    try:
        serialization.load_der_private_key(data, None)
    except TypeError:  # it is encrypted
        secret = password.encode(errors="surrogatepass") if isinstance(password, str) else password
        return _pem(key, serialization.BestAvailableEncryption(secret or b""))
    return plain_pem(key)


def is_in_lines(pem: bytes) -> bool:
    """Whether it has the lines that OpenSSL wants PEM to have."""
    return _LINE.search(pem) is not None


def plain_pem(key: PrivateKeyTypes) -> bytes:
    """The key as PKCS #8 in PEM, not encrypted."""
    return _pem(key, serialization.NoEncryption())


def _pem(key: PrivateKeyTypes, encryption: serialization.KeySerializationEncryption) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )


def one_line(error: Exception) -> str:
    """What a library says, fit for a line."""
    return " ".join(str(error).split())[:200] or type(error).__name__
