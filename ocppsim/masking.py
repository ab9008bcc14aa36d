"""Secrets are not for logs and records: they are replaced by ``***`` before a frame gets there.

A secret is the value of the configuration key AuthorizationKey, user and password in a URL, what
stands in an Authorization header, and a private key in PEM.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from . import rpc
from .errors import Fault
from .trace import TracedFrame

__all__ = ["MASK", "Masked", "Masker", "mask_fault", "mask_faults", "mask_text"]

MASK = "***"

_KEY = "authorizationkey"
_REMEMBERED = 1000

# A value and the key before it, in JSON or in a Python repr, with backslashes where it is quoted
# once more. It ends at a quote like the one it began with; without one, at the end of the text.
_VALUE = re.compile(
    r"""((?<=["'])(?:value|authorizationkey)\\*["'](?:\s|\\+[nrt])*:(?:\s|\\+[nrt])*)
        (?: ((\\*)(["'])) (?:(?!(?<!\\)\3\4).)* | [\[{].* | [^\s,}\]"'\[{]+ )""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
# What stands between :// and an @, where that is no path; also a password with a slash in it, as
# then no port follows the colon
_USERINFO = re.compile(
    r"""(:(?:\\*/){2}) (?: (?:\\"|[^/?\#\s"])*@
                         | [^/?\#\s:@"\[]*:(?!\d*(?:[/?\#\s"'\\]|$))[^\s"]{0,500}@ )""",
    re.VERBOSE,
)
# the same where the whole text is one URL, maybe with spaces and quotes in the password
_URL = re.compile(
    r"""(\s*[a-z][a-z0-9+.\-]*://) (?: [^/?\#]*@ | [^/?\#:@\[]*:(?!\d*(?:[/?\#]|$)).*@ )""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
_HEADER = re.compile(
    r"""(\bauthorization\\*["']?\s*[:=]\s*\\*["']?\w+\s+)[\w+/=.~-]+""", re.IGNORECASE
)
_PRIVATE_KEY = re.compile(
    r"(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
)
_ESCAPED = re.compile(r"\\u00(2f|3a|4[0-9a-f]|5[0-9a]|6[0-9a-f]|7[0-9a])", re.IGNORECASE)


def mask_text(text: str) -> str:
    """Any text without its secrets: a log line, a frame that is no JSON.

    Where AuthorizationKey is mentioned every ``"value"`` is masked, as nobody knows which is meant.
    """
    if "\\u00" in text:  # letters, and what a URL needs, may be escaped in JSON
        plain = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
        if _suspicious(plain):
            text = plain
    if _KEY in text.lower():
        text = _VALUE.sub(lambda match: f"{match[1]}{match[2] or ''}{MASK}", text)
    if "@" in text:
        text = _USERINFO.sub(rf"\1{MASK}@", text)
    if "PRIVATE KEY" in text:
        text = _PRIVATE_KEY.sub(rf"\1{MASK}\2", text)
    if "uthorization" in text or "UTHORIZATION" in text:
        text = _HEADER.sub(rf"\1{MASK}", text)
    return text


def mask_fault(path: str, rule: str, message: str, frame: str | bytes) -> str:
    """The message of a fault without the secrets of its frame."""
    return _mask_fault(path, rule, message, _mask_message(frame))


def mask_faults(faults: Iterable[Fault], payload: object) -> list[str]:
    """Each fault as text, without the secrets of its payload."""
    hidden: list[tuple[str, Any]] = []
    with contextlib.suppress(RecursionError):
        _mask_json(payload, "$", hidden)
    message = _Message(None, "", hidden)
    return [
        f"{fault.path}: {_mask_fault(fault.path, fault.rule, fault.message, message)}"
        for fault in faults
    ]


@dataclass(frozen=True, slots=True)
class Masked:
    """A frame without its secrets.

    json: the JSON value that it is, None for anything else, and what cannot be written again
    (1e999, deep nesting). text: as on the wire, but for the
    masks; bytes of a binary message. faults: path, rule and message of each.
    """

    json: Any
    text: str | bytes
    faults: tuple[tuple[str, str, str], ...] = ()


@dataclass(slots=True)
class _Message:
    json: Any
    text: str | bytes
    hidden: list[tuple[str, Any]]  # path in the payload, and the secret there


class Masker:
    """Masks frames in the order of the wire. masking=False leaves them as they are."""

    def __init__(self, *, masking: bool = True) -> None:
        self._masking = masking
        self._secretive: dict[tuple[str, str], None] = {}

    def mask(self, frame: TracedFrame) -> Masked:
        """`frame`, fit to be shown. Not for two threads at a time."""
        faults = frame.faults
        if not self._masking:
            value = None if isinstance(frame.text, bytes) else _parse(frame.text)
            return Masked(value, frame.text, tuple((f.path, f.rule, f.message) for f in faults))
        message = _mask_message(frame.text)
        if frame.unique_id is not None:
            # a CALLERROR may quote the request that it refuses
            request = frame.chargePoint, frame.unique_id
            if message.hidden:
                self._secretive[request] = None
                if len(self._secretive) > _REMEMBERED:
                    del self._secretive[next(iter(self._secretive))]
            elif frame.type == "CALLERROR" and request in self._secretive:
                message = _without_details(message)
        return Masked(message.json, message.text, tuple(_mask_faults(faults, message)))


def _mask_faults(faults: list[Fault], message: _Message) -> Iterator[tuple[str, str, str]]:
    for fault in faults:
        text = _mask_fault(fault.path, fault.rule, fault.message, message)
        yield fault.path, fault.rule, text


def _mask_fault(path: str, rule: str, text: str, message: _Message) -> str:
    for place, secret in message.hidden:
        # a path at the secret or inside it: the message quotes it, maybe cut; where the place is
        # not known, any path in a payload may be that
        if path.startswith(place) if place else path.startswith("$."):
            return f"breaks the rule {rule!r}: {MASK}"
        if isinstance(secret, str) and len(secret) > 3:
            text = text.replace(secret, MASK).replace(repr(secret)[1:-1], MASK)
    return mask_text(text)


def _mask_message(data: str | bytes) -> _Message:
    if isinstance(data, bytes):
        # Latin-1, as any bytes are that
        text = data.decode("latin-1")
        masked = mask_text(text)
        return _Message(None, masked.encode("latin-1"), [("", None)] if masked != text else [])
    value = _parse(data)
    if not _suspicious(data) and "\\u" not in data:
        return _Message(value, data, [])
    if value is not None:
        hidden: list[tuple[str, Any]] = []
        with contextlib.suppress(RecursionError):
            masked_value = _mask_frame(value, hidden)
            text = rpc.to_json(masked_value) if hidden else data
            return _Message(masked_value, text, hidden)
    masked = mask_text(data)
    return _Message(None, masked, [("", None)] if masked != data else [])


def _without_details(message: _Message) -> _Message:
    """Of a CALLERROR, kind, id and code alone."""
    array = message.json
    if not isinstance(array, list):
        return _Message(None, MASK, [("", None)])
    array = [*array[:3], *(MASK if item else item for item in array[3:])]
    return _Message(array, rpc.to_json(array), [("", None)])


def _mask_frame(value: Any, hidden: list[tuple[str, Any]]) -> Any:
    if not isinstance(value, list):
        return _mask_json(value, "$", hidden)
    payload = {2: 3, 3: 2, 4: 4}.get(value[0]) if value and isinstance(value[0], int) else None
    return [
        _mask_json(item, "$" if index == payload else f"$[{index}]", hidden)
        for index, item in enumerate(value)
    ]


def _mask_json(value: Any, path: str, hidden: list[tuple[str, Any]]) -> Any:
    """`value` without secrets; where they were, and what, is added to `hidden`.

    path: as `Fault.path` has it.
    """
    if isinstance(value, str):
        masked = _mask_string(value)
        if masked != value:
            hidden.append((path, value))
        return masked
    if isinstance(value, list):
        return [_mask_json(item, f"{path}[{i}]", hidden) for i, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    names_key = any(_is_key(item) for name, item in value.items() if _fold(name) == "key")
    shown = {}
    for name, item in value.items():
        place = f"{path}.{name}"
        if (names_key and _fold(name) == "value") or _fold(name) == _KEY:
            hidden.append((place, item))
            shown[name] = MASK
        else:
            shown[_mask_string(name)] = _mask_json(item, place, hidden)
    return shown


def _mask_string(text: str) -> str:
    if "://" in text and "@" in text:
        text = _URL.sub(rf"\1{MASK}@", text) if _URL.match(text) else text
    return mask_text(text) if _suspicious(text) or "\\u" in text else text


def _fold(name: str) -> str:
    return name.strip().casefold()


def _is_key(value: Any) -> bool:
    return isinstance(value, str) and _fold(value) == _KEY


def _suspicious(text: str) -> bool:
    return "@" in text or "PRIVATE KEY" in text or "authorization" in text.lower()


def _parse(text: str) -> Any:
    try:
        return _JSON.decode(text)
    except (ValueError, RecursionError):
        return None


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} could not be written again")
    return number


_JSON = json.JSONDecoder(parse_constant=rpc.no_constant, parse_float=_finite)
