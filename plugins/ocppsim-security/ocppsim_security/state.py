"""What this plugin knows of one charge point."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from cryptography import x509

from ocppsim import ChargePoint, ConnectError
from ocppsim.certificates import CertificateRequest, load_chain
from ocppsim.errors import CertificateError

from .events import Events, why_refused
from .options import Options
from .roots import CENTRAL_SYSTEM, Roots
from .security_log import SecurityLog
from .uploading import Uploads

__all__ = ["PROFILE", "State", "sync_profile"]

PROFILE = "SecurityProfile"


class State:
    """It does not hold the charge point, which would hold itself that way.

    outage: the security events that attempts to connect again were, since there was a connection.
    installing: held while the roots change. signing: held while a new certificate is taken.
    pending: requests for a certificate that are not answered yet, newest last.
    """

    def __init__(self, cp: ChargePoint, options: Options) -> None:
        self.options = options
        self.log = SecurityLog()
        self.log.add({"type": "StartupOfTheDevice"}, time.time())
        self.events = Events(self.log)
        self.uploads = Uploads()
        self.roots = Roots(cp.keystore.root, cp.name)
        self.outage: set[str] = set()
        self.installing = threading.Lock()
        self.signing = threading.Lock()
        self.pending: list[CertificateRequest] = []
        self.trust(cp)

    def trust(self, cp: ChargePoint) -> None:
        """Have the next connection go by the roots that are installed now."""
        cp.trust([root.pem for root in self.roots.of(CENTRAL_SYSTEM)])

    def known_roots(self, cp: ChargePoint) -> Sequence[x509.Certificate]:
        """What the CSMS is checked by: installed, or given to `connect`; not the system's."""
        try:
            return [load_chain(pem)[0] for pem in cp.trusted]
        except CertificateError as error:
            cp.log("%s", error)
            return []

    def not_connected(self, cp: ChargePoint, error: Exception) -> None:
        """Tell of an attempt that failed, by and by; each event once an outage."""
        event = why_refused(error)
        if event is not None and event not in self.outage:
            self.outage.add(event)
            self.events.tell(cp, event, error)

    def reconnect(
        self,
        cp: ChargePoint,
        *,
        url: str | None = None,
        password: str | bytes | None = None,
        security_profile: int | None = None,
        undo: Callable[[], object] = bool,
    ) -> bool:
        """Whether the CSMS takes what is new; if not, what was before holds, and the security event
        is told. undo: called in that case, before the CSMS hears of it. Raises ConnectError where
        it does not even take that any more, and the charge point does not connect again by
        itself."""
        try:
            cp.reconnect(url=url, password=password, security_profile=security_profile)
        except (ConnectError, CertificateError) as error:
            cp.log("back to what was before: %s", error)
            event = why_refused(error)
            if event is not None:
                self.events.tell(cp, event, error)
            sync_profile(cp)
            undo()
            self._go_back(cp)
            return False
        return True

    def _go_back(self, cp: ChargePoint) -> None:
        try:
            cp.reconnect()
        except ConnectError as error:
            if cp.reconnecting is None:
                raise
            cp.log("it goes on trying: %s", error)


def sync_profile(cp: ChargePoint) -> None:
    """Have the key SecurityProfile say what is."""
    cp.configuration[PROFILE] = cp.security_profile or 0
