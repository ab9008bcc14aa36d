"""Certificate signing requests, and whether certificates are what they have to be.

What is wrong raises CertificateError, in one line that begins with the name of the file, or with
what was given: ``cp1.pem: expired on 2024-01-31T00:00:00Z``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509 import ocsp

from .clock import timestamp
from .errors import CertificateError
from .pem import (
    der_hex_to_pem,
    key_pem,
    load_chain,
    load_key,
    one_line,
    plain_pem,
    read,
    serial_number,
    to_pem,
)
from .subject import parse_subject

__all__ = [
    "CertificateRequest",
    "check_chain",
    "check_dates",
    "check_pair",
    "der_hex_to_pem",
    "generate_csr",
    "generate_key",
    "hash_data",
    "key_pem",
    "load_chain",
    "load_key",
    "load_pair",
    "read",
    "to_name",
    "to_pem",
]

_CURVES: dict[int, type[ec.EllipticCurve]] = {
    256: ec.SECP256R1,
    384: ec.SECP384R1,
    521: ec.SECP521R1,
}
_RSA_SIZES = range(2048, 8193)
_HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "SHA256": hashes.SHA256,
    "SHA384": hashes.SHA384,
    "SHA512": hashes.SHA512,
}
# of a serial number in CertificateHashDataType
_MAX_SERIAL = 40


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """A certificate signing request (PKCS #10) and the key that it was made with.

    csr: PEM, as SignCertificate takes it. key: PKCS #8 in PEM, not encrypted.
    """

    csr: str
    key: str = field(repr=False)


def generate_csr(
    subject: str, *, key_type: str = "EC", key_size: int | None = None
) -> CertificateRequest:
    """A new key, and a request for a certificate with this subject.

    subject: ``/C=DE/O=Org/CN=cp1``, or as RFC 4514 has it (``CN=cp1,O=Org,C=DE``).
    key_type: ``"EC"`` with a key_size of 256 (the default), 384 or 521 bits; or ``"RSA"`` with
    2048 (the default) to 8192 bits.
    """
    name = to_name(subject)
    key = generate_key(key_type, key_size)
    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    pem = csr.public_bytes(serialization.Encoding.PEM).decode()
    return CertificateRequest(pem, plain_pem(key).decode())


def generate_key(
    key_type: str = "EC", key_size: int | None = None
) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    """A new private key; arguments as for `generate_csr`."""
    if key_type == "EC":
        curve = _CURVES.get(256 if key_size is None else key_size)
        if curve is None:
            raise CertificateError(f"an EC key has 256, 384 or 521 bits, not {key_size!r}")
        return ec.generate_private_key(curve())
    if key_type == "RSA":
        size = 2048 if key_size is None else key_size
        if size not in _RSA_SIZES:
            raise CertificateError(f"an RSA key has 2048 to 8192 bits here, not {key_size!r}")
        return rsa.generate_private_key(public_exponent=65537, key_size=size)
    raise CertificateError(f"a key is of type EC or RSA, not {key_type!r}")


def to_name(subject: str) -> x509.Name:
    """The distinguished name that a subject is."""
    try:
        return x509.Name(
            x509.RelativeDistinguishedName(
                x509.NameAttribute(x509.ObjectIdentifier(oid), value) for oid, value in level
            )
            for level in parse_subject(subject)
        )
    except CertificateError:
        raise
    except ValueError as error:
        raise CertificateError(f"subject {subject!r:.200}: {one_line(error)}") from None


def load_pair(
    cert: Path | str, key: Path | str, password: str | bytes | None = None
) -> list[x509.Certificate]:
    """The certificates of a file, whose first belongs to the key in another."""
    chain = load_chain(read(cert), str(cert))
    private = load_key(read(key), str(key), password)
    check_pair(chain, private, what=str(cert), key_what=str(key))
    return chain


# --- checking ------------------------------------------------------------------------------------


def check_pair(
    chain: Sequence[x509.Certificate],
    key: str | bytes | PrivateKeyTypes,
    *,
    what: str = "certificate",
    key_what: str = "key",
    password: str | bytes | None = None,
) -> None:
    """That the first certificate is that of the key."""
    if isinstance(key, (str, bytes)):
        key = load_key(key, key_what, password)
    if not hasattr(key, "public_key"):
        raise CertificateError(f"{key_what}: no key for certificates")
    public = key.public_key()
    if not chain:
        raise CertificateError(f"{what}: empty")
    if public == chain[0].public_key():
        return
    for number, certificate in enumerate(chain[1:], 2):
        if public == certificate.public_key():
            text = f"{what}: the key in {key_what} belongs to certificate {number}"
            raise CertificateError(f"{text}, which has to be the first")
    raise CertificateError(f"{what} ({_label(chain[0])}): does not belong to {key_what}")


def check_dates(
    certificate: x509.Certificate, now: datetime | None = None, what: str = "certificate"
) -> None:
    """That it is valid at this time. now: with a time zone; else the time of this machine."""
    now = datetime.now(UTC) if now is None else now
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    who = f"{what} ({_label(certificate)})"
    if now < start:
        raise CertificateError(f"{who}: not valid before {timestamp(start, timespec='seconds')}")
    if now > end:
        raise CertificateError(f"{who}: expired on {timestamp(end, timespec='seconds')}")


def check_chain(
    chain: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    now: datetime | None = None,
    what: str = "certificate",
) -> None:
    """That each certificate is valid and issued by the next, up to one of the roots.

    What comes after the first that a root has issued plays no part. Names of hosts, revocation and
    extended key usage are not looked at.
    """
    if not chain:
        raise CertificateError(f"{what}: empty")
    for depth, certificate in enumerate(chain):
        check_dates(certificate, now, what)
        if certificate in roots:
            return
        refusals = [_refusal(certificate, root, depth) for root in roots]
        for root, refusal in zip(roots, refusals, strict=True):
            if refusal is None:
                check_dates(root, now, f"{what}: its root")
                return
        following = chain[depth + 1] if depth + 1 < len(chain) else None
        if following is None:
            why = next(filter(None, refusals), None) if len(roots) == 1 else None
            raise CertificateError(
                f"{what} ({_label(certificate)}): issued by {_name(certificate.issuer)},"
                f" which is none of the {len(roots)} roots" + (f": {why}" if why else "")
            )
        refusal = _refusal(certificate, following, depth)
        if refusal is not None:
            raise CertificateError(
                f"{what}: certificate {depth + 1} ({_label(certificate)}) is not issued by"
                f" certificate {depth + 2} ({_label(following)}): {refusal}"
            )


def _refusal(certificate: x509.Certificate, issuer: x509.Certificate, depth: int) -> str | None:
    """Why `issuer` cannot have issued `certificate`, which has so many others below it."""
    try:
        certificate.verify_directly_issued_by(issuer)
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = [
            extension.value
            for extension in issuer.extensions
            if isinstance(extension.value, x509.KeyUsage)
        ]
    except InvalidSignature:
        return "the signature is wrong"
    except x509.ExtensionNotFound:
        return "it is no authority"
    except (
        ValueError,
        TypeError,
        UnsupportedAlgorithm,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
    ) as error:
        return one_line(error)
    if not constraints.ca or not all(each.key_cert_sign for each in usage):
        return "it is no authority"
    if constraints.path_length is not None and constraints.path_length < depth:
        return f"it may have {constraints.path_length} authorities below it, not {depth}"
    return None


def hash_data(
    certificate: x509.Certificate,
    algorithm: str = "SHA256",
    issuer: x509.Certificate | None = None,
) -> dict[str, str]:
    """The CertificateHashDataType of a certificate, which is OCSP's CertID (RFC 6960 §4.1.1).

    algorithm: ``"SHA256"``, ``"SHA384"``, ``"SHA512"``. issuer: its certificate; not needed for a
    root, which has issued itself. Hexadecimal digits are lower-case.
    """
    if algorithm not in _HASHES:
        raise CertificateError(f"{algorithm!r:.40} is no hash; there are {', '.join(_HASHES)}")
    issuer = certificate if issuer is None else issuer
    if certificate.issuer != issuer.subject:
        text = f"{_label(certificate)}: issued by {_name(certificate.issuer)}"
        more = "whose certificate is needed" if issuer is certificate else f"not {_label(issuer)}"
        raise CertificateError(f"{text}, {more}")
    number = serial_number(certificate)
    serial = f"{number:x}"
    if number < 0 or len(serial) > _MAX_SERIAL:
        raise CertificateError(f"{_label(certificate)}: its serial number is not in 0 to 2^160")
    # hashes the bytes of the name as they stand in the certificate, not as they might be rewritten
    builder = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, _HASHES[algorithm]())
    request = builder.build()
    return {
        "hashAlgorithm": algorithm,
        "issuerNameHash": request.issuer_name_hash.hex(),
        "issuerKeyHash": request.issuer_key_hash.hex(),
        "serialNumber": serial,
    }


def _label(certificate: x509.Certificate) -> str:
    return _name(certificate.subject)


def _name(name: x509.Name) -> str:
    text = name.rfc4514_string() or "no name"
    return "".join(char if char.isprintable() else "?" for char in text)[:200]
