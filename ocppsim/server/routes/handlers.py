"""What a charge point answers to requests of the CSMS."""

from __future__ import annotations

from typing import Any

from ... import schema
from ...errors import InvalidPayload
from ...v16.actions import PROTOCOL
from ..answers import MAX_ANSWERS, Answers
from ..api import Api, parts, ref
from ..refusal import Refusal

__all__ = ["api"]

api = Api("handlers", "answers")

_EXAMPLE = {"payload": {"status": "Rejected"}}


def _check(action: str, answer: dict[str, Any], answers: Answers) -> None:
    """Raises Refusal, InvalidPayload."""
    if len(answers) >= MAX_ANSWERS:
        text = f"{MAX_ANSWERS} answers are set for this charge point; DELETE some"
        raise Refusal(409, text, where="answers")
    known = PROTOCOL.from_csms.get(action)
    if known is not None and "payload" in answer and answer.get("validate", True):
        faults = schema.check(known.response, answer["payload"])
        if faults:
            raise InvalidPayload(action, "response", faults, payload=answer["payload"])


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
    """In place of what was set before for it, here or in a script; before plugins."""
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
