"""Security profiles by the dialog that connects, and the certificates in the workbench."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import certificates_of_tests as certificates
import pytest
from playwright.sync_api import expect
from server.client import Client

from ocppsim.csms import CentralSystem

NAME = "SECURE1"


@pytest.fixture
def csms() -> Iterator[CentralSystem]:
    """Wants a client certificate."""
    context = certificates.serving(clients=(certificates.AUTHORITY,))
    with CentralSystem(ssl_context=context) as csms:
        yield csms


@pytest.fixture
def secure(
    visit: Callable[..., Any], client: Client, csms: CentralSystem, tmp_path: Path
) -> Iterator[Any]:
    """The page, with a charge point of profile 3 that was connected by the dialog."""
    files = certificates.written(tmp_path, certificates.pair(NAME))
    ca = tmp_path / "ca.pem"
    certificates.AUTHORITY.cert_pem.write_to_path(ca)
    page = visit()
    page.get_by_role("button", name="Connect another charge point").click()
    dialog = page.get_by_role("dialog", name="Connect a charge point")
    dialog.get_by_label("URL of the CSMS").fill(csms.url)
    dialog.get_by_label("Name (identity)").fill(NAME)
    dialog.get_by_text("Security", exact=True).click()
    dialog.get_by_label("Security profile").select_option("3")
    dialog.get_by_label("CA certificate").fill(str(ca))
    dialog.get_by_label("Client certificate").fill(str(files["cert"]))
    dialog.get_by_label("Its key").fill(str(files["key"]))
    dialog.get_by_role("button", name="Connect", exact=True).click()
    expect(dialog).to_be_hidden()
    yield page
    page.close()
    client.delete(f"/cp/{NAME}")


def test_profile_3_and_its_certificates(secure: Any, csms: CentralSystem) -> None:
    expect(secure.locator("#facts")).to_contain_text("3 · TLS, certificates")
    expect(secure.locator("#facts")).to_contain_text(f"{csms.url}/{NAME}")
    secure.get_by_role("tab", name="Certificates").click()
    security = secure.get_by_role("region", name="Security")
    expect(security).to_contain_text("3: TLS with certificates")
    expect(security).to_contain_text("TLS_")
    own = secure.get_by_role("region", name=f"Certificate of {NAME}")
    expect(own).to_contain_text("Its own")
    expect(own).to_contain_text("years left")
    own.get_by_text("Details").click()
    expect(own).to_contain_text(f"CN={NAME}")
    with secure.expect_download() as download:
        own.get_by_role("button", name="Save PEM").click()
    assert download.value.suggested_filename == f"{NAME}.pem"
    text = Path(download.value.path()).read_text()
    assert text.startswith("-----BEGIN CERTIFICATE-----")
    assert "PRIVATE" not in text
    expect(secure.locator("#workbench")).to_contain_text("Test authority")
    expect(secure.locator("#workbench")).not_to_contain_text("PRIVATE")


def test_profile_1_sends_the_password(visit: Callable[..., Any], client: Client) -> None:
    page = visit()
    with CentralSystem(passwords={NAME: "correct horse battery"}) as csms:
        page.get_by_role("button", name="Connect another charge point").click()
        dialog = page.get_by_role("dialog", name="Connect a charge point")
        dialog.get_by_label("URL of the CSMS").fill(csms.url)
        dialog.get_by_label("Name (identity)").fill(NAME)
        dialog.get_by_text("Security", exact=True).click()
        dialog.get_by_label("Security profile").select_option("1")
        dialog.get_by_label("Password").fill("correct horse battery")
        dialog.get_by_role("button", name="Connect", exact=True).click()
        expect(dialog).to_be_hidden()
        expect(page.locator("#facts")).to_contain_text("1 · password")
        assert csms.charge_points == [NAME]
        assert "horse" not in page.content()
        page.close()
        client.delete(f"/cp/{NAME}")
