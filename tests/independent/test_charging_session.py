"""The charging session of the examples, in a process of its own, against a central system that
shares no code with ours, and against ours."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command import ROOT, environment, python
from ftp_server import RealFtp

from ocppsim.csms import CentralSystem

EXAMPLE = ROOT / "docs" / "examples" / "charging_session.py"
TAG = "04E8C2A21F6D80"

pytest.importorskip("ocpp")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """What an FTP server serves, and its URL."""
    folder = tmp_path_factory.mktemp("ftp")
    (folder / "firmware.bin").write_bytes(b"new firmware")
    with RealFtp(folder, users={"cp": "s3cret"}) as server:
        yield folder, f"ftp://cp:s3cret@{server.host}:{server.port}"


@pytest.fixture(scope="module")
def report(files: tuple[Path, str]) -> dict[str, Any]:
    """What the independent central system tells after the session."""
    script = Path(__file__).with_name("central_system.py")
    with subprocess.Popen(
        [sys.executable, str(script), files[1]],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=environment(),
    ) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            ran = python(EXAMPLE, OCPPSIM_URL=f"ws://127.0.0.1:{port}/CP1")
            assert ran.returncode == 0, ran.stderr
            output, problems = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 0, problems
    return json.loads(output)  # type: ignore[no-any-return]


def calls(report: dict[str, Any], *actions: str) -> list[Any]:
    """Action and payload of the charge point's CALLs."""
    return [
        (frame[2], frame[3])
        for frame in report["received"]
        if frame[0] == 2 and (not actions or frame[2] in actions)
    ]


def status(connector: int, value: str) -> tuple[str, dict[str, Any]]:
    payload = {"connectorId": connector, "errorCode": "NoError", "status": value}
    return "StatusNotification", payload


def reading(energy: int) -> tuple[str, Any]:
    values = [
        {"value": str(energy), "measurand": "Energy.Active.Import.Register", "unit": "Wh"},
        {"value": "7360", "measurand": "Power.Active.Import", "unit": "W"},
    ]
    return "MeterValues", {
        "connectorId": 1,
        "transactionId": 4711,
        "meterValue": [{"timestamp": "now", "sampledValue": values}],
    }


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: "now" if name == "timestamp" else without_times(inner)
            for name, inner in value.items()
        }
    return [without_times(inner) for inner in value] if isinstance(value, list) else value


def test_it_finds_nothing_wrong(report: dict[str, Any]) -> None:
    assert report["wrong"] == []


def test_it_sees_a_charge_point_that_speaks_ocpp_1_6(report: dict[str, Any]) -> None:
    assert (report["name"], report["subprotocol"]) == ("CP1", "ocpp1.6")
    assert report["close_code"] == 1000


def test_it_gets_the_session_message_by_message(report: dict[str, Any]) -> None:
    aside = ("DiagnosticsStatusNotification", "FirmwareStatusNotification")
    session = [without_times(each) for each in map(list, calls(report)) if each[0] not in aside]
    assert session == [
        list(each)
        for each in [
            ("BootNotification", {"chargePointVendor": "ocppsim", "chargePointModel": "Demo"}),
            ("Heartbeat", {}),
            status(0, "Available"),
            status(1, "Available"),
            ("Authorize", {"idTag": TAG}),
            status(1, "Preparing"),
            (
                "StartTransaction",
                {"connectorId": 1, "idTag": TAG, "meterStart": 1000, "timestamp": "now"},
            ),
            status(1, "Charging"),
            reading(1800),
            reading(2600),
            (
                "StopTransaction",
                {
                    "transactionId": 4711,
                    "idTag": TAG,
                    "meterStop": 2600,
                    "timestamp": "now",
                    "reason": "Local",
                },
            ),
            status(1, "Finishing"),
            status(1, "Available"),
        ]
    ]


def test_its_own_requests_are_answered(report: dict[str, Any]) -> None:
    assert report["answers"] == {
        "GetDiagnostics": {"file_name": "diagnostics.txt"},
        "UpdateFirmware": {},
        "Reset": {"status": "Accepted"},
    }
    answers = [frame for frame in report["received"] if frame[0] != 2]
    assert [frame[0] for frame in answers] == [3, 3, 3]


@pytest.mark.parametrize(
    ("action", "statuses"),
    [
        ("DiagnosticsStatusNotification", ["Uploading", "Uploaded"]),
        (
            "FirmwareStatusNotification",
            ["Downloading", "Downloaded", "Installing", "Installed"],
        ),
    ],
)
def test_it_is_told_how_its_requests_go_on(
    report: dict[str, Any], action: str, statuses: list[str]
) -> None:
    assert calls(report, action) == [(action, {"status": each}) for each in statuses]


def test_the_diagnostics_are_on_the_ftp_server(
    report: dict[str, Any], files: tuple[Path, str]
) -> None:
    lines = (files[0] / "diagnostics.txt").read_text().splitlines()
    assert json.loads(lines[0])["action"] == "BootNotification"


def test_no_unique_id_comes_twice(report: dict[str, Any]) -> None:
    ids = [frame[1] for frame in report["received"] if frame[0] == 2]
    assert len(ids) == len(set(ids))
    assert {len(unique_id) for unique_id in ids} == {36}


def test_our_own_central_system_gets_the_same() -> None:
    with CentralSystem() as csms:
        ran = python(EXAMPLE, OCPPSIM_URL=f"{csms.url}/CP1")
        assert ran.returncode == 0, ran.stderr
        assert csms.violations == []
        assert [request.action for request in csms.received()] == [
            "BootNotification",
            "Heartbeat",
            "StatusNotification",
            "StatusNotification",
            "Authorize",
            "StatusNotification",
            "StartTransaction",
            "StatusNotification",
            "MeterValues",
            "MeterValues",
            "StopTransaction",
            "StatusNotification",
            "StatusNotification",
        ]


def test_without_a_url_it_runs_against_an_embedded_central_system() -> None:
    ran = python(EXAMPLE)
    assert ran.returncode == 0, ran.stderr
