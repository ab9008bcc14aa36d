"""The log: one line a thing, no passwords."""

from __future__ import annotations

import base64
import logging
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from ocppsim.csms import CentralSystem
from ocppsim.csms.lines import payload_line, text_line


def test_lines(csms: Any, cp: Any, background: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    cp.ask("Authorize", {"idTag": "A"})
    call = background(csms.call, "CP1", "Reset", {"type": "Soft"})
    cp.send([3, cp.recv()[1], {"status": "Accepted"}])
    call.result()
    call = background(csms.call, "CP1", "ClearCache")
    cp.send([4, cp.recv()[1], "NotSupported", "", {}])
    with pytest.raises(Exception, match="NotSupported"):
        call.result()
    cp.ask("Nonsense\n\x1b[31m")
    csms.answer("Heartbeat", lambda name, payload: None)
    cp.send([2, "h", "Heartbeat", {}])
    csms.wait_for("Heartbeat")
    csms.send_raw("CP1", "what\n")
    csms.stop()
    lines = [(r.levelname, r.getMessage()) for r in caplog.records if r.name == "ocppsim.csms"]
    for line in [
        ("INFO", 'CP1 → Authorize {"idTag":"A"}'),
        ("DEBUG", 'CP1 ← answer to Authorize {"idTagInfo":{"status":"Accepted"}}'),
        ("INFO", 'CP1 ← Reset {"type":"Soft"}'),
        ("DEBUG", 'CP1 → answer to Reset {"status":"Accepted"}'),
        ("DEBUG", "CP1 → CALLERROR to ClearCache: NotSupported"),
        ("INFO", "CP1 → Nonsense\\n\\x1b[31m {}"),
        ("DEBUG", "CP1 ← no answer to Heartbeat"),
        ("INFO", "CP1 ← raw what\\n"),
        ("INFO", "CP1 disconnected: 1001 the central system stops"),
    ]:
        assert line in lines
    assert any(level == "WARNING" and "NotImplemented" not in line for level, line in lines)
    assert all(line.isprintable() for _, line in lines)


def test_passwords_stay_out(client: Any, caplog: pytest.LogCaptureFixture, background: Any) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("websockets").setLevel(logging.DEBUG)
    right = base64.b64encode(b"CP1:hush-hush").decode()
    wrong = base64.b64encode(b"CP1:psst-psst").decode()
    with CentralSystem(passwords={"CP1": "hush-hush"}) as csms:
        # the client here logs what it sends: not this one
        options = {"logger": logging.getLogger("silent")}
        logging.getLogger("silent").setLevel(logging.CRITICAL)
        with pytest.raises(InvalidStatus):
            client(csms, additional_headers={"Authorization": f"Basic {wrong}"}, **options)
        cp = client(csms, additional_headers={"Authorization": f"Basic {right}"}, **options)
        key = {"key": "AuthorizationKey", "value": "hush-hush"}
        call = background(csms.call, "CP1", "ChangeConfiguration", key)
        cp.send([3, cp.recv()[1], {"status": "Accepted"}])
        call.result()
        csms.send_raw("CP1", '[2, "x", {"value" : "hush-hush", "key": "AuthorizationKey"}')
        where = {"location": "ftp://me:hush-hush@host/x"}
        call = background(csms.call, "CP1", "GetDiagnostics", where)
        assert "hush-hush" in cp.socket.recv(timeout=5)
        cp.send([3, cp.recv()[1], {}])
        call.result()
    for secret in ("hush-hush", "psst", right, wrong):
        assert secret not in caplog.text
    assert "wrong password" in caplog.text
    assert 'ChangeConfiguration {"key":"AuthorizationKey","value":"***"}' in caplog.text
    assert "ftp://***@host/x" in caplog.text


@pytest.mark.parametrize(
    ("payload", "line"),
    [
        ({}, "{}"),
        ({"ü": "ü"}, '{"ü":"ü"}'),
        ({"value": 'a"b', "key": "authorizationkey"}, None),
        ({"a": [{"key": "AuthorizationKey", "readonly": False, "value": "S"}]}, None),
        ({"location": "ftps://u:S@S@host"}, '{"location":"ftps://***@host"}'),
        ({"location": "ftp://host:21/a@b"}, '{"location":"ftp://host:21/a@b"}'),
        (object, "<class 'object'>"),
    ],
)
def test_payload_lines(payload: Any, line: str | None) -> None:
    got = payload_line(payload)
    if line is not None:
        assert got == line
    else:
        assert '"***"' in got
        assert "S" not in got.replace("AuthorizationKey", "")
        assert "a\\" not in got


def test_long_lines_are_cut() -> None:
    assert text_line("x" * 5000) == "x" * 1000 + "... (5000 characters)"
    assert text_line(b"\x00\xff") == "2 bytes: 00 ff"
    assert text_line(b"a" * 50).endswith(" ...")
