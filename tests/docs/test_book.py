"""The pages are true: each is done as it says, from top to bottom."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from docs.book import Book, blocks
from ftp_server import RealFtp

from ocppsim import ConnectError, connect
from ocppsim.csms import CentralSystem
from ocppsim.v16.chargepoint import ChargePoint16

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [
    DOCS / "index.md",
    DOCS / "tutorial.md",
    DOCS / "ocpp-in-ten-minutes.md",
    DOCS / "from-the-javascript-simulator.md",
    *sorted((DOCS / "how-to").glob("*.md")),
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_does_what_it_says(page: Path, tmp_path: Path) -> None:
    with Book(tmp_path) as book:
        book.read(page)


@pytest.mark.parametrize("name", ["command-line.md", "trace.md"])
def test_the_commands_of_a_page_run(name: str, tmp_path: Path) -> None:
    (tmp_path / "docs").symlink_to(DOCS)
    with Book(tmp_path) as book:
        for block in blocks(DOCS / name):
            if block.language == "sh" and "SCRIPT" not in block.text:
                book.type(block.text, f"{name}, line {block.line}")


# --- tables --------------------------------------------------------------------------------------


def cells(name: str, column: int) -> Iterator[str]:
    for row in re.findall(r"^\|(.*)\|$", (DOCS / name).read_text(), re.M):
        yield row.split(" | ")[column].strip()


def test_what_replaces_javascript_is_there() -> None:
    names = {
        name
        for cell in cells("from-the-javascript-simulator.md", -1)
        for name in re.findall(r"\bcp\.(\w+)", cell)
    }
    assert len(names) > 20
    for name in names - {"vars"}:
        assert callable(getattr(ChargePoint16, name))


def test_each_way_to_upload_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("local.txt").write_text("from here")
    Path("server").mkdir()
    lines = [cell.strip("`") for cell in cells("how-to/ftp.md", -1) if "cp." in cell]
    assert len(lines) == 3
    with RealFtp(Path("server"), users={"CP1": "secret"}) as ftp, connect() as cp:
        cp.send_heartbeat()
        location = f"ftp://CP1:secret@{ftp.host}:{ftp.port}/"
        kept = []
        for line in lines:
            exec(line, {"cp": cp, "location": location, "Path": Path})
            (file,) = Path("server").iterdir()
            kept.append(file.read_text())
            file.unlink()
    assert kept[:2] == ["all is well\n", "from here"]
    assert '"action":"Heartbeat"' in kept[2]


AUTHORITY = trustme.CA()


@contextmanager
def secure_csms(
    certificate: trustme.LeafCert | None = None, *, mutual: bool = False
) -> Iterator[CentralSystem]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (certificate or AUTHORITY.issue_cert("localhost")).configure_cert(context)
    if mutual:
        AUTHORITY.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    with CentralSystem("localhost", ssl_context=context) as csms:
        yield csms


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


def refusals() -> Iterator[str]:
    """What a user sees, one by one, in the order of the table."""

    def refused(url: str, **options: object) -> str:
        with pytest.raises(ConnectError) as caught:
            connect(url, **options)  # type: ignore[arg-type]
        return str(caught.value).removeprefix(f"{url}: ")

    with secure_csms(itself()) as csms:
        yield refused(f"{csms.url}/CP1")
    with secure_csms() as csms:
        yield refused(f"{csms.url}/CP1")
        by_number = csms.url.replace("localhost", "127.0.0.1")
        yield refused(f"{by_number}/CP1", ssl_context=trusting())
        plain = csms.url.replace("wss", "ws")
        in_the_clear = refused(f"{plain}/CP1")
    past = datetime(2020, 1, 1, tzinfo=UTC)
    with secure_csms(AUTHORITY.issue_cert("localhost", not_after=past, not_before=past)) as csms:
        yield refused(f"{csms.url}/CP1", ssl_context=trusting())
    with CentralSystem("localhost") as csms:
        yield refused(f"{csms.url.replace('ws', 'wss')}/CP1")
    yield in_the_clear
    with secure_csms(mutual=True) as csms:
        yield refused(f"{csms.url}/CP1", ssl_context=trusting())
    with CentralSystem("localhost", passwords={"CP1": "right"}) as csms:
        yield refused(f"{csms.url}/CP1")
        yield refused(f"{csms.url}/CP1", password="wrong")


def itself() -> trustme.LeafCert:
    """A certificate that nobody but itself vouches for."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return trustme.LeafCert(private, certificate.public_bytes(pem), [])


def test_the_refusals_read_as_the_page_says() -> None:
    table = (DOCS / "how-to" / "tls.md").read_text().partition("## What you see")[2]
    texts = re.findall(r"^\| `(.*?)` \|", table, re.M)
    seen = [re.sub(r":\d{4,5}\b", ":9000", text) for text in refusals()]
    assert len(texts) == len(seen)
    for text, real in zip(texts, seen, strict=True):
        assert text in real
