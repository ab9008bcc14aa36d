"""The embedded CSMS: what it is to send."""

from __future__ import annotations

from typing import Any

from ...connect import embedded_csms_if_started
from ...errors import ConnectionLost, OcppsimError
from ..api import Api, parts, ref
from ..refusal import Refusal, from_error
from ..schemas import SECONDS

__all__ = ["api"]

api = Api("csms", "embedded CSMS")


@api.route(
    "POST",
    "/csms/{name}/call/{action}",
    "Have the embedded CSMS send a CALL to a charge point, and wait for its answer",
    body=ref("Payload"),
    optional=True,
    query={
        "timeout": {**SECONDS, "default": 15, "description": "s"},
        "validate": {
            "type": "boolean",
            "default": True,
            "description": "false sends what breaks the schema, or an unknown action",
        },
    },
    answer=ref("Payload"),
    errors={
        409: "there is no embedded CSMS, or the charge point is not connected to it",
        424: "the charge point answered with a CALLERROR, wrongly, or not in time",
    },
    example={"type": "Soft"},
)
def csms_call(name: str, action: str, body: dict[str, Any], query: dict[str, Any]) -> Any:
    """The answer is the payload of the CALLRESULT."""
    csms = embedded_csms_if_started()
    if csms is None or name not in csms.charge_points:
        parts().fleet.get(name)
    if csms is None:
        hint = "ocppsim --demo has one, and so has a charge point that is created without url"
        raise Refusal(409, "there is no CSMS in this process", where="csms", hint=hint)
    try:
        return dict(csms.call(name, action, body, **query))
    except ConnectionLost as error:
        hint = "GET /admin tells who is connected to it"
        raise Refusal(409, str(error), where="csms", hint=hint, kind="ConnectionLost") from None
    except OcppsimError as error:
        raise from_error(error, peer="charge point") from None
