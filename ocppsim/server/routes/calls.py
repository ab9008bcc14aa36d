"""What a charge point sends: calls, and anything at all."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from ..api import Api, parts, ref
from ..refusal import Refusal
from ..schemas import SECONDS

__all__ = ["api"]

api = Api("calls", "calls")


@api.route(
    "POST",
    "/cp/{name}/call/{action}",
    "Send a CALL, and wait for its answer",
    body=ref("Payload"),
    optional=True,
    query={
        "timeout": {**SECONDS, "description": "s; else the response time-out"},
        "validate": {
            "type": "boolean",
            "default": True,
            "description": "false sends what breaks the schema, or an unknown action",
        },
        "unique_id": {"type": "string", "minLength": 1, "maxLength": 100},
    },
    answer=ref("Payload"),
    errors={
        409: "it is not connected",
        424: "the CSMS answered with a CALLERROR, wrongly, or not in time",
    },
    example={"chargePointVendor": "vendor", "chargePointModel": "1"},
)
def call(name: str, action: str, body: dict[str, Any], query: dict[str, Any]) -> Any:
    """The answer is the payload of the CALLRESULT."""
    return dict(parts().fleet.get(name).made().call(action, body, **query))


@api.route(
    "POST",
    "/cp/{name}/raw",
    "Send anything at all as one message",
    body=ref("Raw"),
    answer=ref("Number"),
    errors={409: "it is not connected"},
    example={"text": '[2, "1", "Heartbeat", {}'},
)
def send_raw(name: str, body: dict[str, Any]) -> Any:
    cp = parts().fleet.get(name).made()
    data: str | bytes = body.get("text", "")
    if "base64" in body:
        try:
            data = base64.b64decode(body["base64"], validate=True)
        except binascii.Error as error:
            raise Refusal(422, f"no Base64: {error}", where="body: $.base64") from None
    cp.send_raw(data, fragments=body.get("fragments", 1))
    return {"number": cp.trace.last_number}
