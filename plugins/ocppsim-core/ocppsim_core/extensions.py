"""Where other plugins take part in what a station does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .body import Body
    from .transaction import Transaction

__all__ = ["Extensions"]

MayStart = Callable[[int, str, "str | None"], "str | None"]
"""Called with connectorId, idTag and parentIdTag: why this driver may not begin there, in words;
None where he may."""

Starting = Callable[[int, str, "str | None"], Mapping[str, Any]]
"""Called with the same when a transaction starts: more fields for the StartTransaction."""

Profile = Callable[[int, Mapping[str, Any]], "str | None"]
"""Called with connectorId and the chargingProfile of a RemoteStartTransaction: why it cannot be,
in words."""

Listener = Callable[..., object]


class Extensions:
    """What other plugins, and scripts, have asked to be asked or told. Called in the station's
    thread: they must not block."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self.may_start: list[MayStart] = []
        self.starting: list[Starting] = []
        self.profiles: list[Profile] = []
        self.on_status: list[Callable[[int, str], object]] = []
        self.on_start: list[Callable[[Transaction], object]] = []
        self.on_stop: list[Callable[[Transaction, str], object]] = []
        self.on_event: list[Callable[[str, Mapping[str, Any]], object]] = []

    def refusal(self, number: int, idTag: str, parentIdTag: str | None) -> str | None:
        """Why nobody, or not this driver, may begin here."""
        for check in self.may_start:
            why = check(number, idTag, parentIdTag)
            if why is not None:
                return why
        return None

    def profile_refusal(self, number: int, profile: Mapping[str, Any]) -> str | None:
        """Why a remote start with this chargingProfile cannot be."""
        if profile.get("chargingProfilePurpose") != "TxProfile":
            return "only a TxProfile goes with a transaction"
        for check in self.profiles:
            why = check(number, profile)
            if why is not None:
                return why
        return None

    def start_fields(self, number: int, idTag: str, parentIdTag: str | None) -> dict[str, Any]:
        """More fields for a StartTransaction, such as reservationId."""
        fields: dict[str, Any] = {}
        for ask in self.starting:
            found = self._body.guarded("starting", ask, number, idTag, parentIdTag)
            if isinstance(found, Mapping):
                fields.update(found)
        return fields

    def status(self, number: int, status: str) -> None:
        self._tell("on_status", self.on_status, number, status)

    def started(self, transaction: Transaction) -> None:
        self._tell("on_start", self.on_start, transaction)

    def stopped(self, transaction: Transaction, reason: str) -> None:
        self._tell("on_stop", self.on_stop, transaction, reason)

    def event(self, name: str, **details: Any) -> None:
        """Something physical: ``door``, ``blink``, ``reset failed``; or ``closed``."""
        self._tell("on_event", self.on_event, name, details)

    def _tell(self, what: str, listeners: list[Any], *arguments: object) -> None:
        for listener in list(listeners):
            self._body.guarded(what, listener, *arguments)
