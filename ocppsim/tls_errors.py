"""What went wrong with TLS, in words for a person."""

from __future__ import annotations

import re
import ssl
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509

__all__ = ["about", "alert_of", "explain", "hint", "no_tls"]

# alerts that judge the certificate of the client (RFC 8446 §6.2)
_JUDGED = {
    "ACCESS_DENIED",
    "BAD_CERTIFICATE",
    "CERTIFICATE_EXPIRED",
    "CERTIFICATE_REQUIRED",
    "CERTIFICATE_REVOKED",
    "CERTIFICATE_UNKNOWN",
    "DECRYPT_ERROR",
    "UNKNOWN_CA",
    "UNSUPPORTED_CERTIFICATE",
}
_WANTED = "the CSMS wants a client certificate (cert=, key=)"
_VERSIONS = {"PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL", "WRONG_SSL_VERSION"}
# what OpenSSL makes of an answer that is not TLS
_NO_TLS = {"HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE", "WRONG_VERSION_NUMBER"}


def alert_of(error: BaseException) -> str | None:
    """The alert by which the peer ended it, as RFC 8446 §6 calls it but in capitals."""
    reason = getattr(error, "reason", None) if isinstance(error, ssl.SSLError) else None
    found = re.fullmatch(r"(?:SSLV3|TLSV1|TLSV13)_(?:ALERT_)?(\w+)", reason or "")
    return found[1] if found else None


def explain(alert: str, offered: bool | None) -> str:
    """What an alert means. offered: whether the CSMS got a client certificate; None: who knows."""
    words = alert.lower().replace("_", " ").replace(" ca", " CA")
    if alert in _JUDGED and (offered is False or alert == "CERTIFICATE_REQUIRED"):
        return _WANTED
    if alert in _JUDGED:
        return f"the CSMS refused this charge point's certificate: {words}"
    if alert in _VERSIONS:
        return "no version of TLS in common: this side speaks 1.2 and newer"
    if alert == "HANDSHAKE_FAILURE":
        return f"{words} (no cipher in common? {hint(offered)})"
    return f"the CSMS says: {words}"


def hint(offered: bool | None) -> str:
    """What may be the matter where the CSMS hangs up without a word."""
    if offered is None:
        return "does it want a client certificate, or refuse this one?"
    if offered:
        return "does it refuse this charge point's certificate?"
    return "does it want a client certificate (cert=, key=)?"


def no_tls(error: ssl.SSLError, offered: bool | None) -> str:
    """Why there was no TLS handshake."""
    reason = error.reason or str(error)
    alert = alert_of(error) or (reason if reason in _VERSIONS else None)
    if alert is not None:
        return explain(alert, offered)
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return f"it closed the connection (does it speak TLS? {hint(offered)})"
    if reason in _NO_TLS:
        return f"{reason} (does it speak TLS?)"
    return reason


def about(der: bytes) -> str:
    """Of a certificate that nobody vouches for: whom it is for, who issued it, when it holds.

    Empty where it cannot be read.
    """
    from cryptography import x509

    try:
        certificate = x509.load_der_x509_certificate(der)
        names = _names(certificate) or _shown(certificate.subject)
        since, until = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        issuer = _shown(certificate.issuer)
    except ValueError:
        return ""
    return f"it is for {names}, by {issuer}, valid {_day(since)} to {_day(until)}"


def _names(certificate: x509.Certificate) -> str:
    from cryptography import x509

    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return ""
    return _printable(", ".join(str(name.value) for name in extension.value))


def _shown(name: x509.Name) -> str:
    from cryptography import x509

    common = name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return _printable(str(common[-1].value) if common else name.rfc4514_string()) or "nobody"


def _printable(text: str) -> str:
    whole = "".join(c if c.isprintable() else "�" for c in text)
    return whole if len(whole) <= 80 else f"{whole[:79]}…"


def _day(time: datetime) -> str:
    return f"{time:%Y-%m-%d}"
