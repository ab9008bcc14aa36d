"""Where a charge point connects to: the connection URL and the name in it (OCPP-J 1.6 §3.1.1)."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, unquote_to_bytes, urlsplit, urlunsplit

from .errors import ConnectError

__all__ = ["Address"]

# what RFC 3986 allows in a path beside letters and digits; % as the URL is encoded already; but not
# ";", as websocket-client drops it and what follows
_PATH = "/%:@!$&'()*+,=-._~"
_QUERY = _PATH + ";?"


@dataclass(frozen=True, slots=True)
class Address:
    """A connection URL, taken apart.

    url: without user and password; safe to show. name: the charge point's identity, decoded.
    """

    url: str
    name: str
    host: str
    port: int
    tls: bool
    user: str | None = None
    password: str | bytes | None = field(default=None, repr=False)

    @classmethod
    def parse(
        cls,
        url: str,
        *,
        name: str | None = None,
        user: str | None = None,
        password: str | bytes | None = None,
    ) -> Address:
        """Take `url` apart; `name`, if given, becomes its last path segment unless it is that
        already.

        Raises ConnectError where it is not a ws:// or wss:// URL with a host and a name. Its text
        shows nothing before an @, where a password may be.
        """
        shown = _shown(url)
        hint = " (in a user or password, : / ? # @ are percent-encoded)" if "@" in url else ""
        try:
            parts = urlsplit(url.strip())
        except ValueError:
            raise ConnectError(f"{shown!r} is not a URL{hint}", url=shown) from None
        if parts.scheme not in ("ws", "wss"):
            raise ConnectError(f"{shown!r} is not a ws:// or wss:// URL", url=shown)
        try:
            port = parts.port
        except ValueError:
            port = 0
        if port == 0:
            raise ConnectError(f"{shown!r} has no valid port{hint}", url=shown)
        if not parts.hostname:
            raise ConnectError(f"{shown!r} has no host", url=shown)
        if parts.fragment:
            text = f"{shown!r}: no part of a WebSocket URL begins with #; in a name it is %23{hint}"
            raise ConnectError(text, url=shown)
        if user is None and parts.username:
            user = unquote(parts.username)
        if password is None and parts.password is not None:
            password = _text_or_bytes(parts.password)
        try:
            path = quote(parts.path, safe=_PATH)
            query = quote(parts.query, safe=_QUERY)
            last = unquote(path.rstrip("/").rpartition("/")[2])
            if name is None:
                name = last
            elif name != last:
                path = f"{path.rstrip('/')}/{quote(name, safe='')}"
            for secret in (user, password):
                if isinstance(secret, str):
                    secret.encode()
        except UnicodeEncodeError:
            text = (
                f"{shown!r}: there is half a surrogate pair in the URL, the name, user or password"
            )
            raise ConnectError(text, url=shown) from None
        if not name:
            text = f"{shown!r} has no charge point name: add it as the last part, or give name="
            raise ConnectError(text, url=shown)
        host = parts.netloc.rpartition("@")[2]
        return cls(
            url=urlunsplit((parts.scheme, host, path, query, "")),
            name=name,
            host=parts.hostname,
            port=port or (443 if parts.scheme == "wss" else 80),
            tls=parts.scheme == "wss",
            user=user,
            password=password,
        )

    @property
    def authorization(self) -> str | None:
        """The Authorization header for HTTP Basic, None without a password. The user is the charge
        point's name unless one is given (security white paper, profile 1)."""
        if self.password is None:
            return None
        user = (self.user if self.user is not None else self.name).encode()
        password = self.password.encode() if isinstance(self.password, str) else self.password
        return "Basic " + b64encode(user + b":" + password).decode()


def _text_or_bytes(quoted: str) -> str | bytes:
    # an AuthorizationKey need not be text (OCPP-J 1.6 §6.2.2)
    try:
        return unquote(quoted, errors="strict")
    except UnicodeDecodeError:
        return unquote_to_bytes(quoted)


def _shown(url: str) -> str:
    """What may stand in an error: nothing of a password, not even of one that is badly encoded."""
    head, at, rest = url.strip().rpartition("@")
    scheme, colon, _ = head.partition("://")
    return (f"{scheme}://…@" if colon and scheme.isalpha() else "…@" if at else "") + rest
