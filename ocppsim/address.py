"""Where a charge point connects to: the connection URL and the name in it (OCPP-J 1.6 §3.1.1)."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from .errors import ConnectError

__all__ = ["Address"]

# what RFC 3986 allows in a path beside letters and digits; % as the URL is encoded already
_PATH = "/%:@!$&'()*+,;=-._~"


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
        """Take `url` apart; `name`, if given, becomes its last path segment unless it is that already.

        Raises ConnectError where it is not a ws:// or wss:// URL with a host and a name.
        """
        try:
            parts = urlsplit(url.strip())
            port = parts.port
        except ValueError as error:
            raise ConnectError(f"not a URL: {_without_user(url)!r}: {error}") from None
        shown = _without_user(url)
        if parts.scheme not in ("ws", "wss"):
            raise ConnectError(f"{shown!r} is not a ws:// or wss:// URL", url=shown)
        if not parts.hostname:
            raise ConnectError(f"{shown!r} has no host", url=shown)
        path = quote(parts.path, safe=_PATH)
        last = unquote(path.rstrip("/").rpartition("/")[2])
        if name is None:
            name = last
        elif name != last:
            path = f"{path.rstrip('/')}/{quote(name, safe='')}"
        if not name:
            text = f"{shown!r} has no charge point name: add it as the last part, or give name="
            raise ConnectError(text, url=shown)
        if user is None and parts.username:
            user = unquote(parts.username)
        if password is None and parts.password is not None:
            password = unquote(parts.password)
        host = parts.netloc.rpartition("@")[2]
        return cls(
            url=urlunsplit((parts.scheme, host, path, quote(parts.query, safe=_PATH + "?"), "")),
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


def _without_user(url: str) -> str:
    head, slashes, rest = url.strip().partition("//")
    authority, slash, path = rest.partition("/")
    return head + slashes + authority.rpartition("@")[2] + slash + path
