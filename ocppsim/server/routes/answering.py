"""Who answers which request of the CSMS."""

from __future__ import annotations

from typing import Any

from ...chargepoint import ChargePoint
from ...v16.actions import PROTOCOL
from ..answers import Answers
from ..api import Api, parts, ref

__all__ = ["api"]

api = Api("answering", "answers")


@api.route(
    "GET",
    "/cp/{name}/answering",
    "Tell who answers which action",
    answer=ref("Answering"),
)
def list_answering(name: str) -> Any:
    """Of each action that a CSMS sends those who are asked, in turn, until one answers: what was
    set here, handlers of scripts, plugins, and in the end the default. A script that waits for the
    request with `expect` has it before them."""
    cp = parts().fleet.get(name).prepare()
    actions = sorted(PROTOCOL.from_csms)
    return {"answering": [{"action": one, "asked": _asked(cp, one)} for one in actions]}


def _asked(cp: ChargePoint, action: str) -> list[dict[str, Any]]:
    found = []
    for one in cp._handlers.asked(action):
        ours = Answers.whose(one.handler)
        if ours is None:
            continue
        found.append(
            {
                "who": "server" if ours else one.who,
                "name": one.name,
                "hook": one.hook,
                "what": one.what,
                "message": one.message,
                "once": one.once,
            }
        )
    return found
