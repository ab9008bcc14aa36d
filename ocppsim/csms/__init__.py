"""The embedded central system: a CSMS that a script tells what to answer and what to send.

::

    from ocppsim.csms import CentralSystem

    with CentralSystem() as csms:
        csms.answer("Authorize", {"idTagInfo": {"status": "Blocked"}})
        print(csms.url)                                  # ws://127.0.0.1:PORT
        csms.wait_for_connection("CP1")
        csms.call("CP1", "Reset", {"type": "Soft"})
        boot = csms.wait_for("BootNotification")
"""

from typing import TYPE_CHECKING, Any

from .answers import Answer, AnswerFunction
from .records import ReceivedRequest, Violation
from .server import CentralSystem

if TYPE_CHECKING:
    from .authority import CertificateAuthority

__all__ = [
    "Answer",
    "AnswerFunction",
    "CentralSystem",
    "CertificateAuthority",
    "ReceivedRequest",
    "Violation",
]


def __getattr__(name: str) -> Any:
    # the library behind it takes a while to import, and few need it
    if name != "CertificateAuthority":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .authority import CertificateAuthority

    return CertificateAuthority
