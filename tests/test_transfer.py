"""Files to and from FTP servers: real ones, plain and TLS, and such as do what none should."""

from __future__ import annotations

import contextlib
import io
import logging
import socket
import ssl
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import trustme
from ftp_server import HANG_UP, SILENT, Answer, FakeFtp, RealFtp
from hypothesis import given
from hypothesis import strategies as st
from raw_server import PATIENCE, authority, client_context, server_context

from ocppsim import transfer
from ocppsim.errors import OcppsimError, TransferError
from ocppsim.location import Location, check_name
from ocppsim.transfer import download, upload

SECRET = "s€cret/:@ ?#%"
"""A password with all that means something in a URL."""

USER = f"cp:{quote(SECRET, safe='')}"

SHORT = 0.4
"""A time-out, s, for what is to run into it."""

MUCH = bytes(range(256)) * (5 << 12)
"""5 MiB: more than fits into the buffers between here and there."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """What is at the server."""
    (tmp_path / "root" / "cp 1" / "ä").mkdir(parents=True)
    (tmp_path / "root" / "fw.bin").write_bytes(b"firmware")
    return tmp_path / "root"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Where a download goes."""
    (tmp_path / "here").mkdir()
    return tmp_path / "here"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    path = tmp_path / "server.pem"
    issued = authority().issue_cert("127.0.0.1", "localhost", "::1")
    issued.private_key_and_cert_chain_pem.write_to_path(str(path))
    return path


@pytest.fixture(params=["ftp", "ftps"])
def real(
    request: pytest.FixtureRequest, root: Path, certificate: Path
) -> Iterator[Callable[..., str]]:
    """A server; url(path, user) of it."""
    tls = request.param == "ftps"
    with RealFtp(root, users={"cp": SECRET}, certificate=certificate if tls else None) as server:

        def url(path: str = "", user: str = USER) -> str:
            at = "@" if user else ""
            return f"{request.param}://{user}{at}{server.host}:{server.port}/{path}"

        yield url


def send(url: str, name: str = "diag.txt", data: Any = b"data", **options: Any) -> None:
    upload(url, name, data, **{"timeout": PATIENCE, "context": client_context(), **options})


def get(url: str, folder: Path, **options: Any) -> Path:
    return download(url, folder, **{"timeout": PATIENCE, "context": client_context(), **options})


def whole_text(error: BaseException | None) -> str:
    """All that an error and its causes say, in every way."""
    found = []
    if error is not None:
        found += traceback.format_exception(error)
    while error is not None:
        found += [str(error), repr(error), repr(vars(error)), repr(error.args)]
        error = error.__cause__ or error.__context__
    return "\n".join(found)


def failure(function: Callable[..., object], *args: Any, **options: Any) -> TransferError:
    """The TransferError: one line, without the password."""
    with pytest.raises(TransferError) as caught:
        function(*args, **options)
    assert len(str(caught.value).splitlines()) == 1
    text = whole_text(caught.value)
    for form in (SECRET, quote(SECRET), quote(SECRET, safe=""), repr(SECRET)[1:-1]):
        assert form not in text
    return caught.value


