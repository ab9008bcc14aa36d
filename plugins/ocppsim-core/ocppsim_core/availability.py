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

    def change(self, number: int, operative: bool) -> str:
        """Do it now, or once what is under way there is over; the status to answer with."""
        body = self._body
        if number == 0:
            body.main.operative = operative
            answers = {self._change(c, operative) for c in body.connectors.values()}
            answer = "Scheduled" if "Scheduled" in answers else "Accepted"
        elif number in body.connectors:
            answer = self._change(body.connectors[number], operative)
        else:
            return "Rejected"
        self._keep()
        return answer

    def follow(self, connector: Connector) -> None:
        """What was scheduled happens once the transaction is over."""
        if connector.wish is not None and connector.transaction is None:
            connector.operative, connector.wish = connector.wish, None
            connector.driver = None if not connector.operative else connector.driver

    def _change(self, connector: Connector, operative: bool) -> str:
        busy = connector.transaction is not None
        connector.wish = operative if busy and operative != connector.operative else None
        if connector.wish is not None:
            return "Scheduled"
        connector.operative = operative
        if not operative:
            connector.driver = None
            if connector.occupied and connector.status == "Preparing":
                # the table of §4.9 has no way from Preparing to Unavailable: first the cable has
                # to go
                connector.over = True
                return "Scheduled"
        return "Accepted"

    def _keep(self) -> None:
        # what is scheduled counts too: the power may fail before it happens
        self._body.cp.state[STORED_AS] = [
            connector.number
            for connector in self._body.all_connectors()
            if not (connector.operative if connector.wish is None else connector.wish)
        ]
