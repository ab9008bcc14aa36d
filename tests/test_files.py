"""Files of a charge point: its message log uploaded, a download in a folder of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from ftp_server import RealFtp

from ocppsim import ChargePoint, Plugins, TransferError, WouldDeadlock, connect
from ocppsim.csms import CentralSystem

USERS = {"cp": "s3cret"}


@pytest.fixture
def cp() -> Iterator[ChargePoint]:
    with CentralSystem() as csms, connect(f"{csms.url}/CP1", plugins=Plugins()) as cp:
        yield cp


def test_without_data_the_message_log_is_uploaded(cp: ChargePoint, tmp_path: Path) -> None:
    cp.call("Heartbeat")
    with RealFtp(tmp_path, users=USERS) as server:
        cp.ftp_upload(f"ftp://cp:s3cret@{server.host}:{server.port}/", "log.jsonl")
    first, second = map(json.loads, (tmp_path / "log.jsonl").read_text().splitlines())
    assert (first["direction"], first["action"]) == ("sent", "Heartbeat")
    assert (second["direction"], second["type"]) == ("received", "CALLRESULT")


def test_the_message_log_has_no_secrets(cp: ChargePoint, tmp_path: Path) -> None:
    secret = "0123456789abcdef"
    cp.send_raw(f'[2,"1","ChangeConfiguration",{{"key":"AuthorizationKey","value":"{secret}"}}]')
    with RealFtp(tmp_path, users=USERS) as server:
        cp.ftp_upload(f"ftp://cp:s3cret@{server.host}:{server.port}/", "log.jsonl")
    assert "AuthorizationKey" in (tmp_path / "log.jsonl").read_text()
    assert secret not in (tmp_path / "log.jsonl").read_text()


def test_data_of_the_script_is_uploaded(cp: ChargePoint, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    with RealFtp(tmp_path, users=USERS) as server:
        cp.ftp_upload(
            f"ftp://cp:s3cret@{server.host}:{server.port}/",
            "a.bin",
            b"\x00\x01",
            progress=lambda done, total: seen.append((done, total)),
        )
    assert (tmp_path / "a.bin").read_bytes() == b"\x00\x01"
    assert seen[-1] == (2, 2)


def test_a_download_lies_there_until_the_charge_point_is_closed(
    cp: ChargePoint, tmp_path: Path
) -> None:
    (tmp_path / "firmware.bin").write_bytes(b"new")
    with RealFtp(tmp_path) as server:
        url = f"ftp://{server.host}:{server.port}/firmware.bin"
        first, second = cp.ftp_download(url), cp.ftp_download(url)
    assert first.read_bytes() == second.read_bytes() == b"new"
    assert first.parent == second.parent != tmp_path
    assert first != second
    cp.close()
    assert not first.parent.exists()


def test_two_charge_points_have_a_folder_each(cp: ChargePoint, tmp_path: Path) -> None:
    (tmp_path / "firmware.bin").write_bytes(b"new")
    with RealFtp(tmp_path) as server, connect(name="CP2", plugins=Plugins()) as other:
        url = f"ftp://{server.host}:{server.port}/firmware.bin"
        assert cp.ftp_download(url).parent != other.ftp_download(url).parent


def test_a_failure_is_a_transfer_error_without_the_password(
    cp: ChargePoint, tmp_path: Path
) -> None:
    with RealFtp(tmp_path, users=USERS) as server:
        for transfer in (
            lambda: cp.ftp_upload(f"ftp://cp:wr0ng@{server.host}:{server.port}/", "a", b""),
            lambda: cp.ftp_download(f"ftp://cp:wr0ng@{server.host}:{server.port}/a"),
        ):
            with pytest.raises(TransferError) as caught:
                transfer()
            assert "wr0ng" not in str(caught.value)


def test_an_observer_must_not_transfer(cp: ChargePoint) -> None:
    caught: list[BaseException] = []

    def observe(_: object) -> None:
        for transfer in (
            lambda: cp.ftp_upload("ftp://127.0.0.1:1/", "a", b""),
            lambda: cp.ftp_download("ftp://127.0.0.1:1/a"),
        ):
            with pytest.raises(WouldDeadlock) as error:
                transfer()
            caught.append(error.value)

    cp.trace.observers.append(observe)
    cp.call("Heartbeat")
    assert len(caught) == 4