# --- locations -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ftp://host", Location("host", 21, False, (), "")),
        ("FTP://Host/", Location("host", 21, False, (), "")),
        ("ftps://host/fw.bin", Location("host", 21, True, (), "fw.bin")),
        ("ftp://host:2121/a/b/", Location("host", 2121, False, ("a", "b"), "")),
        ("ftp://host/a/b", Location("host", 21, False, ("a",), "b")),
        (
            "ftp://us%40er:p%40ss%3A%2F@host:2121/dir/sub/",
            Location("host", 2121, False, ("dir", "sub"), "", "us@er", "p@ss:/"),
        ),
        ("ftp://user@host/", Location("host", 21, False, (), "", "user")),
        ("ftp://user:@host/", Location("host", 21, False, (), "", "user", "")),
        ("ftp://u:p@ss@host/", Location("host", 21, False, (), "", "u", "p@ss")),
        (
            "ftp://host/my folder/%C3%A4%20%23+x",
            Location("host", 21, False, ("my folder",), "ä #+x"),
        ),
        ("ftp://host:2121/a%40b", Location("host", 2121, False, (), "a@b")),
        ("ftp://host/a%3Bb@c;d", Location("host", 21, False, (), "a;b@c;d")),
        ("ftp://[::1]:2121/x", Location("::1", 2121, False, (), "x")),
        ("ftp://host//etc/x", Location("host", 21, False, ("/", "etc"), "x")),
        ("ftp://host//", Location("host", 21, False, ("/",), "")),
        ("ftp://host/a//b/./c/.", Location("host", 21, False, ("a", "b", "c"), "")),
        ("ftp://host/fw.bin;type=I", Location("host", 21, False, (), "fw.bin")),
        ("ftp://u:%E4@host/%E4", Location("host", 21, False, (), "\udce4", "u", "\udce4")),
        ("  ftp://host/x\n", Location("host", 21, False, (), "x")),
    ],
)
def test_a_location_is_taken_apart_and_decoded(url: str, expected: Location) -> None:
    assert Location.parse(url) == expected


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("ftp://u:SECRET@host/a b/c", "ftp://host:21/a%20b/c"),
        ("ftps://u:SECRET@[::1]:990//etc/%E4/", "ftps://[::1]:990//etc/%E4/"),
        ("ftp://host", "ftp://host:21/"),
    ],
)
def test_a_location_is_shown_without_user_and_password(url: str, safe: str) -> None:
    location = Location.parse(url)
    assert location.safe == safe
    assert "SECRET" not in repr(location)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://u:SECRET@host/x", "'http://…@host/x' is neither an ftp:// nor an ftps:// URL"),
        ("https://host/x", "neither an ftp:// nor an ftps:// URL, which are what is possible"),
        ("sftp://host/x", "neither an ftp:// nor an ftps:// URL"),
        ("/var/log", "neither an ftp:// nor"),
        ("u:SECRET@host", "'…@host' is neither"),
        ("SECRET@x://y", "'…@x://y' is neither"),
        ("", "neither"),
        ("ftp:///x", "has no host"),
        ("ftp://u:SECRET@/x", "has no host"),
        ("ftp://ho st/", "has no host"),
        ("ftp://u:SECRET@[::1/x", "is not a URL"),
        ("ftp://u:SECRET@ho\u2100st/", "is not a URL"),  # NFKC makes a slash of it
        ("ftp://host:0/", "no port from 1 to 65535"),
        ("ftp://host:x/", "no port"),
        ("ftp://host:65536/", "no port"),
        ("ftp://u:SECRET", "no port"),
        ("ftp://u:SECRET%40host/", "no port"),
        ("ftp://u:SEC/RET@host/", "has an @ after its host"),
        ("ftp://u:SEC@RET/SECRET@host/x", "'ftp://…@host/x' has an @ after its host"),
        ("ftp://user:12/RET@host/x", "has an @ after its host"),
        ("ftp://DOMAIN/user:SECRET@host/x", "has an @ after its host"),
        ("ftp://u:SEC?RET@host/x", "'ftp://…@host/x' has an @ after its host"),
        ("ftp://u:SEC#RET@host/x", "percent-encoded"),
        ("ftp://host/fw?", "has a ? or #"),
        ("ftp://host/fw;type=a", "another transfer type"),
        (
            "ftp://u:SECRET@host/a/../b",
            r"'ftp://…@host/a/../b' cannot be followed: '..' would climb out",
        ),
        ("ftp://host/..", "climb"),
        ("ftp://host/%2e%2E/x", "climb"),
        ("ftp://host/a%2F..%2Fb", "a slash or backslash in a name"),
        ("ftp://host/%2Fetc/x", "a slash or backslash in a name"),
        ("ftp://host/..%5Cb", "a slash or backslash in a name"),
        ("ftp://host/a%0D%0ADELE%20b", "has a control character in its path"),
        ("ftp://host/a%0Ab", "control character"),
        ("ftp://host/a%00b", "control character"),
        ("ftp://u%0D%0ADELE:SECRET@host/", "has a control character in its user"),
        ("ftp://u:SECRET%0Ax@host/", "has a control character in its password"),
        ("ftp://u:SEC\nRET@host/", "holds a control character"),
        ("ftp://host/\ud800", "half a surrogate pair"),
    ],
)
def test_any_other_location_is_refused_before_anything_is_sent(url: str, text: str) -> None:
    error = failure(Location.parse, url)
    assert text in str(error)
    assert "SECRET" not in whole_text(error)
    assert "RET@" not in whole_text(error)
    for function in (upload, download):
        assert str(failure(function, url, *(("x", b"") if function is upload else (Path(),))))


@given(
    st.one_of(
        st.text(),
        st.text(st.characters()).map("ftp://".__add__),
        st.text("ftps:/@%#?[]0123. \r\n;").map("ftp://u:p@h".__add__),
    )
)
def test_any_text_is_a_location_or_refused(text: str) -> None:
    with contextlib.suppress(TransferError):
        location = Location.parse(text)
        assert location.safe.isprintable()
        assert Location.parse(location.safe).safe == location.safe
        for part in (
            *location.folders,
            location.last,
            location.user or "",
            location.password or "",
        ):
            assert not set(part) & set("\r\n\0")
            assert part != ".."


