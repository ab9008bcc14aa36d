"""The opening handshake: what goes out, and every way in which it can fail."""

from __future__ import annotations

import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from raw_server import PATIENCE, TEXT, RawPeer, RawServer, frame, upgrade

from ocppsim.address import Address
from ocppsim.errors import ConnectError
from ocppsim.transport import Transport

Answer = Callable[[RawPeer], object]


def dial(
    url: str,
    *,
    subprotocols: Sequence[str] = ("ocpp1.6",),
    headers: Mapping[str, str] | None = None,
    password: str | bytes | None = None,
    timeout: float = PATIENCE,
    on_message: Callable[[str | bytes], None] = lambda data: None,
) -> Transport:
    return Transport.open(
        Address.parse(url, password=password),
        subprotocols=subprotocols,
        headers=headers or {},
        context=None,
        timeout=timeout,
        stall_timeout=PATIENCE,
        on_message=lambda transport, data, fault: on_message(data),
        on_lost=lambda transport, error: None,
    )


@contextmanager
def asked(
    url: str = "/CP1",
    *,
    subprotocols: Sequence[str] = ("ocpp1.6",),
    headers: Mapping[str, str] | None = None,
    password: str | bytes | None = None,
) -> Iterator[RawPeer]:
    """Connect, and see what was asked for."""
    with RawServer() as server:
        transport = dial(
            f"ws://{server.address}{url}",
            subprotocols=subprotocols,
            headers=headers,
            password=password,
        )
        yield server.peer()
        transport.abort()


def refused(answer: Answer, *, url: str = "", timeout: float = PATIENCE) -> ConnectError:
    """What connecting to a server that answers so raises."""
    with RawServer(answer) as server, pytest.raises(ConnectError) as caught:
        dial(f"ws://{url}{server.address}/CP1", timeout=timeout)
    return caught.value


def saying(data: bytes) -> Answer:
    """A server that reads the request, sends `data` and closes."""

    def answer(peer: RawPeer) -> None:
        peer.read_request()
        peer.send(data)
        peer.close()

    return answer


# --- what goes out -------------------------------------------------------------------------------


def test_path_and_query_go_out_encoded() -> None:
    with asked("/ocpp/CP 1%2F;ä?x=a b;c&y=%20") as peer:
        assert peer.path == "/ocpp/CP%201%2F%3B%C3%A4?x=a%20b;c&y=%20"


def test_the_headers_that_rfc_6455_wants_go_out_once() -> None:
    with asked() as peer:
        assert peer.request.startswith(b"GET /CP1 HTTP/1.1\r\n")
        assert peer.headers("Host") == [f"127.0.0.1:{peer.sock.getsockname()[1]}"]
        assert peer.headers("Upgrade") == ["websocket"]
        assert peer.headers("Connection") == ["Upgrade"]
        assert peer.headers("Sec-WebSocket-Version") == ["13"]
        assert len(peer.headers("Sec-WebSocket-Key")) == 1


@pytest.mark.parametrize("name", ["Origin", "Cookie", "Authorization", "Sec-WebSocket-Extensions"])
def test_these_headers_do_not_go_out(name: str) -> None:
    with asked() as peer:
        assert peer.headers(name) == []


@pytest.mark.parametrize(
    ("subprotocols", "header"),
    [([], []), (["ocpp1.6"], ["ocpp1.6"]), (["ocpp2.0.1", "ocpp1.6"], ["ocpp2.0.1, ocpp1.6"])],
)
def test_subprotocols_go_out_in_order(subprotocols: list[str], header: list[str]) -> None:
    with asked(subprotocols=subprotocols) as peer:
        assert peer.headers("Sec-WebSocket-Protocol") == header


def test_headers_of_ones_own_go_out() -> None:
    with asked(headers={"X-Vendor": "a: b", "User-Agent": "simulator"}) as peer:
        assert peer.headers("X-Vendor") == ["a: b"]
        assert peer.headers("User-Agent") == ["simulator"]


@pytest.mark.parametrize("name", ["Authorization", "authorization"])
def test_an_authorization_of_ones_own_comes_before_the_password(name: str) -> None:
    with asked(headers={name: "Bearer abc"}, password="secret") as peer:
        assert peer.headers("Authorization") == ["Bearer abc"]


@pytest.mark.parametrize("name", ["Host", "host"])
def test_a_host_of_ones_own_replaces_the_real_one(name: str) -> None:
    with asked(headers={name: "csms.example"}) as peer:
        assert peer.headers("Host") == ["csms.example"]


@pytest.mark.parametrize("password", ["pässword", b"\x00\xff"])
def test_a_password_goes_out_as_http_basic(password: str | bytes) -> None:
    with asked(password=password) as peer:
        secret = password.encode() if isinstance(password, str) else password
        assert peer.headers("Authorization") == [f"Basic {b64encode(b'CP1:' + secret).decode()}"]


