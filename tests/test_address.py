"""Connection URLs: where they lead, who connects, and what of them may be shown."""

from __future__ import annotations

import traceback
from base64 import b64decode
from urllib.parse import quote, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocppsim.address import Address
from ocppsim.errors import ConnectError

# with half surrogate pairs, which no codec takes
anything = st.text(st.characters())


def error(url: str, name: str | None = None, password: str | bytes | None = None) -> str:
    """The text of the ConnectError."""
    with pytest.raises(ConnectError) as caught:
        Address.parse(url, name=name, password=password)
    return str(caught.value)


def credentials(address: Address) -> bytes:
    """What the Authorization header says, decoded."""
    assert address.authorization is not None
    scheme, _, encoded = address.authorization.partition(" ")
    assert scheme == "Basic"
    return b64decode(encoded, validate=True)


# --- the name ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("ws://host/CP1", "CP1"),
        ("ws://host/ocpp/1.6/CP1", "CP1"),
        ("ws://host/ocpp/CP1/", "CP1"),
        ("ws://host/CP%201%2F%C3%A4", "CP 1/ä"),
        ("ws://host/CP 1ä", "CP 1ä"),
        ("ws://host/CP+1", "CP+1"),
        ("ws://host/RDAM|123", "RDAM|123"),
        ("ws://host/a:b@c", "a:b@c"),
        ("ws://host/CP%231", "CP#1"),
        ("  ws://host/CP1\n", "CP1"),
    ],
)
def test_the_name_is_the_last_part_of_the_path_decoded(url: str, name: str) -> None:
    assert Address.parse(url).name == name


@pytest.mark.parametrize(
    ("url", "name", "result"),
    [
        ("ws://host", "CP1", "ws://host/CP1"),
        ("ws://host/", "CP1", "ws://host/CP1"),
        ("ws://host/ocpp", "CP1", "ws://host/ocpp/CP1"),
        ("ws://host/ocpp/", "CP1", "ws://host/ocpp/CP1"),
        ("ws://host/ocpp", "CP 1/ä", "ws://host/ocpp/CP%201%2F%C3%A4"),
        ("ws://host/ocpp", "100%", "ws://host/ocpp/100%25"),
        ("ws://host/ocpp", "a;b?c#d", "ws://host/ocpp/a%3Bb%3Fc%23d"),
        ("ws://host/ocpp?x=1", "CP1", "ws://host/ocpp/CP1?x=1"),
    ],
)
def test_a_given_name_is_put_at_the_end_encoded(url: str, name: str, result: str) -> None:
    address = Address.parse(url, name=name)
    assert address.url == result
    assert address.name == name


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("ws://host/ocpp/CP1", "CP1"),
        ("ws://host/ocpp/CP%201%2F%C3%A4", "CP 1/ä"),
        ("ws://host/ocpp/CP1?x=1", "CP1"),
    ],
)
def test_a_given_name_that_is_there_already_is_not_doubled(url: str, name: str) -> None:
    address = Address.parse(url, name=name)
    assert address.url == url
    assert address.name == name


def test_a_given_name_that_is_there_before_a_slash_is_not_doubled() -> None:
    assert Address.parse("ws://host/ocpp/CP1/", name="CP1").url == "ws://host/ocpp/CP1/"


@pytest.mark.parametrize("url", ["ws://host", "ws://host/", "ws://host//", "ws://host?CP1"])
def test_there_has_to_be_a_name(url: str) -> None:
    assert "no charge point name" in error(url)


def test_an_empty_name_is_none() -> None:
    assert "no charge point name" in error("ws://host/ocpp", name="")


# --- the rest of the URL -------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["x=1", "x=1&y=a%20b", "url=http://h/?q=1;2", "token=a@b"])
def test_the_query_is_kept(query: str) -> None:
    assert Address.parse(f"ws://host/CP1?{query}").url == f"ws://host/CP1?{query}"


