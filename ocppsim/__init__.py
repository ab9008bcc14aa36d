"""ocppsim: a scriptable OCPP charge point.

::

    from ocppsim import connect

    with connect("ws://localhost:9000/CP1") as cp:
        boot = cp.send_boot_notification(chargePointVendor="vendor", chargePointModel="1")
        cp.start_heartbeat(boot["interval"])
"""

from .calls import Result
from .chargepoint import ChargePoint
from .clock import timestamp
from .connect import connect, embedded_csms
from .errors import (
    AlreadyAnswered,
    CallError,
    CallTimeout,
    CertificateError,
    ConnectError,
    ConnectionLost,
    Fault,
    GivenUp,
    InvalidPayload,
    OcppsimError,
    StateError,
    Stopped,
    TransferError,
    WaitTimeout,
    WouldDeadlock,
)
from .hookspecs import hookimpl
from .logs import verbose
from .plugins import Plugins
from .reconnecting import Reconnect
from .record import record
from .request import Request
from .trace import TracedFrame
from .transactions import Transaction
from .violation import Violation

__all__ = [
    "AlreadyAnswered",
    "CallError",
    "CallTimeout",
    "CertificateError",
    "ChargePoint",
    "ConnectError",
    "ConnectionLost",
    "Fault",
    "GivenUp",
    "InvalidPayload",
    "OcppsimError",
    "Plugins",
    "Reconnect",
    "Request",
    "Result",
    "StateError",
    "Stopped",
    "TracedFrame",
    "Transaction",
    "TransferError",
    "Violation",
    "WaitTimeout",
    "WouldDeadlock",
    "connect",
    "embedded_csms",
    "hookimpl",
    "record",
    "timestamp",
    "verbose",
]

__version__ = "0.1.0"
