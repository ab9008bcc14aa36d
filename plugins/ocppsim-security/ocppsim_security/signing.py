"""A new certificate for the charge point: the request, and what comes back."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cryptography import x509

from ocppsim import CallError, CallTimeout, ChargePoint, InvalidPayload
from ocppsim.certificates import (
    CertificateRequest,
    check_chain,
    check_dates,
    check_pair,
    load_chain,
    load_key,
)
from ocppsim.errors import CertificateError

from .state import State

__all__ = ["answer", "check_signed", "request_certificate"]

# of requests that are not answered yet
MAX_PENDING = 3
WHAT = "CertificateSigned"

Payload = dict[str, Any]


def request_certificate(cp: ChargePoint, state: State) -> Payload | Iterator[Payload]:
    """Answer the trigger, and send SignCertificate with a new key's request."""
    try:
        request = cp.generate_csr(_subject(cp))
    except CertificateError as error:
        cp.log("SignChargePointCertificate: %s", error)
        return {"status": "Rejected"}
    return _send(cp, state, request)


def _send(cp: ChargePoint, state: State, request: CertificateRequest) -> Iterator[Payload]:
    yield {"status": "Accepted"}
    # the certificate may be here before the answer
    with state.signing:
        state.pending.append(request)
        del state.pending[:-MAX_PENDING]
    try:
        answer = cp.call("SignCertificate", {"csr": request.csr})
        why = "" if answer.get("status") == "Accepted" else str(answer.get("status"))
    except (CallError, CallTimeout, InvalidPayload) as error:
        why = str(error)
    if why:
        cp.log("SignCertificate: the CSMS does not sign it: %s", why)
        with state.signing:
            if request in state.pending:
                state.pending.remove(request)


def _subject(cp: ChargePoint) -> str | None:
    """With CpoName as the organization, whatever characters that has; None without it."""
    operator = cp.configuration["CpoName"]
    if not operator:
        return None
    try:
        organization = x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, operator)
        name = x509.NameAttribute(x509.NameOID.COMMON_NAME, cp.name)
        return x509.Name([organization, name]).rfc4514_string()
    except ValueError as error:
        raise CertificateError(f"no subject for {cp.name!r:.100}: {error}") from None


def check_signed(cp: ChargePoint, state: State, pem: str) -> CertificateRequest | None:
    """The request that this chain answers; None where it is for the key in use.

    Raises CertificateError where it is for neither, too long, not valid now, or leads to no root
    that is known; where none is known the last plays no part.
    """
    longest = cp.configuration["CertificateSignedMaxChainSize"]
    if len(pem.encode(errors="replace")) > longest:
        raise CertificateError(f"{WHAT}: longer than CertificateSignedMaxChainSize, {longest}")
    chain = load_chain(pem, WHAT)
    request = _answered(chain, state, cp)
    for certificate in chain:
        check_dates(certificate, what=WHAT)
    roots = state.known_roots(cp)
    if roots:
        check_chain(chain, roots, what=WHAT)
    return request


def _answered(
    chain: list[x509.Certificate], state: State, cp: ChargePoint
) -> CertificateRequest | None:
    for request in reversed(state.pending):
        if load_key(request.key).public_key() == chain[0].public_key():
            return request
    pair = cp.keystore.find(cp.name)
    if pair is None:
        asked = "that this charge point asked for" if state.pending else "to be signed"
        raise CertificateError(f"{WHAT}: there is no key {asked} that it belongs to")
    try:
        key = pair.key.read_bytes()
    except OSError as error:
        raise CertificateError(f"{pair.key}: {error.strerror}") from None
    if b"ENCRYPTED" not in key:  # else the key store does not have its password either
        check_pair(chain, key, what=WHAT, key_what="the key in use")
    return None


def answer(
    cp: ChargePoint, state: State, read: Callable[[], str], form: Callable[[str], Payload]
) -> Iterator[Payload]:
    """Answer a CertificateSigned, and go on with what it brought.

    read: the chain in PEM, in whatever form it came. form: the payload that tells a status.
    """
    profile = cp.security_profile
    try:
        _take(cp, state, read())
    except (CertificateError, OSError) as error:
        cp.log("%s", error)
        yield form("Rejected")
        if isinstance(error, CertificateError):
            state.events.tell(cp, "InvalidChargePointCertificate", error)
        return
    yield form("Accepted")
    _use(cp, state, profile)


def _take(cp: ChargePoint, state: State, pem: str) -> None:
    """Store it, for the next connection. Raises CertificateError, OSError."""
    with state.signing:  # it may be delivered twice at a time
        request = check_signed(cp, state, pem)
        _give_root(cp)
        cp.keystore.save(cp.name, key=None if request is None else request.key, cert=pem)
        if request is not None:
            del state.pending[: state.pending.index(request) + 1]


def _use(cp: ChargePoint, state: State, profile: int | None) -> None:
    """Connect with the certificate that was stored, where there is TLS.

    profile: the security profile before. The charge point stays on it: a certificate alone is no
    change of profile. Raises ConnectError where not even the former one is taken any more.
    """
    if not cp.url.lower().startswith("wss:"):
        cp.log("the new certificate is for TLS: it is used on security profile 3")
        return
    new = cp.keystore.find(cp.name)
    done = state.reconnect(cp, security_profile=2 if profile == 2 else None)
    # where the CSMS refuses it, `reconnect` goes back to the former one, and tells the CSMS
    if done and cp.keystore.find(cp.name) == new:
        state.events.tell(cp, "ReconfigurationOfSecurityParameters", "a new certificate is in use")


def _give_root(cp: ChargePoint) -> None:
    """A key store without a root gets a temporary one, as the pair has to be in files for TLS."""
    if cp.keystore.root is None:
        root = tempfile.mkdtemp(prefix="ocppsim-keystore-")
        atexit.register(shutil.rmtree, root, ignore_errors=True)
        cp.keystore.root = Path(root)
        cp.log("key and certificate are kept until this program ends (keystore_root= keeps them)")
