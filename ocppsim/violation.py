"""What the CSMS did against the protocol."""

from __future__ import annotations

from dataclasses import dataclass

from .masking import mask_fault, mask_text

__all__ = ["Violation"]


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that the CSMS did against the protocol.

    rule, path, message: as in `Fault`. action: where it is known. frame: the text of the frame (its
    first 10,000 characters). time: seconds since 1970.

    As text it shows no secrets.
    """

    chargePoint: str
    time: float
    rule: str
    path: str
    message: str
    action: str | None
    frame: str | bytes

    @property
    def summary(self) -> str:
        """What and where, without the frame and without its secrets."""
        where = f"{self.action} {self.path}" if self.action else self.path
        return f"{where}: {self.masked_message} [{self.rule}]"

    @property
    def masked_message(self) -> str:
        """`message`, without the secrets of its frame."""
        return mask_fault(self.path, self.rule, self.message, self.frame)

    def __str__(self) -> str:
        return f"{self.summary} in {mask_text(repr(self.frame[:120]))}"
