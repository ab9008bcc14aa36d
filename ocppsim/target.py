"""Where a charge point connects, and as whom: the connection URL, TLS, and the security profile."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from .address import Address
from .errors import CertificateError, ConnectError
from .keystore import Pair
from .tls import TlsSettings

__all__ = ["Target", "dial"]

_Connection = TypeVar("_Connection")

_WHAT = {
    1: "a password over ws://",
    2: "a password over wss://",
    3: "a client certificate over wss://",
}


@dataclass(frozen=True, slots=True)
class Target:
    """profile: the security profile that was asked for (security white paper §2); None: what was
    given is used, whatever it is."""

    address: Address
    tls: TlsSettings
    profile: int | None = None

    @property
    def security_profile(self) -> int:
        """The one asked for, else the one that this amounts to."""
        if self.profile is not None:
            return self.profile
        if self.pair() is not None:
            return 3
        if self.address.password is None:
            return 0
        return 2 if self.address.tls else 1

    def pair(self) -> Pair | None:
        """The certificate and key to connect with, if there are any."""
        if not self.address.tls or self.profile not in (None, 3):
            return None
        return None if self.tls.ssl_context else self.tls.keystore.find(self.address.name)

    def former(self, refused: Pair | None) -> Pair | None:
        """What to fall back on where the CSMS refused that pair."""
        former = None if refused is None else self.tls.keystore.former(self.address.name)
        return former if former != refused else None

    def context(
        self, pair: Pair | None, log: logging.LoggerAdapter[logging.Logger]
    ) -> ssl.SSLContext | None:
        """For the next connection, with this pair; None without TLS. Raises CertificateError."""
        if not self.address.tls:
            return None
        if self.tls.insecure:
            text = "insecure=True: the certificate of the CSMS is not checked, anybody may be there"
            log.warning(text)
        return self.tls.context(pair)

    def identity(self) -> Address:
        """The address, without the password where the profile has none."""
        return replace(self.address, password=None) if self.profile in (0, 3) else self.address

    def changed(
        self,
        url: str | None,
        user: str | None,
        password: str | bytes | None,
        profile: int | None,
    ) -> Target:
        """With what is given in place of what was. Raises ConnectError for a bad URL."""
        before = self.address
        now = Address.parse(
            before.url if url is None else url, name=before.name, user=user, password=password
        )
        now = replace(
            now,
            user=before.user if now.user is None else now.user,
            password=before.password if now.password is None else now.password,
        )
        return Target(now, self.tls, self.profile if profile is None else profile)

    def check(self) -> None:
        """Raises ConnectError where the security profile lacks something, CertificateError where
        a file is not good."""
        if missing := self._missing():
            url = self.address.url
            text = f"security profile {self.profile} is {_WHAT[self.profile or 0]}: {missing}"
            raise ConnectError(f"{url}: {text}", url=url)
        if self.address.tls:
            self.tls.context(self.pair())

    def _missing(self) -> str:
        profile, tls = self.profile or 0, self.address.tls
        if profile == 1 and tls:
            return "the URL is wss://"
        if profile in (2, 3) and not tls:
            return "the URL is ws://"
        if profile in (1, 2) and not self.address.password:
            return "there is no password (password=, authorization_key=)"
        if profile == 3 and self.tls.ssl_context is None and self.pair() is None:
            return "there is no certificate of this charge point (cert= and key=, keystore=)"
        return ""


def dial(
    target: Target,
    open_connection: Callable[[Address, ssl.SSLContext | None], _Connection],
    log: logging.LoggerAdapter[logging.Logger],
) -> tuple[_Connection, str | None]:
    """Connect. Where the CSMS refuses the pair in use, and there is a former one with which it
    works, that is in use from then on.

    Returns the connection, and why the CSMS refused the first pair. Raises ConnectError,
    CertificateError.
    """
    pair = target.pair()
    try:
        return open_connection(target.identity(), target.context(pair, log)), None
    except ConnectError as error:
        former = target.former(pair)
        if former is None or not _is_refusal(error):
            raise
        refusal = error
    log.warning("%s; trying the certificate before it, %s", refusal, former.cert)
    try:
        connection = open_connection(target.identity(), target.context(former, log))
    except (ConnectError, CertificateError) as error:
        log.warning("not with that one either: %s", error)
        raise refusal from None
    try:
        target.tls.keystore.restore(target.address.name)
        log.warning("the certificate before it is in use again")
    except OSError as error:
        log.warning("it works, but the key store cannot be put back: %s", error)
    return connection, str(refusal)


def _is_refusal(error: ConnectError) -> bool:
    return error.refused and (error.status is None or 400 <= error.status < 500)
