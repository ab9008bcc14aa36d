"""Security events: which, and when they are told."""

from __future__ import annotations

import socket
import ssl
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import ocppsim_security
import pytest
from ocppsim_security.events import why_refused

from ocppsim import CallError, ChargePoint, ConnectError, Reconnect, connect, hookimpl
from ocppsim.csms import CentralSystem, CertificateAuthority

PATIENCE = 30.0

Connect = Callable[..., ChargePoint]


def types(csms: CentralSystem) -> list[str]:
    return [request.payload["type"] for request in csms.received("SecurityEventNotification")]


def test_events_wait_for_a_connection_and_keep_their_order(
    plain: CentralSystem, start: Connect
) -> None:
    cp = start(f"{plain.url}/CP1")
    events = ocppsim_security._states[cp].events
    cp.abort()
    for number in range(5):
        events.tell(cp, f"Event{number}", "x" * 300)
    cp.reconnect()
    for number in range(5):
        came = plain.wait_for("SecurityEventNotification", "CP1", PATIENCE).payload
        assert came["type"] == f"Event{number}"
        assert came["techInfo"] == "x" * 255
    assert plain.violations == []


def test_refusals_while_it_connects_again_are_told_once_an_outage(start: Connect) -> None:
    password = "right"
    with CentralSystem(passwords=lambda name, given: given == password) as csms:
        cp = start(
            f"{csms.url}/CP1",
            password="right",
            reconnect=Reconnect(first=0.1, longest=0.1),
        )
        for _ in range(2):
            password = "wrong"
            refused = threading.Semaphore(0)
            plugin = _Failures(refused)
            cp._plugins._manager.register(plugin)
            csms.drop("CP1")
            for _ in range(3):
                assert refused.acquire(timeout=PATIENCE)
            cp._plugins._manager.unregister(plugin)
            password = "right"
            came = csms.wait_for("SecurityEventNotification", "CP1", PATIENCE).payload
            assert came["type"] == "FailedToAuthenticateAtCentralSystem"
            assert "401" in came["techInfo"]
        cp.send_heartbeat()
        assert types(csms) == ["FailedToAuthenticateAtCentralSystem"] * 2


class _Failures:
    def __init__(self, refused: threading.Semaphore) -> None:
        self._refused = refused

    @hookimpl
    def ocppsim_connect_failed(self, error: Exception) -> None:
        self._refused.release()


def test_an_event_that_gets_no_answer_comes_again(plain: CentralSystem, start: Connect) -> None:
    cp = start(f"{plain.url}/CP1")
    plain.answer("SecurityEventNotification", lambda name, payload: None)
    ocppsim_security._states[cp].events.tell(cp, "Event")
    plain.wait_for("SecurityEventNotification", "CP1", PATIENCE)
    cp.abort()
    plain.answer("SecurityEventNotification", None)
    cp.reconnect()
    plain.wait_for("SecurityEventNotification", "CP1", PATIENCE)


def test_an_event_that_the_csms_does_not_want_is_told_once(
    plain: CentralSystem, start: Connect
) -> None:
    cp = start(f"{plain.url}/CP1")
    plain.answer("SecurityEventNotification", CallError("NotSupported"))
    ocppsim_security._states[cp].events.tell(cp, "Event")
    plain.wait_for("SecurityEventNotification", "CP1", PATIENCE)
    cp.wait_for_frame("SecurityEventNotification", type="CALLERROR", after=0, timeout=PATIENCE)
    cp.reconnect()
    cp.call("Heartbeat")
    assert types(plain) == ["Event"]


def test_nothing_is_told_unasked(plain: CentralSystem, start: Connect) -> None:
    cp = start(f"{plain.url}/CP1")
    with pytest.raises(ConnectError):
        cp.reconnect(url="ws://127.0.0.1:1")
    cp.reconnect()
    cp.send_boot_notification(chargePointVendor="vendor", chargePointModel="model")  # type: ignore[attr-defined]
    assert [request.action for request in plain.received()] == ["BootNotification"]


# --- why a connection did not come about ---------------------------------------------------------


@contextmanager
def tls_server(prepare: Callable[[ssl.SSLContext], object]) -> Iterator[str]:
    """A server that does TLS, as far as it can."""
    context = CertificateAuthority().server_context(["127.0.0.1"])
    prepare(context)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.settimeout(PATIENCE)
                with suppress(OSError):
                    context.wrap_socket(peer, server_side=True).close()

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"wss://127.0.0.1:{listener.getsockname()[1]}/CP1"
        thread.join(PATIENCE)


def old(context: ssl.SSLContext) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")


def odd(context: ssl.SSLContext) -> None:
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    # one without forward secrecy, for a key that this server does not have
    context.set_ciphers("AES256-GCM-SHA384")


@pytest.mark.parametrize(
    ("prepare", "event"),
    [
        (old, "InvalidTLSVersion"),
        (odd, "InvalidTLSCipherSuite"),
        (lambda context: None, "InvalidCentralSystemCertificate"),
    ],
)
def test_tls_that_does_not_come_about(
    prepare: Callable[[ssl.SSLContext], object], event: str
) -> None:
    with tls_server(prepare) as url, pytest.raises(ConnectError) as caught:
        connect(url)
    assert why_refused(caught.value) == event


def test_a_password_that_is_refused() -> None:
    with (
        CentralSystem(passwords={"CP1": "right"}) as csms,
        pytest.raises(ConnectError) as caught,
    ):
        connect(f"{csms.url}/CP1", password="wrong")
    assert why_refused(caught.value) == "FailedToAuthenticateAtCentralSystem"


def test_nobody_there_is_no_security_event() -> None:
    with pytest.raises(ConnectError) as caught:
        connect("ws://127.0.0.1:1/CP1")
    assert why_refused(caught.value) is None
