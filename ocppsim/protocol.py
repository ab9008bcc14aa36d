"""What a version of OCPP is made of: its actions and its error codes. The one place that knows an
action's direction."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

__all__ = ["Action", "Protocol", "Sender", "snake_case"]

Sender = Literal["charge point", "CSMS", "both"]


@dataclass(frozen=True, slots=True)
class Action:
    """One row of the table: an action, its two payloads, who sends it, and its feature profile."""

    name: str
    request: type
    response: type
    sender: Sender
    profile: str

    @property
    def from_charge_point(self) -> bool:
        return self.sender != "CSMS"

    @property
    def from_csms(self) -> bool:
        return self.sender != "charge point"


class Protocol:
    """One version of OCPP: its name, WebSocket subprotocol, actions and CALLERROR codes.

    error_meanings: what each of the error_codes means, a sentence each.
    """

    def __init__(
        self,
        version: str,
        subprotocol: str,
        actions: Iterable[Action],
        error_codes: Mapping[str, str],
    ) -> None:
        self.version = version
        self.subprotocol = subprotocol
        self.actions = {action.name: action for action in actions}
        self.error_codes = frozenset(error_codes)
        self.error_meanings = dict(error_codes)

    @cached_property
    def from_charge_point(self) -> dict[str, Action]:
        """The actions that a charge point sends."""
        return {a.name: a for a in self.actions.values() if a.from_charge_point}

    @cached_property
    def from_csms(self) -> dict[str, Action]:
        """The actions that a CSMS sends."""
        return {a.name: a for a in self.actions.values() if a.from_csms}

    @property
    def hook_prefix(self) -> str:
        """What the hooks of this version's actions begin with: ``ocpp16_``."""
        return f"ocpp{self.version.replace('.', '')}_"

    def __repr__(self) -> str:
        return f"Protocol({self.version!r})"


def snake_case(action: str) -> str:
    """``BootNotification`` → ``boot_notification``: the name of its method and hook."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", action).lower()