@given(
    st.sampled_from(["ftp://", "ftps://", "http://", "", "ftp:", "ftp://["]),
    st.text(max_size=5),
    st.text("/:@?#%[]\\ \r\n;", max_size=3),
    st.text("/:?#%[]\\ \r\n;.a1", max_size=5),
    st.sampled_from(["@host/x", "@host:x/x", "@[::1/", "@/", "@host/..", "@ho\u2100st/"]),
)
def test_a_location_never_tells_a_password(
    scheme: str, user: str, before: str, after: str, rest: str
) -> None:
    url = f"{scheme}{user}:{before}PASSWORD{after}{rest}"
    try:
        location = Location.parse(url)
        shown = location.safe + repr(location)
    except TransferError as error:
        shown = whole_text(error)
    assert "PASSWORD" not in shown


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "/x", "a\\b", "..\\x", "a\r\nDELE b", "a\0", "\ud800"]
)
def test_a_name_that_leads_elsewhere_is_refused_before_anything_is_sent(name: str) -> None:
    with FakeFtp() as server:
        error = failure(send, server.url(), name)
    assert f"{name!r} is no name of a file: " in str(error)
    assert server.commands == []


def test_other_names_are_fine() -> None:
    for name in ("diag.txt", "..x", "x..", "ä ö.log", "-"):
        assert check_name(name) == name


# --- real servers, plain and TLS -----------------------------------------------------------------


@pytest.mark.parametrize("path", ["cp%201/%C3%A4/", "cp 1/ä"])
def test_an_upload_lands_in_the_folder(real: Callable[..., str], root: Path, path: str) -> None:
    send(real(path), "Übersicht 1.txt", MUCH)
    assert (root / "cp 1" / "ä" / "Übersicht 1.txt").read_bytes() == MUCH


def test_an_upload_takes_bytes_text_a_path_or_a_file(
    real: Callable[..., str], root: Path, tmp_path: Path
) -> None:
    (tmp_path / "log").write_bytes(b"0123456789")
    for data, expected in [
        (b"", b""),
        (b"\0\r\n\xff", b"\0\r\n\xff"),
        ("ä\n\ud800", "ä\n\\ud800".encode()),
        (tmp_path / "log", b"0123456789"),
    ]:
        send(real(), "x", data)
        assert (root / "x").read_bytes() == expected
    with (tmp_path / "log").open("rb") as file:
        file.read(4)
        send(real(), "x", file)
        assert not file.closed
    assert (root / "x").read_bytes() == b"456789"


def test_a_source_of_unknown_size_is_sent_to_its_end(real: Callable[..., str], root: Path) -> None:
    class Source(io.RawIOBase):
        left = 3

        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:
            self.left -= 1
            return b"piece" if self.left >= 0 else b""

    told: list[tuple[int, int | None]] = []
    send(real(), "x", Source(), progress=lambda *args: told.append(args))
    assert (root / "x").read_bytes() == b"piece" * 3
    assert told[-1] == (15, None)


def test_a_source_that_cannot_be_read_is_an_error_before_anything_is_sent(tmp_path: Path) -> None:
    with FakeFtp() as server, pytest.raises(FileNotFoundError):
        send(server.url(), "x", tmp_path / "none")
    assert server.commands == []


def test_a_download_is_a_new_file(real: Callable[..., str], root: Path, here: Path) -> None:
    (root / "cp 1" / "ä" / "fw 2.bin").write_bytes(MUCH)
    path = get(real("cp%201/%C3%A4/fw%202.bin"), here)
    assert path == here / "fw_2.bin"
    assert path.read_bytes() == MUCH


def test_an_empty_file_comes_too(real: Callable[..., str], root: Path, here: Path) -> None:
    (root / "empty").write_bytes(b"")
    told: list[tuple[int, int | None]] = []
    assert get(real("empty"), here, progress=lambda *args: told.append(args)).read_bytes() == b""
    assert told == [(0, 0)]


def test_a_download_overwrites_nothing(real: Callable[..., str], here: Path) -> None:
    paths = [get(real("fw.bin"), here) for _ in range(3)]
    assert [path.name for path in paths] == ["fw.bin", "fw-2.bin", "fw-3.bin"]


def test_without_a_user_it_is_anonymous(real: Callable[..., str], here: Path) -> None:
    assert get(real("fw.bin", user=""), here).read_bytes() == b"firmware"


def test_a_wrong_password(real: Callable[..., str], here: Path) -> None:
    error = failure(get, real("fw.bin", user="cp:WRONG"), here)
    assert "/fw.bin: could not log in as 'cp': the server says '530 Authentication" in str(error)
    assert "WRONG" not in whole_text(error)
    assert error.location.startswith("ftp")
    assert error.reply == "530 Authentication failed."
    assert isinstance(error, OcppsimError)
    assert isinstance(error, OSError)


def test_a_missing_folder(real: Callable[..., str], root: Path, here: Path) -> None:
    text = "could not enter the folder 'cp 1/none': the server says '550 "
    assert text in str(failure(send, real("cp%201/none/more/")))
    assert text in str(failure(get, real("cp%201/none/more/x"), here))
    assert not (root / "cp 1" / "none").exists()
    assert list(here.iterdir()) == []


