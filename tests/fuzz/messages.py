"""Messages of a CSMS that has lost its mind, from a seed; and which of them need an answer.

Nothing here comes from what is tested.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

__all__ = ["Message", "messages"]

REQUESTS: dict[str, dict[str, Any]] = {
    "CancelReservation": {"reservationId": 1},
    "CertificateSigned": {"certificateChain": "-----BEGIN CERTIFICATE-----"},
    "ChangeAvailability": {"connectorId": 1, "type": "Operative"},
    "ChangeConfiguration": {"key": "HeartbeatInterval", "value": "60"},
    "ClearCache": {},
    "ClearChargingProfile": {"id": 1, "stackLevel": 2},
    "DataTransfer": {"vendorId": "vendor", "messageId": "message", "data": "ü"},
    "GetCompositeSchedule": {"connectorId": 1, "duration": 60, "chargingRateUnit": "A"},
    "GetConfiguration": {"key": ["HeartbeatInterval"]},
    "GetDiagnostics": {"location": "ftp://127.0.0.1:1/"},
    "GetLocalListVersion": {},
    "RemoteStartTransaction": {"idTag": "tag", "connectorId": 1},
    "RemoteStopTransaction": {"transactionId": 1},
    "ReserveNow": {
        "connectorId": 1,
        "expiryDate": "2026-01-31T12:00:00Z",
        "idTag": "tag",
        "reservationId": 1,
    },
    "Reset": {"type": "Soft"},
    "SendLocalList": {
        "listVersion": 1,
        "updateType": "Full",
        "localAuthorizationList": [{"idTag": "tag", "idTagInfo": {"status": "Accepted"}}],
    },
    "SetChargingProfile": {
        "connectorId": 1,
        "csChargingProfiles": {
            "chargingProfileId": 1,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": {
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.1}],
            },
        },
    },
    "TriggerMessage": {"requestedMessage": "Heartbeat"},
    "UnlockConnector": {"connectorId": 1},
    "UpdateFirmware": {"location": "ftp://127.0.0.1:1/f", "retrieveDate": "2026-01-31T12:00:00Z"},
    # no request that a CSMS may send
    "BootNotification": {"chargePointVendor": "v", "chargePointModel": "m"},
    "Nonsense": {"a": [1, {}]},
}
STRANGE: list[Any] = [
    None,
    True,
    -1,
    0,
    1e308,
    10**400,
    -0.1,
    "",
    "x" * 70_000,
    "\x00\x1f\u2028",
    "\ud800",
    "😀" * 30,
    [],
    [[]],
    {},
    {"": {"": ""}},
]
# JSON that no encoder writes, each a value
RAW = ["NaN", "Infinity", "-Infinity", "1e999", "-0", "9" * 5000, "1.0", "0.1e-400", '"\\ud83d"']


@dataclass(frozen=True, slots=True)
class Message:
    """data: str as a text message, bytes as a binary one; text=True makes bytes a text message all
    the same.

    unique_id: of a CALL that has one. answers: how often it has to be answered, None where nobody
    can tell.
    """

    data: str | bytes
    text: bool
    unique_id: str | None
    answers: Literal[0, 1] | None


def messages(seed: int, count: int) -> Iterator[Message]:
    """The same ones for the same seed."""
    chance = random.Random(seed)
    makers = [_valid, _valid, _odd_payload, _odd_id, _damaged, _damaged, _raw_value, _envelope]
    makers += [_noise, _deep, _answer, _twice]
    for number in range(count):
        data = chance.choice(makers)(chance, f"{seed}-{number}")
        if isinstance(data, str):
            yield Message(data, True, *_judge(data))
        elif chance.random() < 0.5:
            yield Message(data, False, None, 0)
        else:  # maybe bad UTF-8
            yield Message(data, True, *_judge(data.decode(errors="replace")))


def _judge(text: str) -> tuple[str | None, Literal[0, 1] | None]:
    try:
        value = json.loads(text, parse_constant=_refuse, parse_int=lambda digits: len(digits))
    except (ValueError, RecursionError):
        # an id at the start may still be read
        start = re.match(r'\s*\[\s*2\s*,\s*"', text)
        return (text[start.end() :], None) if start else (None, 0)
    # parse_int has made a length of each integer: 2 has to be read once more
    if not isinstance(value, list) or not re.match(r"\s*\[\s*2\s*[,\]]", text):
        return None, 0
    if len(value) < 2 or not isinstance(value[1], str):
        return None, 0
    deep = text.count("[") + text.count("{") > 50
    return value[1], None if deep else 1


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)


def _valid(chance: random.Random, unique_id: str) -> str:
    action = chance.choice(list(REQUESTS))
    return json.dumps([2, unique_id, action, REQUESTS[action]], ensure_ascii=False)


def _odd_payload(chance: random.Random, unique_id: str) -> str:
    action = chance.choice(list(REQUESTS))
    payload = json.loads(json.dumps(REQUESTS[action]))
    place = payload
    while inside := [v for v in _values(place) if isinstance(v, (dict, list)) and v]:
        if chance.random() < 0.5:
            break
        place = chance.choice(inside)
    if isinstance(place, list):
        place[chance.randrange(len(place))] = chance.choice(STRANGE)
    elif place and chance.random() < 0.8:
        name = chance.choice(list(place))
        if chance.random() < 0.3:
            del place[name]
        else:
            place[name] = chance.choice(STRANGE)
    else:
        place[chance.choice(["extra", "", "__class__", "action", "self", "\ud800"])] = 1
    return json.dumps([2, unique_id, action, payload])


def _values(place: Any) -> list[Any]:
    return list(place.values()) if isinstance(place, dict) else list(place)


def _odd_id(chance: random.Random, unique_id: str) -> str:
    odd = chance.choice(["x" * 40, "\n", "ü\u2028", "\ud800", '"\\', " ", "%s", "{}"])
    action = chance.choice(list(REQUESTS))
    return json.dumps([2, odd + unique_id, action, REQUESTS[action]])


def _damaged(chance: random.Random, unique_id: str) -> str | bytes:
    text = bytearray(_valid(chance, unique_id).encode())
    for _ in range(chance.choice([1, 1, 2, 10])):
        at = chance.randrange(len(text) + 1)
        match chance.randrange(4):
            case 0:
                text[at:at] = bytes(chance.choices(range(256), k=chance.choice([1, 3])))
            case 1:
                text[at:at] = chance.choice(
                    [b'"', b",", b"]", b"}", b"\\", b"[2,", b"null", b"/**/"]
                )
            case 2:
                del text[at : at + chance.choice([1, 2, 20])]
            case _:
                text[at:at] = text[: chance.randrange(len(text) + 1)]
    return bytes(text)


def _raw_value(chance: random.Random, unique_id: str) -> str:
    value = chance.choice(RAW)
    shape = chance.choice(['{{"reservationId":{0}}}', "{0}", "[{0}]", '{{"id":{{"a":[{0}]}}}}'])
    return f'[2,"{unique_id}","CancelReservation",{shape.format(value)}]'


def _envelope(chance: random.Random, unique_id: str) -> str:
    parts: list[Any] = [2, unique_id, "Reset", {"type": "Soft"}]
    match chance.randrange(5):
        case 0:
            parts = parts[: chance.randrange(5)]
        case 1:
            parts += chance.choices(STRANGE, k=2)
        case 2:
            parts[chance.randrange(4)] = chance.choice(STRANGE)
        case 3:
            parts[0] = chance.choice([0, 1, 5, 6, 22, -2, 2.5, "2", None])
        case _:
            return json.dumps(chance.choice([{"2": unique_id}, "text", 2, None, [parts], [[]]]))
    return json.dumps(parts)


def _noise(chance: random.Random, unique_id: str) -> str | bytes:
    size = chance.choice([0, 1, 5, 60, 3000])
    if chance.random() < 0.5:
        return chance.randbytes(size)
    return "".join(
        chr(chance.choice([chance.randrange(128), chance.randrange(0xD800)])) for _ in range(size)
    )


def _deep(chance: random.Random, unique_id: str) -> str:
    depth = chance.choice([10, 90, 110, 1000, 30_000])
    opening, closing = chance.choice([("[", "]"), ('{"a":', "}")])
    inside = opening * depth + "1" + closing * depth
    shape = chance.choice(
        ['[2,"{0}","Reset",{{"type":{1}}}]', '[2,"{0}",{1}]', "{1}", '[3,"{0}",{1}]']
    )
    return shape.format(unique_id, inside)


def _answer(chance: random.Random, unique_id: str) -> str:
    kind = chance.choice([3, 4])
    rest: list[Any] = [{}] if kind == 3 else ["GenericError", "", {}]
    return json.dumps(
        [kind, unique_id, *rest, *chance.choices(STRANGE, k=chance.choice([0, 0, 1]))]
    )


def _twice(chance: random.Random, unique_id: str) -> str:
    # names that stand twice in an object: the last one counts
    first, last = chance.choice([("Soft", "Hard"), ("Nonsense", "Soft"), ("Soft", "Nonsense")])
    return f'[2,"{unique_id}","Reset",{{"type":"{first}","type":"{last}"}}]'
