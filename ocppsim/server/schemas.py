"""The JSON that the API takes and gives: JSON Schema 2020-12, as OpenAPI 3.1 has it."""

from __future__ import annotations

from typing import Any

__all__ = ["MAX_TRACE", "SCHEMAS", "SECONDS"]

MAX_TRACE = 100_000

SECONDS: dict[str, Any] = {"type": "number", "exclusiveMinimum": 0, "maximum": 3600}
_NAME: dict[str, Any] = {
    "type": "string",
    # Python's $ is also before a line end
    "pattern": r"^[A-Za-z0-9_~@*:+=|-][A-Za-z0-9_.~@*:+=|-]{0,47}$(?!\n)",
    "description": "of a charge point",
}
_TEXT = {"type": "string"}
_MAYBE_TEXT = {"type": ["string", "null"]}
_MAYBE_NUMBER = {"type": ["number", "null"]}
_BOOL = {"type": "boolean"}
_COUNT = {"type": "integer", "minimum": 0}
_PATH = {"type": "string", "minLength": 1, "maxLength": 4096, "pattern": "^[^\\u0000]+$"}
_OBJECT = {"type": "object"}


def _object(properties: dict[str, Any], *required: str, more: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        found["required"] = list(required)
    if not more:
        found["additionalProperties"] = False
    return found


def _all(properties: dict[str, Any]) -> dict[str, Any]:
    """Of an answer: it has them all."""
    return _object(properties, *properties)


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


_VEHICLE = _object(
    {
        "battery_kwh": {"type": "number", "exclusiveMinimum": 0, "maximum": 10_000},
        "soc": {"type": "number", "minimum": 0, "maximum": 1},
        "phases": {"type": "integer", "minimum": 1, "maximum": 3},
        "max_current_a": {"type": "number", "exclusiveMinimum": 0, "maximum": 10_000},
    }
)

_FAULT = {
    "errorCode": {**_TEXT, "description": "NoError where all is well"},
    "info": _MAYBE_TEXT,
}

_LIMIT = _all(
    {
        "owner": {**_TEXT, "description": "who allows no more than this"},
        "amperes": {**_MAYBE_NUMBER, "description": "in each phase"},
        "watts": {**_MAYBE_NUMBER, "description": "over all phases"},
        "phases": {"type": ["integer", "null"]},
    }
)

_CONNECTION = {
    "url": {
        "type": "string",
        "minLength": 1,
        "maxLength": 2000,
        "pattern": "^wss?://",
        "format": "uri",
        "description": "of the CSMS; else OCPPSIM_URL, else a CSMS in the server's process",
    },
    "user": {"type": "string", "minLength": 1, "maxLength": 200},
    "password": {"type": "string", "maxLength": 200, "description": "never shown again"},
    "security_profile": {"type": "integer", "minimum": 0, "maximum": 3},
}

SCHEMAS: dict[str, dict[str, Any]] = {
    "Name": _NAME,
    "Error": _object(
        {
            "error": _object(
                {
                    "what": {"type": "string", "description": "what is wrong, for a person"},
                    "where": {"type": "string", "description": "the part of the request, or CSMS"},
                    "hint": {"type": "string", "description": "what to do"},
                    "kind": {"type": "string", "description": "the exception of ocppsim"},
                },
                "what",
                "where",
                more=True,
            )
        },
        "error",
        more=True,
    ),
    "NewChargePoint": _object(
        {
            "name": _ref("Name"),
            **_CONNECTION,
            "connect": {**_BOOL, "default": True, "description": "at once; else nothing is kept"},
            "ca": {**_PATH, "description": "a file on the server; the next three too"},
            "ca_dir": _PATH,
            "cert": _PATH,
            "key": _PATH,
            "insecure": _BOOL,
            "headers": {
                "type": "object",
                "maxProperties": 50,
                "propertyNames": {"pattern": "^[A-Za-z0-9-]{1,100}$"},
                "additionalProperties": {"type": "string", "pattern": "^[ -~]{0,2000}$"},
            },
            "subprotocols": {
                **_list({"type": "string", "pattern": "^[A-Za-z0-9.-]{1,50}$"}),
                "maxItems": 20,
            },
            "strict": _BOOL,
            "response_timeout": SECONDS,
            "connect_timeout": {**SECONDS, "maximum": 60},
            "trace_size": {"type": "integer", "minimum": 0, "maximum": MAX_TRACE},
            "reconnect": _BOOL,
            "ping_interval": {"type": "number", "minimum": 0, "maximum": 86400},
            "pong_timeout": SECONDS,
        },
        "name",
    ),
    "Connect": _object(_CONNECTION),
    "Disconnect": _object(
        {
            "how": {
                "enum": ["close", "abort", "reset"],
                "default": "close",
                "description": "close: with the closing handshake, and a station ends; abort:"
                " without one; reset: by a TCP reset",
            },
            "code": {"type": "integer", "minimum": 1000, "maximum": 4999},
            "reason": {"type": "string", "maxLength": 100},
        }
    ),
    "Stall": _object(
        {"seconds": {"type": "number", "minimum": 0, "maximum": 3600, "description": "0 ends it"}},
        "seconds",
    ),
    "ChargePoint": _all(
        {
            "name": _ref("Name"),
            "url": {**_MAYBE_TEXT, "description": "without password"},
            "version": {**_TEXT, "description": "of OCPP"},
            "connected": _BOOL,
            "since": {**_MAYBE_TEXT, "description": "when this connection was opened (RFC 3339)"},
            "reconnecting": {**_BOOL, "description": "whether it tries to connect by itself now"},
            "security_profile": {"type": ["integer", "null"]},
            "subprotocol": _MAYBE_TEXT,
            "busy": {**_BOOL, "description": "whether a script runs"},
            "station": {**_BOOL, "description": "whether it lives by the core plugin"},
            "connectors": {
                "type": "object",
                "description": "the status of each connector of its station, by connectorId",
                "additionalProperties": _TEXT,
            },
            "heartbeat": {**_MAYBE_NUMBER, "description": "s between heartbeats; null: none"},
            "meter_values": {
                **_MAYBE_NUMBER,
                "description": "s between those that PUT /cp/NAME/meter-values began",
            },
            "messages": {**_COUNT, "description": "how many there were"},
            "violations": _COUNT,
            "queue": {**_COUNT, "description": "messages that are not delivered"},
        }
    ),
    "ChargePoints": _all({"chargePoints": _list(_ref("ChargePoint"))}),
    "Name_": _all({"name": _ref("Name")}),
    "Payload": {**_OBJECT, "description": "named as on the wire"},
    "Raw": {
        **_object(
            {
                "text": {"type": "string", "description": "sent as one text message"},
                "base64": {
                    "type": "string",
                    "pattern": "^[A-Za-z0-9+/]*={0,2}$",
                    "description": "sent as one binary message",
                },
                "fragments": {"type": "integer", "minimum": 1, "maximum": 1000},
            }
        ),
        "oneOf": [{"required": ["text"]}, {"required": ["base64"]}],
    },
    "Number": _all({"number": {**_COUNT, "description": "of the last message"}}),
    "Answer": {
        **_object(
            {
                "payload": {**_OBJECT, "description": "of a CALLRESULT"},
                "error": _object(
                    {
                        "errorCode": {"type": "string", "maxLength": 100},
                        "errorDescription": {"type": "string", "maxLength": 1000},
                        "errorDetails": _OBJECT,
                    },
                    "errorCode",
                ),
                "drop": {"const": True, "description": "never answer"},
                "raw": {"type": "string", "description": "this text as it is"},
                "delay": {
                    "type": "number",
                    "minimum": 0,
                    "maximum": 3600,
                    "description": "s until the answer leaves",
                },
                "times": {"type": "integer", "minimum": 1, "maximum": 100},
                "validate": {**_BOOL, "description": "false: whatever OCPP says"},
                "message": {
                    "type": "string",
                    "pattern": "^[A-Za-z]{1,50}$",
                    "description": "of TriggerMessage and ExtendedTriggerMessage: only this"
                    " requestedMessage",
                },
            }
        ),
        "oneOf": [{"required": [kind]} for kind in ("payload", "error", "drop", "raw")],
    },
    "Handler": _all(
        {
            "action": _TEXT,
            "message": _MAYBE_TEXT,
            "once": {**_BOOL, "description": "for the next request alone"},
            "answer": _OBJECT,
        }
    ),
    "Handlers": _all({"handlers": _list(_ref("Handler"))}),
    "Asked": _all(
        {
            "who": {
                "enum": ["server", "script", "plugin", "default"],
                "description": "server: what PUT or POST /cp/NAME/handlers/ACTION has set",
            },
            "name": {**_TEXT, "description": "of the plugin, or of the script's function"},
            "hook": {**_TEXT, "description": "of the plugin"},
            "what": {
                **_TEXT,
                "description": "what the plugin says of it; of the default, what it answers",
            },
            "message": {**_MAYBE_TEXT, "description": "only for this requestedMessage"},
            "once": {**_BOOL, "description": "only the next time"},
        }
    ),
    "Answering": _all({"answering": _list(_all({"action": _TEXT, "asked": _list(_ref("Asked"))}))}),
    "Message": _object(
        {
            "number": _COUNT,
            "time": _MAYBE_TEXT,
            "chargePoint": _TEXT,
            "direction": {"enum": ["sent", "received"]},
            "type": {"enum": ["CALL", "CALLRESULT", "CALLERROR", "bad"]},
            "action": _MAYBE_TEXT,
            "uniqueId": _MAYBE_TEXT,
            "frame": _list({}),
            "text": _TEXT,
            "base64": _TEXT,
            "latency": {**_MAYBE_NUMBER, "description": "s"},
            "faults": _list(_object({"path": _TEXT, "rule": _TEXT, "message": _TEXT})),
        },
        "number",
        "direction",
        "type",
    ),
    "Numbers": _all({"numbers": {**_list(_COUNT), "maxItems": 2 * MAX_TRACE}}),
    "Messages": _all(
        {
            "messages": _list(_ref("Message")),
            "next": {
                "type": ["integer", "null"],
                "description": "the `after` of the next page; null: there is none",
            },
            "kept": {**_COUNT, "description": "how many are kept at all"},
        }
    ),
    "Key": _all(
        {
            "key": _TEXT,
            "value": {"description": "null where the CSMS may only write it"},
            "type": {"enum": ["str", "int", "bool", "float", "list"]},
            "access": {"enum": ["RW", "R", "W"]},
            "unit": _TEXT,
            "minimum": _MAYBE_NUMBER,
            "maximum": _MAYBE_NUMBER,
            "choices": {"type": ["array", "null"]},
            "reboot": _BOOL,
            "description": _TEXT,
        }
    ),
    "Keys": _all({"configuration": _list(_ref("Key"))}),
    "Certificate": _all(
        {
            "use": {
                "enum": ["own", "issuer", "given", "installed", "CSMS"],
                "description": "issuer: of its own one. given: in a file of the charge point."
                " installed: by the CSMS, or by a script",
            },
            "subject": {**_TEXT, "description": "RFC 4514"},
            "issuer": {**_TEXT, "description": "RFC 4514"},
            "serialNumber": {**_TEXT, "description": "hexadecimal"},
            "notBefore": _TEXT,
            "notAfter": _TEXT,
            "sha256": {**_TEXT, "description": "its fingerprint, hexadecimal"},
            "pem": _TEXT,
        }
    ),
    "Certificates": _all(
        {
            "own": _list(_ref("Certificate")),
            "trusted": _list(_ref("Certificate")),
            "system": {**_BOOL, "description": "whether the system's trust store is used too"},
            "checked": {**_BOOL, "description": "false: insecure, anybody may be the CSMS"},
            "problems": {**_list(_TEXT), "description": "what is wrong with files"},
            "tls": {
                **_all(
                    {
                        "version": {**_TEXT, "description": "such as TLSv1.3"},
                        "cipher": _TEXT,
                        "certificate": _ref("Certificate"),
                    }
                ),
                "type": ["object", "null"],
                "description": "of the connection; null without TLS",
            },
        }
    ),
    "NewKey": _object(
        {
            "key": {"type": "string", "minLength": 1, "maxLength": 50, "pattern": "^[!-.0-~]+$"},
            "value": {"type": ["string", "number", "boolean", "array"]},
            "type": {"enum": ["str", "int", "bool", "float", "list"], "default": "str"},
            "access": {"enum": ["RW", "R", "W"], "default": "RW"},
            "unit": {"type": "string", "maxLength": 20},
            "minimum": {"type": "number"},
            "maximum": {"type": "number"},
            "choices": {**_list({"type": "string"}), "maxItems": 500},
            "reboot": _BOOL,
            "description": {"type": "string", "maxLength": 500},
        },
        "key",
        "value",
    ),
    "Heartbeat": _object(
        {
            "interval": {
                "type": "number",
                "minimum": 0,
                "maximum": 86400,
                "description": "s; 0: 300 s",
            }
        },
        "interval",
    ),
    "MeterValues": _object(
        {
            "interval": {
                "type": "number",
                "minimum": 0.1,
                "maximum": 86400,
                "description": "s",
            },
            "connectorId": {"type": "integer", "minimum": 0, "maximum": 1000, "default": 1},
            "transactionId": {"type": "integer"},
            "power": {"type": "number", "minimum": 0, "maximum": 1e9, "description": "W"},
            "meter": {
                "type": "number",
                "minimum": 0,
                "maximum": 1e12,
                "default": 0,
                "description": "Wh, what the register begins with",
            },
        },
        "interval",
        "power",
    ),
    "Value": _object({"value": {"type": ["string", "number", "boolean", "array"]}}, "value"),
    "Vehicle": _VEHICLE,
    "NewStation": _object(
        {
            "connectors": {"type": "integer", "minimum": 1, "maximum": 100},
            "speed": {"type": "number", "exclusiveMinimum": 0, "maximum": 100_000},
            "fixed": _BOOL,
            "max_current_a": {"type": "number", "exclusiveMinimum": 0, "maximum": 10_000},
            "seed": {"type": "integer"},
            "vehicle": _ref("Vehicle"),
            "boot": {**_OBJECT, "description": "of its BootNotification"},
            "power_on": {**_BOOL, "default": True, "description": "boot at once"},
        }
    ),
    "Station": _all(
        {
            "online": {**_BOOL, "description": "connected and accepted"},
            "registration": _MAYBE_TEXT,
            "powered": {**_BOOL, "description": "whether it is switched on"},
            "speed": {"type": "number", "description": "how much faster than ours its time runs"},
            "door": {**_BOOL, "description": "whether it is open"},
            "status": {"type": "string", "description": "of connector 0"},
            **_FAULT,
            "connectors": _list(
                _all(
                    {
                        "connectorId": _COUNT,
                        "status": _TEXT,
                        **_FAULT,
                        "energy": {"type": "integer", "description": "Wh"},
                        "power": {"type": "number", "description": "that flows now, W"},
                        "offered": {"type": "number", "description": "that may flow at most, W"},
                        "limits": _list(_LIMIT),
                        "fixed": {**_BOOL, "description": "the cable is part of the station"},
                        "plugged": _all({"station": _BOOL, "car": _BOOL}),
                        "locked": _BOOL,
                        "soc": {"type": "number", "description": "of the car, 0 to 1"},
                        "session": {"type": ["object", "null"]},
                    }
                )
            ),
        }
    ),
    "Shown": _all(
        {"shown": {"type": "string", "description": "by the reader: Accepted, Blocked, Refused…"}}
    ),
    "Outcome": _object(
        {
            "ok": _BOOL,
            "text": {"type": "string", "description": "the traceback; empty where all went well"},
            "output": {"type": "string", "description": "what the script printed"},
        },
        "ok",
        "text",
        "output",
    ),
    "Script": _all({"script": {**_COUNT, "description": "its number"}}),
    "Stopped": _all(
        {
            "woken": {**_list(_TEXT), "description": "threads that waited in ocppsim"},
            "interrupted": {**_list(_TEXT), "description": "threads that ran Python"},
            "left": {**_list(_TEXT), "description": "threads that neither reached"},
        }
    ),
    "Action": _all(
        {
            "action": _TEXT,
            "sender": {"enum": ["charge point", "CSMS", "both"]},
            "profile": _TEXT,
            "summary": _TEXT,
            "request": {**_OBJECT, "description": "a JSON Schema"},
            "response": {**_OBJECT, "description": "a JSON Schema"},
        }
    ),
    "Actions": _all(
        {
            "version": {**_TEXT, "description": "of OCPP"},
            "actions": _list(_ref("Action")),
            "errorCodes": _list(_all({"errorCode": _TEXT, "meaning": _TEXT})),
        }
    ),
    "Plugins": _all(
        {
            "plugins": _list(
                _all({"name": _TEXT, "version": _TEXT, "source": _TEXT, "hooks": _list(_TEXT)})
            ),
            "problems": _list(_TEXT),
        }
    ),
    "Admin": _all(
        {
            "version": _TEXT,
            "started": {"type": "string", "description": "when"},
            "chargePoints": _list(_ref("ChargePoint")),
            "csms": {
                "type": ["object", "null"],
                "description": "the one in this process: its url, and who is connected to it",
            },
            "event": {"type": "string", "description": "the id of the newest event"},
        }
    ),
}
