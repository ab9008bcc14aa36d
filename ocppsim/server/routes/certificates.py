"""The certificates of a charge point: its own, those it trusts, and that of the CSMS."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...chargepoint import ChargePoint
from ...clock import timestamp
from ...errors import CertificateError
from ..api import Api, parts, ref

if TYPE_CHECKING:
    from cryptography import x509

__all__ = ["api"]

api = Api("certificates", "certificates")


@api.route("GET", "/cp/{name}/certificates", "Show the certificates", answer=ref("Certificates"))
def list_certificates(name: str) -> Any:
    """own: the one that it connects with, then those of its issuers; from its files, or its key
    store. trusted: whom it trusts; with `system` the trust store of the system beside them. tls: of
    the connection that there is; null without TLS. Private keys are never shown."""
    cp = parts().fleet.get(name).prepare()
    problems: list[str] = []
    tls = cp._link.target.tls

    def shown(use: str, load: Callable[[], Iterable[x509.Certificate]]) -> list[dict[str, Any]]:
        try:
            return [_shown(one, use) for one in dict.fromkeys(load())]
        except (CertificateError, OSError) as error:
            problems.append(str(error))
            return []

    own = shown("own", lambda: _own(cp))
    for issuer in own[1:]:
        issuer["use"] = "issuer"
    given = shown("given", lambda: _loaded(replace(tls, roots=()).trusted()))
    installed = shown("installed", lambda: _loaded(tls.roots))
    return {
        "own": own,
        "trusted": given + installed,
        "system": tls.ca is None and tls.ca_dir is None,
        "checked": not tls.insecure,
        "problems": problems,
        "tls": _connection(cp),
    }


# the library behind certificates takes a while to import


def _own(cp: ChargePoint) -> list[x509.Certificate]:
    pair = cp.keystore.find(cp.name)
    if pair is None:
        return []
    from ...certificates import load_chain, read

    return load_chain(read(pair.cert), str(pair.cert))


def _loaded(pems: Iterable[str]) -> Iterator[x509.Certificate]:
    from ...certificates import load_chain

    for pem in pems:
        yield from load_chain(pem)


def _connection(cp: ChargePoint) -> dict[str, Any] | None:
    found = cp._link.tls
    if found is None:
        return None
    from ...certificates import load_chain

    shown = [_shown(one, "CSMS") for one in load_chain(found.certificate)]
    return {"version": found.version, "cipher": found.cipher, "certificate": shown[0]}


def _shown(certificate: x509.Certificate, use: str) -> dict[str, Any]:
    from cryptography.hazmat.primitives.hashes import SHA256

    from ...pem import serial_number, to_pem

    return {
        "use": use,
        "subject": certificate.subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
        "serialNumber": f"{serial_number(certificate):x}",
        "notBefore": timestamp(certificate.not_valid_before_utc, timespec="seconds"),
        "notAfter": timestamp(certificate.not_valid_after_utc, timespec="seconds"),
        "sha256": certificate.fingerprint(SHA256()).hex(),
        "pem": to_pem([certificate]),
    }