def test_a_missing_file(real: Callable[..., str], here: Path) -> None:
    error = failure(get, real("cp%201/none.bin"), here)
    assert "/cp%201/none.bin: could not fetch 'none.bin': the server says '550 " in str(error)
    assert list(here.iterdir()) == []


def test_a_folder_cannot_be_fetched(real: Callable[..., str], here: Path) -> None:
    assert "/ names a folder, not a file" in str(failure(get, real("cp%201/"), here))
    assert "could not fetch 'cp 1'" in str(failure(get, real("cp%201"), here))


def test_no_permission_to_write(real: Callable[..., str]) -> None:
    error = failure(send, real(user=""))
    assert "could not store 'diag.txt': the server says '550 " in str(error)


def test_no_folder_here(real: Callable[..., str], here: Path) -> None:
    with pytest.raises(FileNotFoundError):
        get(real("fw.bin"), here / "none")


def test_progress_is_told_now_and_then_and_at_the_end(
    real: Callable[..., str], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "_PROGRESS_INTERVAL", 0.0)
    for move in (lambda **o: send(real(), "x", MUCH, **o), lambda **o: get(real("x"), here, **o)):
        told: list[tuple[int, int | None]] = []
        move(progress=lambda *args, told=told: told.append(args))
        assert len(told) > 10
        assert told == sorted(told)
        assert told[-1] == (len(MUCH), len(MUCH))
        assert {total for _, total in told} == {len(MUCH)}


def test_behind_nat_the_address_of_the_server_is_the_one_it_was_reached_by(
    root: Path, here: Path
) -> None:
    with RealFtp(root, masquerade="192.0.2.1") as server:
        url = f"ftp://{server.host}:{server.port}/fw.bin"
        assert get(url, here, timeout=2.0).read_bytes() == b"firmware"


@pytest.mark.parametrize("scheme", ["ftp", "ftps"])
def test_ipv6(scheme: str, root: Path, here: Path, certificate: Path) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("there is no IPv6 here")
    pem = certificate if scheme == "ftps" else None
    with RealFtp(root, certificate=pem, host="::1") as server:
        path = get(f"{scheme}://{server.host}:{server.port}/fw.bin", here)
    assert path.read_bytes() == b"firmware"


# --- TLS -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_data_connection_resumes_the_session(version: ssl.TLSVersion, here: Path) -> None:
    with FakeFtp(context=server_context(version=version)) as server:
        send(server.url("a/b/"), data=MUCH)
        assert server.resumed == [False, True]
        assert get(server.url("a/fw.bin"), here).read_bytes() == MUCH
        assert server.resumed == [False, True] * 2
    assert server.stored == [MUCH]
    assert server.commands[:5] == [
        "AUTH TLS",
        "USER anonymous",
        "PASS anonymous@",
        "PBSZ 0",
        "PROT P",
    ]


