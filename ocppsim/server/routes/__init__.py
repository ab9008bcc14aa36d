"""The REST API, a file for each kind of thing."""

from . import admin, calls, charge_points, configuration, csms, handlers, messages, station

__all__ = ["APIS"]

APIS = [
    charge_points.api,
    calls.api,
    handlers.api,
    messages.api,
    station.api,
    configuration.api,
    csms.api,
    admin.api,
]
