r"""The subject of a certificate as text: ``/C=DE/O=Org/CN=cp1`` or ``CN=cp1,O=Org,C=DE``.

The first way is that of the program openssl: a backslash makes the next character an ordinary one.
The second is RFC 4514, which begins at the other end: ``\,`` is a comma, ``\C3\A4`` bytes of UTF-8.
In both ``+`` joins what belongs to one level.
"""

from __future__ import annotations

import re
import string

from .errors import CertificateError

__all__ = ["common_name", "parse_subject"]

_C, _CN, _SERIAL_NUMBER, _QUALIFIER = "2.5.4.6", "2.5.4.3", "2.5.4.5", "2.5.4.46"
_EMAIL, _DC = "1.2.840.113549.1.9.1", "0.9.2342.19200300.100.1.25"

_TYPES = {
    "businesscategory": "2.5.4.15",
    "c": _C,
    "cn": _CN,
    "commonname": _CN,
    "countryname": _C,
    "dc": _DC,
    "description": "2.5.4.13",
    "dnqualifier": _QUALIFIER,
    "domaincomponent": _DC,
    "emailaddress": _EMAIL,
    "generationqualifier": "2.5.4.44",
    "givenname": "2.5.4.42",
    "gn": "2.5.4.42",
    "initials": "2.5.4.43",
    "l": "2.5.4.7",
    "localityname": "2.5.4.7",
    "o": "2.5.4.10",
    "organizationalunitname": "2.5.4.11",
    "organizationidentifier": "2.5.4.97",
    "organizationname": "2.5.4.10",
    "ou": "2.5.4.11",
    "postalcode": "2.5.4.17",
    "pseudonym": "2.5.4.65",
    "serialnumber": _SERIAL_NUMBER,
    "sn": "2.5.4.4",
    "st": "2.5.4.8",
    "stateorprovincename": "2.5.4.8",
    "street": "2.5.4.9",
    "streetaddress": "2.5.4.9",
    "surname": "2.5.4.4",
    "title": "2.5.4.12",
    "uid": "0.9.2342.19200300.100.1.1",
    "userid": "0.9.2342.19200300.100.1.1",
}
# the upper bounds of X.520 and RFC 5280 appendix A.1, in characters
_LONGEST = {
    _CN: 64,
    _SERIAL_NUMBER: 64,
    _EMAIL: 255,
    "2.5.4.7": 128,
    "2.5.4.8": 128,
    "2.5.4.9": 128,
    "2.5.4.10": 64,
    "2.5.4.11": 64,
    "2.5.4.12": 64,
    "2.5.4.13": 1024,
    "2.5.4.15": 128,
    "2.5.4.17": 40,
    "2.5.4.65": 128,
}
_ANY = 32768
_PRINTABLE = frozenset(string.ascii_letters + string.digits + " '()+,-./:=?")

# a character, and whether it stands for itself whatever it is
_Chars = list[tuple[str, bool]]
# object identifier and value of each, level by level
Levels = tuple[tuple[tuple[str, str], ...], ...]


def common_name(name: str) -> str:
    """The subject with this common name alone."""
    return "/CN=" + re.sub(r"[/+\\]", r"\\\g<0>", name)


def parse_subject(text: str) -> Levels:
    """Its levels, the outermost (the country, say) first, as object identifiers and values.

    Raises CertificateError for what is no subject, and where X.520 limits a value.
    """
    try:
        if text.startswith("/"):
            return tuple(_level(part) for part in _split(_openssl(text[1:]), "/"))
        if not text.strip():
            raise CertificateError("empty; /CN=cp1 would be one")
        levels = [_level(part, rfc=True) for part in _split(_rfc4514(text), ",")]
        return tuple(reversed(levels))
    except CertificateError as error:
        raise CertificateError(f"subject {text!r:.200}: {error}") from None


