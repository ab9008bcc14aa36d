"""The REST API, a file for each kind of thing."""

from . import (
    actions,
    admin,
    answering,
    calls,
    certificates,
    charge_points,
    configuration,
    csms,
    handlers,
    messages,
    repeating,
    stall,
    station,
)

__all__ = ["APIS"]

APIS = [
    charge_points.api,
    stall.api,
    calls.api,
    repeating.api,
    handlers.api,
    answering.api,
    messages.api,
    station.api,
    configuration.api,
    certificates.api,
    csms.api,
    actions.api,
    admin.api,
]