def test_without_a_context_the_trust_store_of_the_system_holds(
    certificate: Path, root: Path, tmp_path: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RealFtp(root, certificate=certificate) as server:
        url = f"ftps://{server.host}:{server.port}/fw.bin"
        error = failure(get, url, here, context=None)
        assert "could not begin TLS: its certificate is not trusted: " in str(error)
        authority().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        assert get(url, here, context=None).read_bytes() == b"firmware"


def test_the_certificate_has_to_be_the_hosts(here: Path) -> None:
    with FakeFtp(context=server_context("other.example")) as server:
        error = failure(get, server.url("x", USER), here)
    assert "could not begin TLS: its certificate is not trusted: " in str(error)
    assert "127.0.0.1" in str(error)
    assert server.commands == ["AUTH TLS"]


def test_the_certificate_of_the_data_connection_is_checked_too(here: Path) -> None:
    other = server_context(signer=trustme.CA())

    def swap(fake: FakeFtp, argument: str) -> None:
        fake._context = other
        fake.give_data(b"x")

    with FakeFtp({"RETR": swap}, context=server_context(), content=b"x") as server:
        error = failure(get, server.url("x"), here)
    assert "could not fetch 'x': begin TLS on the data connection: " in str(error)
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("answer", ["500 what?", "530 no", "234 go on"])
def test_a_server_without_tls_gets_no_password(answer: str, here: Path) -> None:
    def auth(fake: FakeFtp, argument: str) -> None:
        fake.say(answer)
        if answer.startswith("2"):
            fake.say("220 still in the clear")

    with FakeFtp({"AUTH": auth}, context=server_context()) as server:
        error = failure(get, server.url("x", USER), here)
    assert "could not begin TLS: " in str(error)
    assert not any(command.startswith(("USER", "PASS")) for command in server.commands)


def test_what_was_said_before_tls_does_not_count(here: Path) -> None:
    def auth(fake: FakeFtp, argument: str) -> None:
        fake._control.sendall(b"234 go on\r\n230 you are in\r\n")
        fake._control = fake._secured(fake._control)

    with FakeFtp({"AUTH": auth, "USER": "530 no"}, context=server_context()) as server:
        # they came in one piece, or the second is taken for TLS
        failure(get, server.url("x"), here)
    assert "PBSZ 0" not in server.commands


@pytest.mark.parametrize(
    ("size", "data", "text"),
    [
        ("213 4", b"data", None),
        ("213 9", b"data", "'x' ended after 4 of 9 bytes"),
        ("550 no", b"data", "may be cut off after 4 bytes: the server gave no size, nor ended TLS"),
    ],
)
def test_tls_that_does_not_end(size: str, data: bytes, text: str | None, here: Path) -> None:
    answers: dict[str, Answer] = {
        "SIZE": size,
        "RETR": lambda fake, _: fake.give_data(data, end_tls=False),
    }
    with FakeFtp(answers, context=server_context()) as server:
        if text is None:
            assert get(server.url("x"), here).read_bytes() == data
        else:
            assert text in str(failure(get, server.url("x"), here))
            assert list(here.iterdir()) == []


# --- servers that do not do as they should -------------------------------------------------------


def begin_data(fake: FakeFtp, argument: str) -> socket.socket:
    fake.say("150 here it comes")
    return fake.data()


def half_then(then: Callable[[FakeFtp], object]) -> Callable[[FakeFtp, str], object]:
    """Give 1,000 bytes of 5,000."""

    def give(fake: FakeFtp, argument: str) -> None:
        conn = begin_data(fake, argument)
        conn.sendall(bytes(1000))
        then(fake)
        conn.close()

    return give


def never_accepting(fake: FakeFtp, argument: str) -> None:
    fake.say("150 here it comes")
    begin_data(fake, argument)
    fake.wait_for_the_end()


STAGES = ["greeting", "AUTH", "USER", "PASS", "PBSZ", "PROT", "CWD", "TYPE", "PASV", "STOR"]


@pytest.mark.parametrize("stage", [*STAGES, "SIZE", "RETR"])
@pytest.mark.parametrize(
    ("fault", "text"),
    [(SILENT, f"no progress within {SHORT:g} s"), (HANG_UP, "the server hung up")],
)
def test_a_server_that_stops_at_any_stage(stage: str, fault: str, text: str, here: Path) -> None:
    tls = stage in ("AUTH", "PBSZ", "PROT")
    context = server_context() if tls else None
    with FakeFtp({stage: fault}, context=context) as server:
        begun = time.monotonic()
        if stage in ("SIZE", "RETR"):
            error = failure(get, server.url("a/x", USER), here, timeout=SHORT)
        else:
            error = failure(send, server.url("a/", USER), timeout=SHORT)
        assert time.monotonic() - begun < SHORT + 2.5
    assert text in str(error)
    assert str(error).startswith(server.url("a/"))
    assert list(here.iterdir()) == []


def test_a_server_that_is_silent_when_all_is_done(here: Path) -> None:
    with FakeFtp({"QUIT": SILENT}, content=b"x") as server:
        assert get(server.url("x"), here, timeout=1.0).read_bytes() == b"x"
    with FakeFtp({"SIZE": SILENT}, content=b"x") as server:
        send(server.url(), timeout=1.0)


def test_a_server_that_does_not_begin_tls(here: Path) -> None:
    def auth(fake: FakeFtp, argument: str) -> None:
        fake.say("234 go on")
        fake.wait_for_the_end()

    with FakeFtp({"AUTH": auth}, context=server_context()) as server:
        error = failure(get, server.url("x"), here, timeout=SHORT)
    assert "could not begin TLS: no progress within" in str(error)


def test_implicit_tls_is_named_where_a_server_waits_for_it(here: Path) -> None:
    with FakeFtp({"greeting": SILENT}, context=server_context()) as server:
        error = failure(get, server.url("x"), here, timeout=SHORT)
    assert "could not get a greeting (ftps:// is explicit TLS, not implicit): no prog" in str(error)


def test_nothing_listens(here: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = failure(get, f"ftp://{USER}@127.0.0.1:{port}/x", here)
    text = f"ftp://127.0.0.1:{port}/x: could not connect to 127.0.0.1, port {port}: nothing listens"
    assert text in str(error)


@pytest.mark.parametrize("host", ["no.such.host.invalid", "a..b", "x" * 64, "ä" * 70])
def test_an_unknown_host(host: str, here: Path) -> None:
    error = failure(get, f"ftp://{USER}@{host}/x", here)
    assert f"could not connect to {host}, port 21: there is no host of that name" in str(error)


def test_a_host_that_takes_no_connection(here: Path) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        with contextlib.ExitStack() as stack:
            for _ in range(3):  # until its queue is full
                sock = stack.enter_context(socket.socket())
                sock.setblocking(False)
                sock.connect_ex(address)
            time.sleep(0.05)
            error = failure(get, f"ftp://127.0.0.1:{address[1]}/x", here, timeout=SHORT)
    assert "could not connect to" in str(error)
    assert "no progress within" in str(error)


def test_a_data_port_where_nothing_listens(here: Path) -> None:
    def passive(fake: FakeFtp, argument: str) -> None:
        port = fake.port  # of a listener that is no more
        listener = fake.listen()
        port = listener.getsockname()[1]
        listener.close()
        fake.say(f"227 go (127,0,0,1,{port >> 8},{port & 255})")

    with FakeFtp({"PASV": passive}) as server:
        error = failure(get, server.url("x"), here)
    assert "could not open the data connection (passive mode) to 127.0.0.1, port" in str(error)
    assert "nothing listens there" in str(error)


def test_an_answer_that_drips_ends_with_the_time_out(here: Path) -> None:
    def drip(fake: FakeFtp, argument: str) -> None:
        while True:
            fake._control.sendall(b"220-still here\r\n2")
            time.sleep(SHORT / 5)

    with FakeFtp({"greeting": drip}) as server:
        begun = time.monotonic()
        error = failure(get, server.url("x"), here, timeout=SHORT)
        assert time.monotonic() - begun < SHORT * 5
    assert "no progress" in str(error)


@pytest.mark.parametrize("piece", [b"220-and so on\r\n", b"2"])
def test_an_answer_without_end(piece: bytes, here: Path) -> None:
    def go_on(fake: FakeFtp, argument: str) -> None:
        while True:
            fake._control.sendall(piece * 1000)

    with FakeFtp({"greeting": go_on}) as server:
        assert "an answer without end" in str(failure(get, server.url("x"), here))


@pytest.mark.parametrize(
    ("then", "text"),
    [
        (lambda fake: fake.hang_up(), "the server hung up, after 1000 of 5000 bytes"),
        (
            lambda fake: fake.say("426 disk on fire"),
            "the server says '426 disk on fire', after 1000 of 5000 bytes",
        ),
        (lambda fake: fake.say("226 that was all"), "'x' ended after 1000 of 5000 bytes"),
        (
            lambda fake: fake.wait_for_the_end(),
            f"no progress within {SHORT:g} s, after 1000 of 5000 bytes",
        ),
    ],
)
def test_a_download_that_ends_half_way_leaves_no_file(
    then: Callable[[FakeFtp], object], text: str, here: Path
) -> None:
    with FakeFtp({"SIZE": "213 5000", "RETR": half_then(then)}) as server:
        error = failure(get, server.url("x", USER), here, timeout=SHORT)
    assert text in str(error)
    assert list(here.iterdir()) == []


def test_a_download_that_goes_on_after_its_size_leaves_no_file(here: Path) -> None:
    with FakeFtp({"SIZE": "213 4"}, content=MUCH) as server:
        assert "'x' goes on after its 4 bytes" in str(failure(get, server.url("x"), here))
    assert list(here.iterdir()) == []


def test_the_size_may_come_with_the_150(here: Path) -> None:
    def give(fake: FakeFtp, argument: str) -> None:
        fake.say("150 Opening connection for x (5000 bytes).")
        conn = fake.data()
        conn.sendall(bytes(1000))
        conn.close()
        fake.say("226 done")

    with FakeFtp({"SIZE": "502 what?", "RETR": give}) as server:
        assert "after 1000 of 5000 bytes" in str(failure(get, server.url("x"), here))


@pytest.mark.parametrize("size", ["550 no", "213 many", "213 -1", "450 later", "200 ok"])
def test_a_server_that_tells_no_size(size: str, here: Path) -> None:
    told: list[tuple[int, int | None]] = []
    with FakeFtp({"SIZE": size}, content=b"data") as server:
        path = get(server.url("x"), here, progress=lambda *args: told.append(args))
        assert path.read_bytes() == b"data"
        send(server.url())
    assert told == [(4, None)]


def test_an_upload_that_the_server_breaks_off_tells_why() -> None:
    def store(fake: FakeFtp, argument: str) -> None:
        conn = begin_data(fake, argument)
        conn.recv(1000)
        conn.close()
        fake.say("552 Quota exceeded.")

    with FakeFtp({"STOR": store}) as server:
        error = failure(send, server.url("a/", USER), "x", MUCH)
    assert "/a/: could not store 'x': the server hung up, after " in str(error)
    assert f" of {len(MUCH)} bytes; the server says '552 Quota exceeded.'" in str(error)
    assert error.reply == "552 Quota exceeded."


def test_an_upload_that_the_server_stops_reading() -> None:
    with FakeFtp({"STOR": never_accepting}) as server:
        error = failure(send, server.url(), "x", MUCH * 4, timeout=SHORT)
    assert f"no progress within {SHORT:g} s, after " in str(error)


def test_what_a_server_says_on_the_data_connection_costs_no_data() -> None:
    def store(fake: FakeFtp, argument: str) -> None:
        conn = begin_data(fake, argument)
        conn.sendall(b"hello")
        time.sleep(0.2)  # a close with that unread would be a reset
        data = b""
        while chunk := conn.recv(65536):
            data += chunk
        fake.stored.append(data)
        fake.say("226 stored")

    with FakeFtp({"STOR": store, "SIZE": "550 no"}) as server:
        send(server.url(), "x", b"data")
    assert server.stored == [b"data"]


def test_an_upload_that_the_server_did_not_keep_whole() -> None:
    with FakeFtp({"SIZE": "213 3"}) as server:
        error = failure(send, server.url(), "x", b"data")
    assert "'x' has 3 bytes there, of 4 that were sent" in str(error)


def test_a_slow_transfer_that_goes_on_is_no_fault(here: Path) -> None:
    def drip(fake: FakeFtp, argument: str) -> None:
        conn = begin_data(fake, argument)
        for _ in range(24):
            conn.sendall(b"x")
            time.sleep(SHORT / 8)
        conn.close()
        fake.say("226 done")

    told: list[tuple[int, int | None]] = []
    with FakeFtp({"SIZE": "213 24", "RETR": drip}) as server:
        begun = time.monotonic()
        path = get(server.url("x"), here, timeout=SHORT, progress=lambda *args: told.append(args))
        seconds = time.monotonic() - begun
    assert path.read_bytes() == b"x" * 24
    assert seconds > SHORT * 2
    assert 2 <= len(told) <= 4 * seconds + 2
    assert told[-1] == (24, 24)


class Stop(OSError):
    """What a script raises, which must not pass for the network's."""


def stop(done: int, total: int | None) -> None:
    raise Stop


def test_what_progress_raises_ends_a_download(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "_PROGRESS_INTERVAL", 0.0)
    with FakeFtp(content=MUCH) as server, pytest.raises(Stop):
        get(server.url("x"), here, progress=stop)
    assert list(here.iterdir()) == []


def test_what_progress_raises_ends_an_upload_without_passing_for_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transfer, "_PROGRESS_INTERVAL", 0.0)
    with FakeFtp() as server, pytest.raises(Stop):
        send(server.url(), "x", MUCH, progress=stop)
    assert server.stored == []


def test_an_answer_to_pasv_that_names_another_host_is_not_followed(here: Path) -> None:
    other = socket.socket()

    def passive(fake: FakeFtp, argument: str) -> None:
        fake.passive(named="127.0.0.2")
        other.bind(("127.0.0.2", fake._data.getsockname()[1]))
        other.listen()

    with other, FakeFtp({"PASV": passive}, content=b"data") as server:
        assert get(server.url("x"), here).read_bytes() == b"data"
        other.setblocking(False)
        with pytest.raises(BlockingIOError):
            other.accept()


@pytest.mark.parametrize(
    ("stage", "answer"),
    [
        ("greeting", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        ("greeting", b"\xff\xfe\x00\x1b[31m\r\n"),
        ("greeting", b"\r\n"),
        ("greeting", b"SSH-2.0-OpenSSH_9\r\n"),
        ("USER", b"what\r\n"),
        ("PASS", b"350 more\r\n"),
        ("CWD", b"350 more\r\n"),
        ("PASV", b"227 nonsense\r\n"),
        ("PASV", b"227 (1,2,3,4,999,999)\r\n"),
        ("PASV", b"200 ok\r\n"),
        ("RETR", b"250 ok\r\n350 more\r\n"),
        ("RETR", b"\r\n"),
    ],
)
def test_garbage(stage: str, answer: bytes, here: Path) -> None:
    with FakeFtp({stage: answer}) as server:
        error = failure(get, server.url("a/x", USER), here)
    assert str(error).isprintable()
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("answer", [b"229 (|||x|)\r\n", b"229 ()\r\n", b"229 |||5|\r\n"])
def test_garbage_over_ipv6(answer: bytes, here: Path) -> None:
    try:
        server = FakeFtp({"EPSV": answer}, host="::1")
    except OSError:
        pytest.skip("there is no IPv6 here")
    with server:
        error = failure(get, server.url("x"), here)
    assert "could not agree on a data connection" in str(error)


def test_a_long_answer_of_many_lines_is_shown_in_one_and_cut(here: Path) -> None:
    answer = "550-no\r\n" + "still no\r\n" * 100 + "550 no more"
    with FakeFtp({"CWD": answer}) as server:
        error = failure(get, server.url("a/x"), here)
    assert "the server says '550-no still no still no " in str(error)
    assert len(str(error)) < 400


def test_octets_that_are_not_utf8_go_out_as_they_are(here: Path) -> None:
    with FakeFtp(content=b"x") as server:
        assert get(server.url("%E4/b%FCcher.bin", "u:%F6"), here).name == "b_cher.bin"
    for command in ("PASS \udcf6", "CWD \udce4", "RETR b\udcfccher.bin"):
        assert command in server.commands


def test_folders_are_entered_one_by_one_from_where_the_user_is(here: Path) -> None:
    with FakeFtp(content=b"x") as server:
        get(server.url("a/b%20c/x"), here)
        get(server.url("/etc/x"), here)
    assert [line for line in server.commands if line.startswith("CWD")] == [
        "CWD a",
        "CWD b c",
        "CWD /",
        "CWD etc",
    ]


@pytest.mark.parametrize(
    ("name", "local"),
    [
        ("fw.tar.gz", "fw.tar.gz"),
        (".bashrc", "bashrc"),
        ("-rf", "rf"),
        ("...", "file"),
        ("a:b*c?.bin", "a_b_c_.bin"),
        ("ä\u2028\u202ex", "ä__x"),
        ("x" * 300 + ".bin", "x" * 150 + ".bin"),
        ("ä" * 300, "ä" * 75),
        ("x." + "y" * 300, "x." + "y" * 19),
    ],
)
def test_the_name_of_a_downloaded_file_is_harmless(name: str, local: str, here: Path) -> None:
    with FakeFtp(content=b"x") as server:
        paths = [get(server.url(quote(name)), here) for _ in range(2)]
    assert paths[0] == here / local
    assert {path.parent for path in paths} == {here}
    assert paths[0] != paths[1]


def test_a_symlink_is_not_written_through(here: Path, tmp_path: Path) -> None:
    (here / "x").symlink_to(tmp_path / "elsewhere")
    with FakeFtp(content=b"x") as server:
        assert get(server.url("x"), here) == here / "x-2"
    assert not (tmp_path / "elsewhere").exists()


# --- the password --------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["PASS", "CWD", "TYPE", "PASV", "RETR"])
@pytest.mark.parametrize("form", ["{}", "a{}b", "no\r\n550 {}", "{} {}"])
def test_a_server_that_tells_the_password_is_not_quoted(
    stage: str, form: str, here: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    separator = "-" if "\r\n" in form else " "
    answer = f"550{separator}{form.replace('{}', SECRET)}"
    with FakeFtp({stage: answer}) as server:
        error = failure(get, server.url("a/x", USER), here)
    assert "550" in str(error)
    assert "***" in str(error)
    assert SECRET not in caplog.text
    assert quote(SECRET, safe="") not in caplog.text
    assert "> PASS ***" in caplog.text


def test_nor_in_an_answer_that_makes_no_sense(here: Path) -> None:
    answers: dict[str, Answer] = {"EPSV": f"229 (|||{SECRET}|)", "PASV": f"227 {SECRET}"}
    with FakeFtp(answers) as server:
        failure(get, server.url("x", USER), here)
    with contextlib.suppress(OSError), FakeFtp(answers, host="::1") as server:
        failure(get, server.url("x", USER), here)


def test_nor_in_other_letters(here: Path) -> None:
    with FakeFtp({"PASS": "530 bad password GEHEIM"}) as server:
        error = failure(get, server.url("x", "u:Geheim"), here)
    assert "530 bad password ***'" in str(error)


def test_of_a_short_password_not_even_the_place_is_told(here: Path) -> None:
    with FakeFtp({"PASS": "530 wrong"}) as server:
        error = failure(get, server.url("x", "u:ro"), here)
    assert "the server says '***'" in str(error)


def test_a_user_that_is_the_password_too_is_not_told(here: Path) -> None:
    with FakeFtp({"PASS": "530 no"}) as server:
        assert "geheim" not in str(failure(get, server.url("x", "geheim:geheim"), here))


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12))
def test_no_password_is_quoted(text: str) -> None:
    password = f"\N{SNOWMAN}{text}\N{SNOWMAN}"
    with FakeFtp({"PASS": "530 wrong login {arg}?"}) as server:
        url = server.url("x", f"u:{quote(password, safe='')}")
        with pytest.raises(TransferError) as caught:
            get(url, Path())
    assert f"PASS {password}" in server.commands
    assert "\N{SNOWMAN}" not in whole_text(caught.value)


# --- arguments -----------------------------------------------------------------------------------


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_a_time_out_is_above_0(timeout: float, here: Path) -> None:
    with FakeFtp() as server, pytest.raises(ValueError, match="above 0"):
        get(server.url("x"), here, timeout=timeout)


def test_a_time_out_may_be_endless(here: Path) -> None:
    with FakeFtp(content=b"x") as server:
        assert get(server.url("x"), here, timeout=float("inf")).read_bytes() == b"x"
