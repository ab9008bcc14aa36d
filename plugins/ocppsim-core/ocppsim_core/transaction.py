"""A transaction, as the station knows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

__all__ = ["Transaction"]


@dataclass(slots=True, eq=False)
class Transaction:
    """One transaction, from its beginning until its StopTransaction is handed over.

    transactionId: what the central system calls it; None until StartTransaction is answered.
    meterStart: Wh. ours: the station began it; else a script did, by a StartTransaction of its own.
    begun: the register when the station began to count, Wh: of a script's transaction its
    meterStart is the script's invention. handle: what `ChargePoint.enqueue_start` returned.
    invalid: the central system did not accept the idTag afterwards; limit: how far the register
    may go then, Wh. profile: the chargingProfile that came with a remote start.
    """

    connectorId: int
    idTag: str
    meterStart: int
    timestamp: datetime
    begun: float = 0.0
    ours: bool = True
    transactionId: int | None = None
    parentIdTag: str | None = None
    reservationId: int | None = None
    remote: bool = False
    profile: Mapping[str, Any] | None = None
    handle: Any = None
    invalid: bool = False
    limit: float | None = None
    shown: int = 0

    @property
    def is_known(self) -> bool:
        """Whether messages can be sent that belong to it."""
        return self.handle is not None or self.transactionId is not None

    def register(self, meter: float) -> int:
        """What the meter of this transaction shows, Wh, where the connector's shows `meter`; never
        less than was shown before."""
        self.shown = max(self.shown, self.meterStart + round(meter - self.begun))
        return self.shown
