"""Authorities and certificates for tests of TLS, in files; made by trustme and cryptography."""

from __future__ import annotations

import ssl
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

__all__ = [
    "AUTHORITY",
    "STRANGER",
    "encrypted",
    "old_tls",
    "on",
    "pair",
    "self_signed",
    "serving",
    "written",
]

AUTHORITY = trustme.CA(organization_name="Test authority", organization_unit_name="CA")
STRANGER = trustme.CA(organization_name="Stranger", organization_unit_name="CA")


def on(text: str) -> datetime:
    """``2020-01-31``"""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def pair(name: str = "CP1", signer: trustme.CA = AUTHORITY, **details: Any) -> trustme.LeafCert:
    """For a charge point; details: see `trustme.CA.issue_cert`."""
    details = {"organization_name": "Tests", "organization_unit_name": "CP", **details}
    return signer.issue_cert(name, common_name=name, **details)


def written(folder: Path, leaf: trustme.LeafCert, stem: str = "cp1") -> dict[str, Any]:
    """`leaf` in files, as the arguments of `connect`."""
    cert, key = folder / f"{stem}.pem", folder / f"{stem}-key.pem"
    cert.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    key.write_bytes(leaf.private_key_pem.bytes())
    return {"cert": cert, "key": key}


def encrypted(key: Path, password: bytes) -> None:
    """Encrypt the key in this file."""
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(password),
        )
    )


def serving(
    *names: str,
    leaf: trustme.LeafCert | None = None,
    clients: tuple[trustme.CA, ...] = (),
    version: ssl.TLSVersion | None = None,
    **details: Any,
) -> ssl.SSLContext:
    """For a CSMS. clients: who has to vouch for charge points; nobody: they need no certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if leaf is None:
        leaf = AUTHORITY.issue_cert(*(names or ("localhost", "127.0.0.1")), **details)
    leaf.configure_cert(context)
    for authority in clients:
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


def old_tls() -> ssl.SSLContext:
    """For a CSMS that speaks TLS 1.1 and nothing newer."""
    context = serving()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def self_signed() -> trustme.LeafCert:
    """For localhost; nobody but itself vouches for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(on("2020-01-01"))
        .not_valid_after(on("2100-01-01"))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return trustme.LeafCert(private, certificate.public_bytes(pem), [])