def test_an_ipv6_address_is_in_brackets() -> None:
    with RawServer(host="::1") as server:
        transport = dial(server.url)
        assert server.peer().headers("Host") == [server.address]
        transport.abort()


@pytest.mark.parametrize("cookie", ["a=b; Domain=127.0.0.1", "a=b; Domain=.0.0.1", "a=b"])
def test_a_cookie_goes_to_nobody_else(cookie: str) -> None:
    def set_cookie(peer: RawPeer) -> None:
        peer.read_request()
        peer.accept(headers=[f"Set-Cookie: {cookie}"])

    with RawServer(set_cookie) as one, RawServer() as two:
        for server in (one, two, one):
            dial(server.url).abort()
        assert [s.peer().headers("Cookie") for s in (one, two, one)] == [[], [], []]


def test_a_cookie_that_is_none_does_no_harm() -> None:
    def set_cookie(peer: RawPeer) -> None:
        peer.read_request()
        peer.accept(headers=["Set-Cookie: a/b=c; Domain=127.0.0.1"])

    with RawServer(set_cookie) as server:
        dial(server.url).abort()


def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with RawServer() as proxy, RawServer() as server:
        for name in ("http_proxy", "https_proxy", "all_proxy", "ws_proxy"):
            monkeypatch.setenv(name, f"http://{proxy.address}")
            monkeypatch.setenv(name.upper(), f"http://{proxy.address}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        dial(server.url).abort()
        assert server.peer().path == "/CP1"


# --- the answer ----------------------------------------------------------------------------------


def test_status_headers_and_subprotocol_are_kept() -> None:
    def answer(peer: RawPeer) -> None:
        peer.read_request()
        peer.accept("other", headers=["X-Server: CSMS"])

    with RawServer(answer) as server:
        transport = dial(server.url)
        assert transport.handshake.status == 101
        assert transport.handshake.headers["x-server"] == "CSMS"
        assert transport.handshake.subprotocol == "other"
        transport.abort()


def test_no_subprotocol_is_none() -> None:
    def answer(peer: RawPeer) -> None:
        peer.read_request()
        peer.accept(None)

    with RawServer(answer) as server:
        transport = dial(server.url)
        assert transport.handshake.subprotocol is None
        transport.abort()


def test_a_frame_that_comes_with_the_answer_is_not_lost() -> None:
    def answer(peer: RawPeer) -> None:
        peer.read_request()
        peer.accept(then=frame(TEXT, b"one") + frame(TEXT, b"two"))

    came: list[str | bytes] = []
    both = threading.Event()

    def note(data: str | bytes) -> None:
        came.append(data)
        if len(came) == 2:
            both.set()

    with RawServer(answer) as server:
        transport = dial(server.url, on_message=note)
        transport.start()
        assert both.wait(PATIENCE)
        assert came == ["one", "two"]
        transport.abort()


def test_an_answer_may_come_byte_by_byte() -> None:
    def answer(peer: RawPeer) -> None:
        peer.read_request()
        send = peer.send
        peer.send = lambda data: [send(bytes([byte])) for byte in data]  # type: ignore[method-assign, assignment]
        peer.accept()

    with RawServer(answer) as server:
        dial(server.url).abort()


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        ("401 Unauthorized", "it wants a password"),
        ("403 Forbidden", "forbidden"),
        ("404 Not Found", "no such path, or no charge point 'CP1'"),
        ("503 Service Unavailable", ""),
        ("200 OK", ""),
    ],
)
def test_a_refusal_is_told_with_status_headers_and_body(status: str, hint: str) -> None:
    body = "nö, not \n you".encode()

    def answer(peer: RawPeer) -> None:
        peer.read_request()
        peer.answer(status, f"Content-Length: {len(body)}", "X-Reason: none", body=body)

    error = refused(answer)
    code = status.split()[0]
    assert error.status == int(code)
    assert error.headers["x-reason"] == "none"
    assert error.body == body
    assert f"the CSMS refused the handshake with HTTP {code}" in str(error)
    assert hint in str(error)
    assert "nö, not you" in str(error)


def test_a_refused_password_is_told_without_it() -> None:
    error = refused(saying(b"HTTP/1.1 401 No\r\n\r\n"), url="me:5ecret@")
    assert "name or password refused" in str(error)
    assert "5ecret" not in str(error) + repr(error) + error.url


