"""The forms in which a CSMS delivers a certificate with CertificateSigned."""

from __future__ import annotations

import json
from typing import Any

from ocppsim.certificates import der_hex_to_pem
from ocppsim.errors import CertificateError

__all__ = ["MESSAGE", "vendors_payload", "wanted_chain"]

MESSAGE = "CertificateSigned"


def wanted_chain(payload: Any) -> str:
    """The chain of a CertificateSigned.req in PEM.

    ``certificateChain`` is PEM (security white paper §5.1); ``cert`` is DER in hexadecimal digits,
    a list of texts or one (the form of CharIN). Raises CertificateError.
    """
    if not isinstance(payload, dict):
        raise CertificateError(f"{MESSAGE}: no object, but {payload!r:.80}")
    chain, hexes = payload.get("certificateChain"), payload.get("cert")
    if isinstance(chain, str):
        return chain
    if isinstance(hexes, str) or (
        isinstance(hexes, list) and hexes and all(isinstance(text, str) for text in hexes)
    ):
        return der_hex_to_pem(hexes)
    raise CertificateError(f"{MESSAGE}: neither certificateChain (text) nor cert (texts) in it")


def vendors_payload(payload: dict[str, Any]) -> Any:
    """What the data of a DataTransfer.req holds: it is an object, or JSON text of one.

    Raises CertificateError.
    """
    data = payload.get("data")
    if not isinstance(data, str):
        return data
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise CertificateError(f"{MESSAGE}: the data of the DataTransfer is no JSON") from None
