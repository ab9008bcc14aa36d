"""What a charge point answers to requests of the CSMS."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from ... import schema
from ...errors import InvalidPayload
from ...v16.actions import PROTOCOL
from ..answers import MAX_ANSWERS, Answers
from ..api import Api, parts, ref
from ..refusal import Refusal, from_error

__all__ = ["api"]

api = Api("handlers", "answers")

_ALL_THE_SAME = '"validate": false in the body takes it all the same'
_EXAMPLE = {"payload": {"status": "Rejected"}}


def _check(action: str, answer: dict[str, Any], answers: Answers) -> None:
    """Raises Refusal."""
    if len(answers) >= MAX_ANSWERS:
        text = f"{MAX_ANSWERS} answers are set for this charge point; DELETE some"
        raise Refusal(409, text, where="answers")
    if not answer.get("validate", True):
        return
    known = PROTOCOL.from_csms.get(action)
    if known is None:
        text = f"no CSMS sends {action} in OCPP 1.6"
        raise Refusal(422, text, where="path: action", hint=_hint(action, PROTOCOL.from_csms))
    code = answer.get("error", {}).get("errorCode")
    if code is not None and code not in PROTOCOL.error_codes:
        text = f"OCPP 1.6 has no errorCode {code}"
        where = "body: $.error.errorCode"
        raise Refusal(422, text, where=where, hint=_hint(code, PROTOCOL.error_codes))
    faults = schema.check(known.response, answer["payload"]) if "payload" in answer else []
    if faults:
        error = InvalidPayload(action, "response", faults, payload=answer["payload"])
        refusal = from_error(error)
        refusal.where, refusal.hint = "body: $.payload", _ALL_THE_SAME
        raise refusal


def _hint(given: str, known: Iterable[str]) -> str:
    close = get_close_matches(given, known, 1)
    return f"did you mean {close[0]}? {_ALL_THE_SAME}" if close else _ALL_THE_SAME


@api.route("GET", "/cp/{name}/handlers", "List the answers that are set", answer=ref("Handlers"))
def list_handlers(name: str) -> Any:
    """Those of scripts and plugins are not among them."""
    return {"handlers": parts().fleet.get(name).answers.list()}


@api.route(
    "PUT",
    "/cp/{name}/handlers/{action}",
    "Answer each request of an action so",
    body=ref("Answer"),
    answer=ref("Handlers"),
    errors={409: "too many are set"},
    example=_EXAMPLE,
)
def set_handler(name: str, action: str, body: dict[str, Any]) -> Any:
    """In place of what was set before for it, here or in a script; before plugins.
    `"validate": false` takes an action, an errorCode and a payload that OCPP does not have."""
    entry = parts().fleet.get(name)
    _check(action, body, entry.answers)
    entry.answers.set(entry.prepare(), action, body)
    return {"handlers": entry.answers.list()}


@api.route(
    "POST",
    "/cp/{name}/handlers/{action}",
    "Answer the next request of an action so",
    body=ref("Answer"),
    status=201,
    answer=ref("Handlers"),
    errors={409: "too many are set"},
    example=_EXAMPLE,
)
def answer_next(name: str, action: str, body: dict[str, Any]) -> Any:
    """Once; a second one is for the request after that."""
    entry = parts().fleet.get(name)
    _check(action, body, entry.answers)
    entry.answers.add(entry.prepare(), action, body)
    return {"handlers": entry.answers.list()}


@api.route(
    "DELETE",
    "/cp/{name}/handlers/{action}",
    "Forget what was set for an action",
    query={"message": {"type": "string", "maxLength": 50, "description": "as it was set"}},
    answer=ref("Handlers"),
)
def remove_handler(name: str, action: str, query: dict[str, Any]) -> Any:
    """Plugins answer it again, or nobody."""
    entry = parts().fleet.get(name)
    if not entry.answers.remove(action, query.get("message")):
        raise Refusal(404, f"no answer is set for {action}", where="path: action")
    return {"handlers": entry.answers.list()}