@pytest.mark.parametrize(
    ("headers", "sent", "body"),
    [
        ("", b"until the end", b"until the end"),
        ("Transfer-Encoding: chunked\r\n", b"4\r\nno, \r\n3;x=y\r\nno!\r\n0\r\n\r\n", b"no, no!"),
        ("Transfer-Encoding: chunked\r\n", b"what is this", b"what is this"),
        ("Content-Length: 0\r\n", b"", b""),
        ("", b"", b""),
    ],
)
def test_the_body_of_a_refusal_is_there_however_it_is_framed(
    headers: str, sent: bytes, body: bytes
) -> None:
    error = refused(saying(f"HTTP/1.1 403 No\r\n{headers}\r\n".encode() + sent))
    assert (error.status, error.body) == (403, body)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 302 Elsewhere\r\nLocation: /\r\nContent-Length: 2\r\n\r\nno",
    ],
)
def test_a_refusal_is_told_at_once_though_the_connection_stays(head: bytes) -> None:
    def answer(peer: RawPeer) -> None:
        peer.read_request()
        peer.send(head)

    started = time.monotonic()
    refused(answer)
    assert time.monotonic() - started < 0.9


def test_a_refusal_is_told_though_its_end_does_not_come() -> None:
    def answer(peer: RawPeer) -> None:
        peer.read_request()
        peer.send(b"HTTP/1.1 403 No\r\n\r\nsome of it")

    started = time.monotonic()
    error = refused(answer, timeout=0.3)
    assert time.monotonic() - started < 2
    assert (error.status, error.body) == (403, b"some of it")


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_a_redirect_is_told_and_not_followed(status: int) -> None:
    with RawServer() as elsewhere:
        location = f"Location: ws://{elsewhere.address}/CP1"
        error = refused(saying(f"HTTP/1.1 {status} There\r\n{location}\r\n\r\n".encode()))
        assert error.status == status
        assert f"it redirects to ws://{elsewhere.address}/CP1" in str(error)
        with ThreadPoolExecutor(1) as pool:
            # the first that comes there is this one
            asking = pool.submit(elsewhere.peer)
            dial(f"ws://{elsewhere.address}/later").abort()
            assert asking.result(PATIENCE).path == "/later"


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00\xff\xfe\n\n",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"\r\n\r\n",
        b"HTTP/1.1 hello\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nno colon\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    ],
)
def test_garbage_is_no_handshake(garbage: bytes) -> None:
    error = refused(saying(garbage))
    assert "the answer is no WebSocket handshake" in str(error)
    assert error.status is None


def test_a_wrong_proof_is_no_handshake() -> None:
    def answer(peer: RawPeer) -> None:
        peer.read_request()
        peer.accept(key="of somebody else")

    assert "the answer is no WebSocket handshake" in str(refused(answer))


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 101 Swit", b"HTTP/1.1 101 Switching\r\nA: b\r\n"])
def test_a_server_that_closes_is_told(head: bytes) -> None:
    assert "closed the connection during the handshake" in str(refused(saying(head)))


def test_a_server_that_resets_is_told() -> None:
    def answer(peer: RawPeer) -> None:
        peer.read_request()
        peer.reset()

    assert "broke during the handshake" in str(refused(answer))


def test_a_server_that_closes_at_once_is_told() -> None:
    refused(lambda peer: peer.close())


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 101 Switching\r\nA: b\r\n"])
def test_a_server_that_does_not_go_on_is_given_up_in_time(head: bytes) -> None:
    started = time.monotonic()
    error = refused(lambda peer: peer.send(head), timeout=0.3)
    assert 0.3 <= time.monotonic() - started < 2
    assert "no answer to the WebSocket handshake in time" in str(error)


@pytest.mark.parametrize("data", [b"A: b\r\n" * 1000, b"x" * 1000])
def test_a_server_that_never_ends_is_given_up_in_time(data: bytes) -> None:
    def answer(peer: RawPeer) -> None:
        peer.read_request()
        peer.send(b"HTTP/1.1 101 Switching\r\n")
        peer.send_for_ever(data)

    started = time.monotonic()
    error = refused(answer, timeout=0.3)
    assert 0.3 <= time.monotonic() - started < 2
    assert "in time" in str(error)


def test_an_error_names_the_url() -> None:
    error = refused(saying(b"HTTP/1.1 503 No\r\n\r\n"), url="me:5ecret@")
    assert error.url.startswith("ws://127.0.0.1:")
    assert str(error).startswith(f"{error.url}: ")


def test_what_cannot_be_a_header_is_an_error_and_leaves_nothing() -> None:
    with RawServer(lambda peer: peer.rest()) as server:
        with pytest.raises(ConnectError):
            dial(server.url, headers={"X": "\ud800"})
        with pytest.raises(TypeError):
            dial(server.url, headers={"X": 1})  # type: ignore[dict-item]


def test_many_handshakes_at_once() -> None:
    def set_cookie(peer: RawPeer) -> None:
        upgrade(peer)

    with RawServer(set_cookie) as server, ThreadPoolExecutor(10) as pool:
        dialling = [pool.submit(dial, server.url) for _ in range(50)]
        for result in dialling:
            result.result(PATIENCE).abort()