def test_what_is_not_encoded_in_the_url_is_encoded() -> None:
    assert Address.parse("ws://host/ö p/CP|1?q=ä").url == "ws://host/%C3%B6%20p/CP%7C1?q=%C3%A4"


def test_a_semicolon_in_the_path_is_encoded_as_websocket_client_would_drop_it() -> None:
    address = Address.parse("ws://host/CP;1")
    assert address.name == "CP;1"
    assert address.url == "ws://host/CP%3B1"


@pytest.mark.parametrize(
    ("url", "host", "port", "tls"),
    [
        ("ws://host/CP1", "host", 80, False),
        ("wss://host/CP1", "host", 443, True),
        ("ws://host:8100/CP1", "host", 8100, False),
        ("wss://host:65535/CP1", "host", 65535, True),
        ("ws://host:/CP1", "host", 80, False),
        ("WSS://HOST/CP1", "host", 443, True),
        ("ws://[::1]:8100/CP1", "::1", 8100, False),
        ("wss://[2001:db8::1]/CP1", "2001:db8::1", 443, True),
        ("ws://user:pass@host:8100/CP1", "host", 8100, False),
    ],
)
def test_host_port_and_tls(url: str, host: str, port: int, tls: bool) -> None:
    address = Address.parse(url)
    assert (address.host, address.port, address.tls) == (host, port, tls)


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("http://host/CP1", "'http://host/CP1' is not a ws:// or wss:// URL"),
        ("host:8100/CP1", "is not a ws:// or wss:// URL"),
        ("//host/CP1", "is not a ws:// or wss:// URL"),
        ("", "is not a ws:// or wss:// URL"),
        ("ws:///CP1", "has no host"),
        ("ws:CP1", "has no host"),
        ("ws://:8100/CP1", "has no host"),
        ("ws://host:no/CP1", "has no valid port"),
        ("ws://host:65536/CP1", "has no valid port"),
        ("ws://host:-1/CP1", "has no valid port"),
        ("ws://host:0/CP1", "has no valid port"),
        ("ws://[::1/CP1", "is not a URL"),
        ("ws://host/CP#1", "%23"),
        ("ws://host/\udc80", "surrogate"),
    ],
)
def test_what_is_wrong_with_a_url_is_said(url: str, what: str) -> None:
    assert what in error(url)


def test_an_error_knows_the_url() -> None:
    with pytest.raises(ConnectError) as caught:
        Address.parse("ws://user:secret@host")
    assert caught.value.url == "ws://…@host"


@pytest.mark.parametrize("argument", ["name", "user", "password"])
def test_an_argument_that_cannot_be_encoded_is_an_error(argument: str) -> None:
    with pytest.raises(ConnectError, match="surrogate"):
        Address.parse("ws://host/CP1", **{argument: "se\udc80cret"})


@given(anything)
def test_any_text_is_a_url_or_a_connect_error(url: str) -> None:
    try:
        address = Address.parse(url)
    except ConnectError:
        return
    assert address.name
    assert address.host
    assert 0 < address.port < 65536


@given(
    st.text(alphabet="ws:/@#?;%&=[]01aZ.ä \t\\℀", max_size=20),
    st.none() | anything,
    st.none() | anything,
    st.none() | anything | st.binary(),
)
def test_anything_like_a_url_is_one_or_a_connect_error(
    rest: str, name: str | None, user: str | None, password: str | bytes | None
) -> None:
    try:
        address = Address.parse(f"ws://{rest}", name=name, user=user, password=password)
    except ConnectError:
        return
    assert (address.authorization is None) == (address.password is None)


@given(st.text(min_size=1), st.text(alphabet="/ab.é%20;", max_size=10))
def test_a_given_name_comes_back_from_the_url(name: str, path: str) -> None:
    address = Address.parse(f"ws://host/{path}", name=name)
    again = Address.parse(address.url)
    assert again.name == name
    assert again.url == address.url
    assert unquote(urlsplit(address.url).path.rstrip("/").rpartition("/")[2]) == name


# --- user and password ---------------------------------------------------------------------------


