"""The configuration keys of the security extension (security white paper), and what a change of
them does."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

from ocppsim import ChargePoint
from ocppsim.configuration import Definition

from .state import PROFILE, State

__all__ = ["password_of", "register"]

KEY = "AuthorizationKey"

# characters; as hexadecimal digits two a byte, 16 to 20 bytes
LENGTHS = range(16, 41)
HEX_LENGTHS = range(32, 41, 2)
_HEX = frozenset("0123456789abcdefABCDEF")

_SHARED = (
    (Definition(key="CpoName", max_length=64), ""),
    (Definition(key="CertificateStoreMaxLength", type=int, access="R", minimum=0), 10),
    (Definition(key="AdditionalRootCertificateCheck", type=bool, access="R"), False),
    (Definition(key="CertificateSignedMaxChainSize", type=int, access="R", minimum=0), 10_000),
)


def register(cp: ChargePoint, state: State) -> None:
    """Give `cp` the keys."""
    for definition, value in _SHARED:
        cp.configuration.add(definition, value)
    _AuthorizationKey(cp, state)
    _SecurityProfile(cp, state)


def password_of(value: str, form: str) -> str | bytes:
    """What an AuthorizationKey is as a password: text, or the bytes that its digits stand for."""
    return bytes.fromhex(value) if form == "hex" or (form == "auto" and _is_hex(value)) else value


def _is_hex(value: str) -> bool:
    return len(value) in HEX_LENGTHS and _HEX.issuperset(value)


class _AuthorizationKey:
    """It is in use from the next connection on, which is made at once; where the CSMS refuses it,
    the one before holds again."""

    def __init__(self, cp: ChargePoint, state: State) -> None:
        self._cp = cp
        self._state = state
        self._in_use = ""
        cp.configuration.add(
            KEY, "", access="W", check=self._check, on_change=self._changed, keep=False
        )

    def _check(self, value: str) -> str | None:
        form = self._state.options.authorization_key_as
        if form == "hex" and not _is_hex(value):
            return "it is not 32 to 40 hexadecimal digits"
        if len(value) not in LENGTHS or not value.isprintable():
            return f"it has not {LENGTHS[0]} to {LENGTHS[-1]} characters"
        return None

    def _changed(self, key: str, old: str, new: str) -> Callable[[], object] | None:
        if new == self._in_use:
            return None
        return lambda: self._use(new)

    def _use(self, new: str) -> None:
        cp, state = self._cp, self._state
        former, self._in_use = self._in_use, new

        def undo() -> None:
            self._in_use = former
            cp.configuration[KEY] = former

        password = password_of(new, state.options.authorization_key_as)
        if state.reconnect(cp, password=password, undo=undo):
            state.events.tell(cp, "ReconfigurationOfSecurityParameters", KEY)


class _SecurityProfile:
    """It goes up, never down (A05 of the white paper), by connecting anew; where that fails, the
    one before holds again."""

    def __init__(self, cp: ChargePoint, state: State) -> None:
        self._cp = cp
        self._state = state
        cp.configuration.add(
            PROFILE,
            cp.security_profile or 0,
            type=int,
            minimum=0,
            maximum=3,
            check=self._check,
            on_change=self._changed,
            keep=False,
        )

    def _check(self, value: int) -> str | None:
        cp = self._cp
        now = cp.security_profile or 0
        if value == now:
            return None
        if value < now:
            return f"from {now} down to {value} is not for OCPP to do"
        if value > 1 and not self._state.known_roots(cp):
            return "there is no root certificate to check the CSMS by (InstallCertificate, ca=)"
        if value == 3 and cp.keystore.find(cp.name) is None:
            return "there is no certificate of this charge point (CertificateSigned, cert=)"
        if value < 3 and now == 0 and not cp.configuration[KEY]:
            return "there is no password (AuthorizationKey)"
        return None

    def _changed(self, key: str, old: int, new: int) -> Callable[[], object] | None:
        if new == (self._cp.security_profile or 0):
            return None
        return lambda: self._use(new)

    def _use(self, profile: int) -> None:
        cp, state = self._cp, self._state
        url = _secured(cp.url, state.options.secure_url) if profile > 1 else None
        if state.reconnect(cp, url=url, security_profile=profile):
            state.events.tell(cp, "ReconfigurationOfSecurityParameters", f"{PROFILE} {profile}")


def _secured(url: str, secure_url: str | None) -> str | None:
    """Where TLS is; None: where the charge point is connected now."""
    parts = urlsplit(url)
    if parts.scheme.lower() == "wss":
        return None
    return secure_url or urlunsplit(parts._replace(scheme="wss"))
