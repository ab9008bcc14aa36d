"""Operative or not: ChangeAvailability, kept over a restart (OCPP 1.6 §5.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .connector import Connector

if TYPE_CHECKING:
    from .body import Body

__all__ = ["Availability"]

STORED_AS = "core.availability"


class Availability:
    """Who is out of service; the others are in it."""

    def __init__(self, body: Body) -> None:
        self._body = body
        inoperative = body.cp.state.get(STORED_AS, [])
        for connector in body.all_connectors():
            connector.operative = connector.number not in inoperative
            connector.status = connector.wanted()

    def status(self, number: int, operative: bool) -> str:
        """What to answer to a ChangeAvailability."""
        body = self._body
        if number == 0:
            answers = {self._status(c, operative) for c in body.connectors.values()}
            return "Scheduled" if "Scheduled" in answers else "Accepted"
        if number not in body.connectors:
            return "Rejected"
        return self._status(body.connectors[number], operative)

    def change(self, number: int, operative: bool) -> None:
        """Do it now, or once what is under way there is over."""
        body = self._body
        if number == 0:
            body.main.operative = operative
        for connector in body.connectors.values():
            if number in (0, connector.number):
                self._change(connector, operative)
        self._keep()

    def follow(self, connector: Connector) -> None:
        """What was scheduled happens once the transaction is over."""
        if connector.wish is not None and connector.transaction is None:
            wish, connector.wish = connector.wish, None
            self._set(connector, wish)

    @staticmethod
    def _status(connector: Connector, operative: bool) -> str:
        if operative == connector.operative:
            return "Accepted"
        # in Preparing with a cable: the table of §4.9 has no way from there to Unavailable, the
        # cable has to go first
        waits = connector.status == "Preparing" and connector.occupied and not operative
        return "Scheduled" if connector.transaction is not None or waits else "Accepted"

    def _change(self, connector: Connector, operative: bool) -> None:
        if connector.transaction is not None:
            connector.wish = operative if operative != connector.operative else None
        else:
            self._set(connector, operative)

    def _set(self, connector: Connector, operative: bool) -> None:
        connector.operative = operative
        if not operative:
            self._body.sessions.withdraw(connector)
            if connector.status == "Preparing":
                connector.over = True
                connector.unlock()

    def _keep(self) -> None:
        # what is scheduled counts too: the power may fail before it happens
        self._body.cp.state[STORED_AS] = [
            connector.number
            for connector in self._body.all_connectors()
            if not (connector.operative if connector.wish is None else connector.wish)
        ]
