"""InstallCertificate, DeleteCertificate, GetInstalledCertificateIds."""

from __future__ import annotations

import hashlib
from typing import Any

from cryptography import x509

from ocppsim import ChargePoint
from ocppsim.certificates import check_dates, load_chain
from ocppsim.errors import CertificateError
from ocppsim.pem import serial_number

from .roots import CENTRAL_SYSTEM, MANUFACTURER, Root, issued_by
from .state import State

__all__ = ["delete", "install", "installed"]

WHAT = "InstallCertificate"


def install(cp: ChargePoint, state: State, use: str, pem: str) -> None:
    """Keep a root certificate.

    Raises CertificateError where it is not good, or there is no room for it; OSError.
    """
    if use not in (CENTRAL_SYSTEM, MANUFACTURER):  # by `lenient`; it is part of a file's name
        raise CertificateError(f"{WHAT}: {use!r:.80} is no certificateType")
    chain = load_chain(pem, WHAT)
    if len(chain) != 1:
        raise CertificateError(f"{WHAT}: one certificate is wanted, here are {len(chain)}")
    certificate = chain[0]
    _check_authority(certificate)
    check_dates(certificate, what=WHAT)
    with state.installing:
        _install(cp, state, use, certificate)
        state.trust(cp)


def _install(cp: ChargePoint, state: State, use: str, certificate: x509.Certificate) -> None:
    roots = state.roots
    if any(root.certificate == certificate for root in roots.of(use)):
        return
    issuer = None
    if not issued_by(certificate, certificate):
        issuer = _issuer(certificate, [root.certificate for root in roots.all()])
    root = Root(use, certificate, issuer)
    root.hash_data(state.options.certificate_hash)  # else it could neither be told of nor deleted
    replaced: list[Root] = []
    if use == CENTRAL_SYSTEM and cp.configuration["AdditionalRootCertificateCheck"]:
        before = roots.of(use)
        if before and not issued_by(certificate, before[-1].certificate):
            text = "it is not signed by the one that it replaces (AdditionalRootCertificateCheck)"
            raise CertificateError(f"{WHAT}: {text}")
        replaced = before[:-1]
    most = cp.configuration["CertificateStoreMaxLength"]
    if len(roots.all()) - len(replaced) >= most:
        raise CertificateError(f"{WHAT}: CertificateStoreMaxLength, {most}, is reached")
    roots.add(root)
    for former in replaced:  # the one before stays, to fall back on
        roots.remove(former)


def _check_authority(certificate: x509.Certificate) -> None:
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        if certificate.issuer == certificate.subject:
            return  # as old roots are
        raise CertificateError(f"{WHAT}: it is not that of an authority") from None
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise CertificateError(f"{WHAT}: {error}") from None
    if not constraints.ca:
        raise CertificateError(f"{WHAT}: it is not that of an authority")


def _issuer(certificate: x509.Certificate, roots: list[x509.Certificate]) -> x509.Certificate:
    for root in roots:
        if issued_by(certificate, root):
            return root
    raise CertificateError(f"{WHAT}: neither signed by itself nor by a root that is installed")


def installed(state: State, use: str) -> list[dict[str, str]]:
    """CertificateHashDataType of each root of this use."""
    return [root.hash_data(state.options.certificate_hash) for root in state.roots.of(use)]


def delete(cp: ChargePoint, state: State, wanted: dict[str, Any]) -> str:
    """Remove the root that has these hashes: the status."""
    algorithm = str(wanted.get("hashAlgorithm"))
    with state.installing:
        for root in state.roots.all():
            if _same(root.hash_data(algorithm), wanted):
                try:
                    state.roots.remove(root)
                except OSError as error:
                    cp.log("DeleteCertificate: %s", error)
                    return "Failed"
                state.trust(cp)
                return "Accepted"
    if _own(cp, wanted, algorithm):
        cp.log("DeleteCertificate: the charge point's own certificate is not to be deleted")
        return "Failed"
    return "NotFound"


def _own(cp: ChargePoint, wanted: dict[str, Any], algorithm: str) -> bool:
    pair = cp.keystore.find(cp.name)
    if pair is None:
        return False
    try:
        certificate, *_ = load_chain(pair.cert.read_bytes(), str(pair.cert))
    except (OSError, CertificateError):
        return False
    return _same(_without_issuer(certificate, algorithm), wanted)


def _without_issuer(certificate: x509.Certificate, algorithm: str) -> dict[str, str]:
    """What can be told of a certificate whose issuer need not be there; it names no other."""
    issuer = hashlib.new(algorithm.lower(), certificate.issuer.public_bytes()).hexdigest()
    return {"issuerNameHash": issuer, "serialNumber": f"{serial_number(certificate):x}"}


def _same(one: dict[str, str], other: dict[str, Any]) -> bool:
    """Hexadecimal digits, of either case and with or without noughts before a number."""
    return all(
        value.lower().lstrip("0") == str(other.get(name)).lower().lstrip("0")
        for name, value in one.items()
    )
