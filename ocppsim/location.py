"""Where a file is to go or to come from: the `location` of GetDiagnostics and UpdateFirmware (OCPP
1.6 §5.9, §5.19), an FTP URL (RFC 1738 §3.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import SplitResult, quote, unquote, urlsplit

from .errors import TransferError
from .hosts import in_url

__all__ = ["Location", "check_name"]

_HINT = " (in user, password and path, : / ? # @ are percent-encoded)"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PATH = "!$&'()*+,;=:~"  # what may stand in a part of a path as it is, beside letters and digits


@dataclass(frozen=True, slots=True)
class Location:
    """An FTP URL, taken apart.

    tls: ``ftps://``, which is explicit TLS (RFC 4217). folders: each is entered by a CWD of its
    own, so they lead on from where the server puts the user; a first one ``"/"``, from
    ``ftp://host//etc/…``, leads there from its root. last: what follows the last slash, ``""``
    where nothing does: one more folder for an upload, the file for a download.

    Where a colon comes before it, an @ in the path has to be ``%40``: nobody could tell it from the
    one after a password with a bare slash. Octets that are not UTF-8 are half surrogate pairs here,
    as PEP 383 has it.
    """

    host: str
    port: int
    tls: bool
    folders: tuple[str, ...]
    last: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Take an ``ftp://`` or ``ftps://`` URL apart.

        Raises TransferError where it is none, or where its path tries to climb. The text of that
        shows nothing before an @, where a password may be.
        """
        text = text.strip()
        parts = _split(text)
        _no_stray_at(parts, text)
        host = parts.hostname
        if not host or not host.isprintable() or " " in host:
            raise _refusal(text, f"has no host{_HINT}")
        port = _port(parts)
        if port is None:
            raise _refusal(text, f"has no port from 1 to 65535 after its host{_HINT}", show=False)
        user = _decoded(parts.username, text, "user")
        password = _decoded(parts.password, text, "password")
        path, _, parameter = parts.path.removeprefix("/").partition(";type=")
        if parameter.lower() not in ("", "i"):
            raise _refusal(text, "asks for another transfer type than ;type=i")
        *folders, last = [_decoded(part, text, "path") or "" for part in path.split("/")]
        for part in (*folders, last):
            if fault := _fault(part):
                raise _refusal(text, f"cannot be followed: {fault}")
        if last == ".":
            last = ""
        from_root = len(folders) > 0 and not folders[0]
        return cls(
            host=host,
            port=port,
            tls=parts.scheme == "ftps",
            folders=("/",) * from_root + tuple(part for part in folders if part not in ("", ".")),
            last=last,
            user=user,
            password=password,
        )

    @property
    def safe(self) -> str:
        """The URL without user and password, with the port; fit to be shown."""
        scheme = "ftps" if self.tls else "ftp"
        host = in_url(self.host)
        path = "/".join(
            quote("" if part == "/" else part, safe=_PATH, errors="surrogateescape")
            for part in (*self.folders, self.last)
        )
        return f"{scheme}://{host}:{self.port}/{path}"


def check_name(name: str) -> str:
    """`name`, if it can be the name of a file and leads nowhere else. Raises TransferError."""
    fault = _fault(name) or ("it is empty" if name in ("", ".") else None)
    if fault is None and not _encodable(name):
        fault = "there is half a surrogate pair in it"
    if fault is not None:
        raise TransferError(f"{name!r} is no name of a file: {fault}")
    return name


def _split(text: str) -> SplitResult:
    if _CONTROL.search(text):  # urlsplit would drop some of them
        raise _refusal(text, "holds a control character")
    scheme, separator, _ = text.partition("://")
    if not separator or scheme.lower() not in ("ftp", "ftps"):
        raise _refusal(text, "is neither an ftp:// nor an ftps:// URL, which are what is possible")
    if not _encodable(text):
        raise _refusal(text, "holds half a surrogate pair")
    parts = None
    try:
        parts = urlsplit(text)
        _ = parts.hostname
    except ValueError:
        parts = None
    # not in the except clause: the text of the ValueError may hold the password
    if parts is None:
        raise _refusal(text, f"is not a URL{_HINT}")
    return parts


def _no_stray_at(parts: SplitResult, text: str) -> None:
    # ftp://user:1/2@host/ could be port 1 of a host named user: if a password is meant, it would
    # be shown, as host and path are
    path = parts.path + parts.query + parts.fragment
    if "@" in path and ("@" in parts.netloc or ":" in parts.netloc + path.rpartition("@")[0]):
        raise _refusal(text, f"has an @ after its host{_HINT}")
    if "?" in text or "#" in text:
        raise _refusal(text, f"has a ? or # in it{_HINT}")


def _port(parts: SplitResult) -> int | None:
    try:
        port = parts.port
    except ValueError:
        return None
    return 21 if port is None else port or None


def _decoded(part: str | None, text: str, what: str) -> str | None:
    if part is None:
        return None
    decoded = unquote(part, errors="surrogateescape")
    # a line break would end the command to the server, and begin another
    if _CONTROL.search(decoded):
        raise _refusal(text, f"has a control character in its {what}")
    return decoded


def _fault(part: str) -> str | None:
    """Why `part` cannot be one part of a path."""
    if part == "..":
        return "'..' would climb out of the folder"
    if "/" in part or "\\" in part:
        return "a slash or backslash in a name would lead into another folder"
    if _CONTROL.search(part):
        return "there is a control character in it"
    return None


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refusal(text: str, fault: str, *, show: bool = True) -> TransferError:
    """`text` is shown from its last @ on, an encoded one too: before it there may be a password."""
    upto, instead = (r".*(?:@|%40)", r"\1…@") if show else (".*", r"\1…")
    text = re.sub(rf"\A([a-zA-Z]+://)?{upto}", instead, text, flags=re.DOTALL)
    return TransferError(f"{text!r} {fault}", location=text)