def test_without_a_password_there_is_no_authorization() -> None:
    assert Address.parse("ws://host/CP1").authorization is None
    assert Address.parse("ws://user@host/CP1").authorization is None


def test_the_user_is_the_name_unless_given() -> None:
    assert credentials(Address.parse("ws://host/CP%201", password="pw")) == b"CP 1:pw"
    assert credentials(Address.parse("ws://:pw@host/CP1")) == b"CP1:pw"
    assert credentials(Address.parse("ws://host/CP1", user="me", password="pw")) == b"me:pw"


def test_user_and_password_of_the_url_are_decoded() -> None:
    address = Address.parse("ws://m%C3%A9%40:p%3Aw%2F%23@host/CP1")
    assert (address.user, address.password) == ("mé@", "p:w/#")
    assert credentials(address) == "mé@:p:w/#".encode()


def test_a_password_of_the_url_that_is_no_text_is_bytes() -> None:
    assert credentials(Address.parse("ws://:%00%FF%3A@host/CP1")) == b"CP1:\x00\xff:"


def test_a_password_may_be_bytes() -> None:
    address = Address.parse("ws://host/CP1", password=b"\x00\xff:")
    assert credentials(address) == b"CP1:\x00\xff:"


def test_an_empty_password_is_one() -> None:
    assert credentials(Address.parse("ws://host/CP1", password="")) == b"CP1:"
    assert credentials(Address.parse("ws://me:@host/CP1")) == b"me:"


def test_arguments_come_before_what_the_url_says() -> None:
    address = Address.parse("ws://user:pass@host/CP1", user="me", password="pw")
    assert credentials(address) == b"me:pw"


def test_user_and_password_are_not_in_the_url() -> None:
    address = Address.parse("wss://user:secret@host:8100/CP1?x=1")
    assert address.url == "wss://host:8100/CP1?x=1"
    assert "secret" not in repr(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://user:secret@host/CP1",
        "ws://user:secret@/CP1",
        "ws://user:secret@host:no/CP1",
        "ws://user:secret@host",
        "ws://user:secret@host/CP1#x",
        "ws://user:secret@[::1/CP1",
        "ws://user:secret@ho℀st/CP1",  # Python's own error quotes all of it
        "ws://user:a/secret@host/CP1",
        "ws://user:a#secret@host/CP1",
        "ws://user:a?secret@host/CP1",
        "ws://user:a@/secret@host/CP1",
        "ws:user:secret@host/CP1",
        "ws:/user:secret@host/CP1",
        "user:secret@host/CP1",
        ":secret@host/CP1",
        "secret@host/CP1",
        "ws//secret@host/CP1",
        "://secret@host",
    ],
)
def test_no_error_shows_a_password(url: str) -> None:
    with pytest.raises(ConnectError) as caught:
        Address.parse(url)
    told = "".join(traceback.format_exception(caught.value, limit=0))
    assert "secret" not in told + repr(caught.value) + caught.value.url


@given(
    st.text("abcdefghijklmnopqrstuvwxyz", min_size=6, max_size=12),
    anything,
    anything,
    st.sampled_from(["ws", "wss", "http", ""]),
    st.booleans(),
)
def test_no_password_is_ever_shown(
    word: str, before: str, rest: str, scheme: str, encoded: bool
) -> None:
    secret = f"5ecret{word}"
    before = quote(before, errors="replace") if encoded else before
    url = f"{scheme}://{before}:{secret}@{rest}"
    try:
        address = Address.parse(url)
    except ConnectError as problem:
        shown = str(problem) + repr(problem) + problem.url
    else:
        # without a password there is a / before it: by the rules this is a path
        shown = "" if address.password is None else repr(address) + address.url
    assert secret not in shown


@pytest.mark.parametrize("password", ["5ecretword", b"5ecretword"])
def test_a_given_password_is_never_shown(password: str | bytes) -> None:
    assert "5ecret" not in repr(Address.parse("ws://host/CP1", password=password))
    assert "5ecret" not in error("ws://host", password=password)
