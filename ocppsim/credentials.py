"""What `connect` was given to prove who it is and to know whom to trust, and the variables that
stand in for it."""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path

from .keystore import KeyStore
from .tls import TlsSettings

__all__ = ["PROFILES", "password_from", "password_of", "profile_from", "tls_from"]

PROFILES = range(4)

_Path = Path | str | None
_KeyStore = KeyStore | Sequence[Mapping[str, str]] | Path | str | None
_Environ = Mapping[str, str]


def password_from(
    password: str | bytes | None, authorization_key: str | None
) -> str | bytes | None:
    """The password for HTTP Basic of these two.

    authorization_key: bytes in hexadecimal (OCPP-J 1.6 §6.2.2). Raises ValueError, without them.
    """
    if authorization_key is None:
        return password
    if password is not None:
        raise ValueError("password= and authorization_key= say the same: give one")
    return _raw("authorization_key", authorization_key)


def password_of(environ: _Environ) -> str | bytes | None:
    """That of the variables. Raises ValueError that names the one that is wrong."""
    if text := environ.get("OCPPSIM_AUTHORIZATION_KEY"):
        return _raw("OCPPSIM_AUTHORIZATION_KEY", text)
    if text := environ.get("OCPPSIM_PASSWORD"):
        return text
    if path := environ.get("OCPPSIM_PASSWORD_FILE"):
        try:
            return Path(path).read_bytes().removesuffix(b"\n").removesuffix(b"\r")
        except OSError as error:
            raise ValueError(f"OCPPSIM_PASSWORD_FILE: {path}: {error.strerror}") from None
    return None


def _raw(what: str, text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except (TypeError, ValueError):
        raise ValueError(f"{what} is not hexadecimal: two of 0-9 and A-F for each byte") from None


def profile_from(profile: int | None, environ: _Environ) -> int | None:
    """The security profile: an argument, else that of a variable. Raises ValueError."""
    text = environ.get("OCPPSIM_SECURITY_PROFILE")
    if profile is None and text:
        what, value = "OCPPSIM_SECURITY_PROFILE", text.strip()
        profile = int(value) if value.isdecimal() else -1
    else:
        what, value = "security_profile", repr(profile)
    if profile is not None and (isinstance(profile, bool) or profile not in PROFILES):
        raise ValueError(f"{what} is 0, 1, 2 or 3, not {value}")
    return profile


def tls_from(
    name: str,
    environ: _Environ,
    *,
    ca: _Path = None,
    ca_dir: _Path = None,
    cert: _Path = None,
    key: _Path = None,
    key_password: str | bytes | None = None,
    keystore: _KeyStore = None,
    keystore_root: _Path = None,
    insecure: bool = False,
    ssl_context: ssl.SSLContext | None = None,
) -> TlsSettings:
    """How `name` does TLS: what is given; of what is not, the variables.

    Raises ValueError for what makes no sense together, or for a key store that is none.
    """
    all_given = {
        "ca": ca,
        "ca_dir": ca_dir,
        "cert": cert,
        "key": key,
        "key_password": key_password,
        "keystore": keystore,
        "keystore_root": keystore_root,
        "insecure": insecure or None,
    }
    given = [f"{word}=" for word, value in all_given.items() if value is not None]
    if ssl_context is not None:
        if given:
            text = f"ssl_context= decides on all of TLS: no {', '.join(given)} beside it"
            raise ValueError(text)
        return TlsSettings(ssl_context=ssl_context)
    if not any((ca, ca_dir)):
        ca, ca_dir = _variables(
            environ, ("OCPPSIM_CA", "OCPPSIM_CA_DIR"), ("SSL_CERT_FILE", "SSL_CERT_DIR")
        )
    return TlsSettings(
        ca=ca,
        ca_dir=ca_dir,
        key_password=key_password,
        keystore=_keystore(name, environ, cert, key, keystore, keystore_root),
        insecure=insecure,
    )


def _keystore(
    name: str, environ: _Environ, cert: _Path, key: _Path, keystore: _KeyStore, root: _Path
) -> KeyStore:
    if key is not None and cert is None:
        raise ValueError("key= without cert=: the certificate is missing")
    if isinstance(keystore, KeyStore):
        if cert is not None or root is not None:
            raise ValueError("keystore= has it all: no cert=, key=, keystore_root= beside it")
        return keystore
    for_all: _Path = None  # the certificate that every charge point of this process has
    if cert is None and keystore is None:
        variables = ("OCPPSIM_CERT", "OCPPSIM_KEY"), ("SSL_CLIENT_CERT_FILE", "SSL_CLIENT_KEY_FILE")
        for_all, key = _variables(environ, *variables)
        if key is not None and for_all is None:
            text = " and ".join(f"{of_key} without {of_cert}" for of_cert, of_key in variables)
            raise ValueError(f"{text}: the certificate is missing")
    what = "keystore="
    if keystore is None:
        what = "OCPPSIM_KEYSTORE or SSL_CLIENT_KEYSTORE"
        (keystore,) = _variables(environ, ("OCPPSIM_KEYSTORE",), ("SSL_CLIENT_KEYSTORE",))
    if root is None:
        of_root = ("OCPPSIM_KEYSTORE_ROOT",), ("SSL_CLIENT_KEYSTORE_ROOT",)
        (root,) = _variables(environ, *of_root)
    entries = _entries(what, keystore)
    for entry_id, path in ((name, cert), ("*", for_all)):
        if path is not None:
            # not relative to the root
            paths = {"cert": os.path.abspath(path), "key": os.path.abspath(key or path)}
            entries = [entry for entry in entries if entry["id"] != entry_id]
            entries.append({"id": entry_id, **paths})
    return KeyStore(root, entries)


def _entries(
    what: str, given: Sequence[Mapping[str, str]] | Path | str | None
) -> list[Mapping[str, str]]:
    try:
        if given is None:
            return []
        if isinstance(given, str | Path):
            text = str(given)
            if not text.lstrip().startswith("["):
                text = Path(given).read_text(encoding="utf-8-sig")
            KeyStore.from_json(text)
            return list(json.loads(text))
        KeyStore(None, given)
        return list(given)
    except OSError as error:
        why = f"neither a JSON array nor a file that can be read ({error.strerror})"
    except UnicodeDecodeError:
        why = "key store: not JSON in UTF-8"
    except ValueError as error:
        why = str(error)
    raise ValueError(f"{what}: {why}")


def _variables(environ: _Environ, *groups: tuple[str, ...]) -> tuple[str | None, ...]:
    """The values of the first group of which one is set."""
    for group in groups:
        values = tuple(environ.get(variable) or None for variable in group)
        if any(values):
            return values
    return (None,) * len(groups[0])
