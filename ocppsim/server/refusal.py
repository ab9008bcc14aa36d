"""What the server says where it does not do what was asked: JSON with what is wrong, and where."""

from __future__ import annotations

from typing import Any

from ..errors import (
    CallError,
    CallTimeout,
    ConnectError,
    ConnectionLost,
    GivenUp,
    InvalidPayload,
    OcppsimError,
    WaitTimeout,
)

__all__ = ["Refusal", "from_error"]


class Refusal(Exception):
    """An answer with this HTTP status, and ``{"error": {"what": …, "where": …, "hint": …}}``.

    where: the part of the request (``body: $.url``, ``query: limit``), else its method and path.
    hint: what to do; "" for none. more: further members of the object.
    """

    def __init__(
        self, status: int, what: str, *, where: str = "", hint: str = "", **more: Any
    ) -> None:
        super().__init__(what)
        self.status = status
        self.what = what
        self.where = where
        self.hint = hint
        self.more = more

    def json(self, where: str) -> dict[str, Any]:
        """The body of the answer. where: for a refusal that does not say it itself."""
        error = {"what": self.what, "where": self.where or where}
        if self.hint:
            error["hint"] = self.hint
        return {"error": {**error, **self.more}}


def from_error(error: Exception, peer: str = "CSMS") -> Refusal:
    """What an error of ocppsim is, as an answer: 424 where the CSMS is the reason, or something did
    not come in time, 409 where there is no connection, 422 where what was sent makes no sense. Its
    name is the member ``kind``. peer: who was asked."""
    kind = type(error).__name__
    if isinstance(error, CallError):
        details = {"errorCode": error.code, "errorDescription": error.description}
        details["errorDetails"] = error.details  # type: ignore[assignment]
        return Refusal(424, str(error), where=peer, kind=kind, **details)
    if isinstance(error, InvalidPayload):
        faults = [{"path": f.path, "rule": f.rule, "message": f.message} for f in error.faults]
        where = peer if error.received else "body"
        status = 424 if error.received else 422
        hint = "" if error.received else "?validate=false sends it all the same"
        text = str(error).removesuffix(" (validate=False sends it all the same)")
        return Refusal(status, text, where=where, hint=hint, kind=kind, faults=faults)
    if isinstance(error, (ConnectError, CallTimeout, GivenUp)):
        return Refusal(424, str(error), where=peer, kind=kind)
    if isinstance(error, WaitTimeout):  # its text says for what; the path says where
        return Refusal(424, str(error), kind=kind)
    if isinstance(error, ConnectionLost):
        hint = "POST /cp/NAME/connect connects it"
        return Refusal(409, str(error), where="connection", hint=hint, kind=kind)
    if isinstance(error, (OcppsimError, ValueError, TypeError)):
        return Refusal(422, str(error), kind=kind)
    return Refusal(409, str(error), kind=kind)