def _openssl(text: str) -> _Chars:
    chars: _Chars = []
    rest = iter(text)
    for char in rest:
        if char == "\\":
            escaped = next(rest, None)
            if escaped is None:
                raise CertificateError("a backslash at the end")
            chars.append((escaped, True))
        else:
            chars.append((char, False))
    return chars


def _rfc4514(text: str) -> _Chars:
    chars: _Chars = []
    for match in re.finditer(r"((?:\\[0-9A-Fa-f]{2})+)|\\(.?)|(.)", text, re.S):
        pairs, escaped, char = match.groups()
        if pairs:
            try:
                decoded = bytes.fromhex(pairs.replace("\\", "")).decode()
            except ValueError:
                raise CertificateError(f"{pairs} is no UTF-8") from None
            chars += [(each, True) for each in decoded]
        elif escaped is not None:
            if escaped not in set(' "#+,;<=>\\') or not escaped:
                raise CertificateError(f"a backslash before {escaped or 'the end'!r}")
            chars.append((escaped, True))
        elif char in '";<>\0':
            raise CertificateError(f"{char!r} needs a backslash before it")
        else:
            chars.append((char, False))
    return chars


def _split(chars: _Chars, separator: str) -> list[_Chars]:
    parts: list[_Chars] = [[]]
    for char in chars:
        if char == (separator, False):
            parts.append([])
        else:
            parts[-1].append(char)
    return parts


def _level(chars: _Chars, *, rfc: bool = False) -> tuple[tuple[str, str], ...]:
    pairs = tuple(_pair(part, rfc) for part in _split(chars, "+"))
    if len({oid for oid, _ in pairs}) < len(pairs):
        raise CertificateError("the same type twice, joined by +")
    return pairs


def _pair(chars: _Chars, rfc: bool) -> tuple[str, str]:
    text = "".join(char for char, _ in chars)
    if ("=", False) not in chars:
        hint = " (a + or a separator in a value needs a backslash before it)" if text else ""
        raise CertificateError(f"TYPE=value expected, not {text!r}{hint}")
    cut = chars.index(("=", False))
    kind, value = text[:cut].strip(), chars[cut + 1 :]
    if rfc:
        while value and value[0] == (" ", False):
            del value[0]
        while value and value[-1] == (" ", False):
            del value[-1]
        if re.fullmatch("#([0-9A-Fa-f]{2})+", text[cut + 1 :].strip()):
            raise CertificateError(f"{kind}: values in hexadecimal digits (#…) are not known here")
    return _checked(kind, "".join(char for char, _ in value))


def _checked(kind: str, value: str) -> tuple[str, str]:
    oid = kind if re.fullmatch(r"[0-2](\.(0|[1-9]\d*))+", kind) else _TYPES.get(kind.lower())
    if oid is None:
        raise CertificateError(f"{kind!r} is no type; there are C, ST, L, O, OU, CN, serialNumber…")
    if not value:
        raise CertificateError(f"{kind} is empty")
    if any(0xD800 <= ord(char) < 0xE000 for char in value):
        raise CertificateError(f"{kind} is no text")
    if oid == _C and not re.fullmatch("[A-Za-z]{2}", value):
        raise CertificateError(f"{kind} is a country code of two letters (ISO 3166), not {value!r}")
    # the library counts the bytes of a common name
    length = len(value.encode()) if oid == _CN else len(value)
    if length > (longest := _LONGEST.get(oid, _ANY)):
        unit = "bytes of UTF-8" if oid == _CN else "characters"
        raise CertificateError(f"{kind} has at most {longest} {unit}, not {length}")
    if oid in (_SERIAL_NUMBER, _QUALIFIER) and not set(value) <= _PRINTABLE:
        raise CertificateError(f"{kind} has letters, digits, spaces and '()+,-./:=? only")
    if oid in (_EMAIL, _DC) and not value.isascii():
        raise CertificateError(f"{kind} has ASCII characters only")
    return oid, value
