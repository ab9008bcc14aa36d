"""Charge points over HTTP: made, connected, disconnected, removed."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import re
import threading
import time
from collections.abc import Callable
from typing import Any

from server.client import PATIENCE, Answer, Client

from ocppsim.csms import CentralSystem


def test_one_is_made_and_connected(client: Client, csms: CentralSystem) -> None:
    made = client.post("/cp", {"name": "one", "url": csms.url})
    assert made.status == 201
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT[\d:.]+Z", made.json["since"])
    assert made.json == {
        "name": "one",
        "url": f"{csms.url}/one",
        "version": "1.6",
        "connected": True,
        "since": made.json["since"],
        "reconnecting": False,
        "security_profile": 0,
        "subprotocol": "ocpp1.6",
        "busy": False,
        "station": False,
        "connectors": {},
        "heartbeat": None,
        "meter_values": None,
        "messages": 0,
        "violations": 0,
        "queue": 0,
    }
    assert csms.charge_points == ["one"]
    assert client.get("/cp/one").json == made.json
    assert made.json in client.get("/cp").json["chargePoints"]
    assert made.json in client.get("/admin").json["chargePoints"]
    again = client.post("/cp", {"name": "one", "url": csms.url})
    assert (again.status, again.error["what"]) == (409, "there is a charge point one already")
    assert client.delete("/cp/one").json == {"name": "one"}
    assert client.get("/cp/one").status == 404
    assert client.delete("/cp/one").status == 404


def test_one_that_cannot_connect_is_not_kept(client: Client) -> None:
    made = client.post("/cp", {"name": "lost", "url": "ws://127.0.0.1:1/"})
    assert made.status == 424
    assert "nothing listens at 127.0.0.1:1" in made.error["what"]
    assert made.error["kind"] == "ConnectError"
    assert client.get("/cp/lost").status == 404


def test_one_that_is_connected_later(client: Client, make: Callable[..., str]) -> None:
    name = make(connect=False, ping_interval=30)
    assert client.get(f"/cp/{name}").json["connected"] is False
    assert client.get(f"/cp/{name}").json["since"] is None
    call = client.post(f"/cp/{name}/call/Heartbeat")
    assert (call.status, call.error["where"]) == (409, "connection")
    assert client.post(f"/cp/{name}/connect").json["connected"] is True
    assert client.post(f"/cp/{name}/connect", {}).json["connected"] is True
    interval = client.get(f"/cp/{name}/configuration/WebSocketPingInterval")
    assert interval.json["value"] == 30


def test_disconnected_and_connected_again(client: Client, csms: CentralSystem, name: str) -> None:
    for body in ({}, {"how": "abort"}, {"how": "reset"}, {"code": 4000, "reason": "done"}):
        gone = client.post(f"/cp/{name}/disconnect", body)
        assert (gone.status, gone.json["connected"]) == (200, False)
        assert client.post(f"/cp/{name}/connect").json["connected"] is True
    refused = client.post(f"/cp/{name}/disconnect", {"how": "abort", "code": 1000})
    assert (refused.status, refused.error["where"]) == (422, "body: $.how")
    assert client.post(f"/cp/{name}/disconnect", {"code": 999}).status == 422


def test_whether_it_tries_to_connect_by_itself(client: Client, make: Callable[..., str]) -> None:
    with CentralSystem() as csms:
        name = make(url=csms.url, reconnect=True)
        assert client.get(f"/cp/{name}").json["reconnecting"] is False
    gone = until(lambda: client.get(f"/cp/{name}").json, lambda one: not one["connected"])
    assert (gone["reconnecting"], gone["since"]) == (True, None)
    client.post(f"/cp/{name}/disconnect")
    assert client.get(f"/cp/{name}").json["reconnecting"] is False


def until(look: Callable[[], Any], enough: Callable[[Any], bool]) -> Any:
    """What is seen when it is enough."""
    deadline = time.monotonic() + PATIENCE
    while not enough(seen := look()):
        assert time.monotonic() < deadline, seen
        time.sleep(0.01)
    return seen


def test_it_is_told_that_one_comes_and_goes(client: Client, csms: CentralSystem) -> None:
    states = []
    with contextlib.closing(http.client.HTTPConnection(client.host, client.port)) as connection:
        connection.request("GET", "/cp/passer-by/events")
        stream = connection.getresponse()
        made = client.post("/cp", {"name": "passer-by", "url": csms.url})
        assert made.status == 201
        assert client.post("/cp/passer-by/station", {"speed": 100}).status == 201
        client.post("/cp/passer-by/disconnect")
        assert client.delete("/cp/passer-by").status == 200
        while "removed" not in (states[-1] if states else {}):
            line = stream.readline().decode()
            if line.startswith("data: ") and '"type"' not in line:
                states.append(json.loads(line.removeprefix("data: ")))
    found = [{k: v for k, v in one.items() if k not in ("time", "chargePoint")} for one in states]
    order = [
        {"created": True},
        {"connected": True},
        {"station": True},
        {"connectorId": 0, "status": "Available"},
        {"station": False},
        {"removed": True},
    ]
    assert [one for one in found if one in order] == order


def test_what_it_connects_with_can_be_changed(client: Client, name: str) -> None:
    with CentralSystem(passwords={name: "secret"}) as other:
        refused = client.post(f"/cp/{name}/connect", {"url": other.url})
        assert refused.status == 424
        # all stays as it was
        assert client.post(f"/cp/{name}/connect").json["url"].startswith("ws://127.0.0.1:")
        moved = client.post(f"/cp/{name}/connect", {"url": other.url, "password": "secret"})
        assert moved.status == 200, moved.text
        assert moved.json["url"] == f"{other.url}/{name}"
        assert moved.json["security_profile"] == 1
        assert "secret" not in client.get(f"/cp/{name}").text
        assert other.charge_points == [name]


def test_a_password_is_shown_nowhere(client: Client) -> None:
    password = "correct horse"
    with CentralSystem(passwords={"pw": password}) as csms:
        url = csms.url.replace("ws://", "ws://pw:correct%20horse@")
        for body in ({"url": url}, {"url": csms.url, "password": password}):
            made = client.post("/cp", {"name": "pw", **body})
            assert made.status == 201, made.text
            texts = [made.text, client.get("/cp").text, client.get("/admin").text]
            assert client.delete("/cp/pw").status == 200
            assert not any("correct" in text for text in texts)
            wrong = client.post("/cp", {"name": "pw", "url": csms.url, "password": "incorrect"})
            assert wrong.status == 424
            assert "incorrect" not in wrong.text


def test_a_wrong_name_or_option_is_named(client: Client) -> None:
    for body, where in (
        ({"name": ""}, "body: $.name"),
        ({"name": "a/b"}, "body: $.name"),
        ({"name": ".."}, "body: $.name"),
        ({"name": "x" * 49}, "body: $.name"),
        ({}, "body: $"),
        ([], "body: $"),
        ({"name": "x", "nonsense": 1}, "body: $"),
        ({"name": "x", "url": "http://localhost/"}, "body: $.url"),
        ({"name": "x", "trace_size": 10**9}, "body: $.trace_size"),
        ({"name": "x", "url": "wss://127.0.0.1:1", "ca": "/no/such/file"}, "POST /cp"),
    ):
        answer = client.post("/cp", body)
        assert (answer.status, answer.error["where"]) == (422, where), (body, answer.text)
    assert client.get("/cp/x").status == 404


def test_a_call_and_its_answer(client: Client, csms: CentralSystem, name: str) -> None:
    boot = {"chargePointVendor": "v", "chargePointModel": "m"}
    answer = client.post(f"/cp/{name}/call/BootNotification", boot)
    assert (answer.status, answer.json["status"]) == (200, "Accepted")
    assert csms.wait_for("BootNotification").payload == boot
    assert "currentTime" in client.post(f"/cp/{name}/call/Heartbeat").json
    tagged = client.post(f"/cp/{name}/call/Heartbeat?unique_id=my-id&timeout=5")
    assert tagged.status == 200
    last = client.get(f"/cp/{name}/messages?action=Heartbeat&type=CALL").json["messages"][-1]
    assert last["uniqueId"] == "my-id"


def test_a_call_that_goes_wrong(client: Client, csms: CentralSystem, name: str) -> None:
    wrong = client.post(f"/cp/{name}/call/BootNotification", {"chargePointVendor": 1})
    assert (wrong.status, wrong.error["kind"]) == (422, "InvalidPayload")
    assert {"$.chargePointVendor"} <= {fault["path"] for fault in wrong.error["faults"]}
    sent = client.post(f"/cp/{name}/call/Nonsense?validate=false", {"a": 1})
    assert (sent.status, sent.error["errorCode"]) == (424, "NotImplemented")
    assert sent.error["where"] == "CSMS"
    csms.answer("Heartbeat", lambda request: {"currentTime": "yesterday"})
    broken = client.post(f"/cp/{name}/call/Heartbeat")
    assert (broken.status, broken.error["where"]) == (424, "CSMS")


def test_a_call_without_an_answer(client: Client, csms: CentralSystem, name: str) -> None:
    csms.send_raw(name, "[]")  # it is connected
    slow = client.post(f"/cp/{name}/raw", {"text": '[2,"1","Heartbeat",{}]'})
    assert (slow.status, list(slow.json)) == (200, ["number"])
    assert client.post(f"/cp/{name}/call/Heartbeat?timeout=0.000001").status in (200, 424)
    assert client.post(f"/cp/{name}/call/Heartbeat?timeout=0").status == 400
    assert client.post(f"/cp/{name}/call/Heartbeat?timeout=soon").status == 400


def test_anything_at_all_is_sent(client: Client, csms: CentralSystem, name: str) -> None:
    data = base64.b64encode(b"\x00\x01").decode()
    for body in (
        {"text": '[2,"raw","Heartbeat",{}]', "fragments": 3},
        {"text": "no JSON"},
        {"base64": data},
    ):
        assert client.post(f"/cp/{name}/raw", body).status == 200
    sent = client.get(f"/cp/{name}/messages?direction=sent").json["messages"]
    assert sent[0]["uniqueId"] == "raw"
    assert sent[1]["text"] == "no JSON"
    assert sent[2]["base64"] == data
    for body in ({}, {"text": "a", "base64": "AA=="}, {"base64": "A"}, {"text": 1}):
        assert client.post(f"/cp/{name}/raw", body).status == 422


def test_a_script_and_what_lives_on(client: Client, csms: CentralSystem, name: str) -> None:
    def run(script: str | bytes) -> Answer:
        return client.post(f"/cp/{name}", script, media="text/x-python")

    done = run("cp.vars.count = 1\ncp.send_heartbeat()\nprint('sent')\n")
    assert done.status == 200, done.text
    assert done.json == {"ok": True, "text": "", "output": "sent\n"}
    assert run("cp.vars.count += 1; print(cp.vars.count, cp.name)").json["output"] == f"2 {name}\n"
    failed = run("\nprint('before')\n1 / 0\n")
    assert failed.status == 422
    assert failed.error["what"] == "ZeroDivisionError: division by zero"
    assert failed.error["where"] == "script"
    assert (failed.json["ok"], failed.json["output"]) == (False, "before\n")
    assert "line 3" in failed.json["text"]
    assert run("def").error["what"].startswith("SyntaxError")
    assert run("raise SystemExit(3)").status == 422
    assert run("raise SystemExit").status == 200
    assert client.get(f"/cp/{name}").json["busy"] is False
    assert run(b"\xff").status == 400


def test_a_script_makes_its_charge_point(client: Client, csms: CentralSystem) -> None:
    script = f"cp = connect({csms.url!r})\nprint(cp.name)\n"
    try:
        done = client.post("/cp/fresh", script, media="text/x-python")
        assert done.json == {"ok": True, "text": "", "output": "fresh\n"}
        assert client.get("/cp/fresh").json["connected"] is True
        assert csms.charge_points == ["fresh"]
        other = f"connect({csms.url!r}, trace_size=7).send_heartbeat()"
        client.put("/cp/fresh/handlers/Reset", {"payload": {"status": "Accepted"}})
        assert client.post("/cp/fresh", other, media="text/x-python").status == 200
        # the answers of before are those of the new one
        assert csms.call("fresh", "Reset", {"type": "Soft"}) == {"status": "Accepted"}
    finally:
        client.delete("/cp/fresh")


def test_a_busy_one_waits_or_refuses_and_is_stopped(client: Client, name: str) -> None:
    answers = []

    def post(script: str, query: str = "") -> None:
        answers.append(client.post(f"/cp/{name}{query}", script, media="text/x-python"))

    running = threading.Thread(target=post, args=("cp.sleep(1000)",))
    running.start()
    while not client.get(f"/cp/{name}").json["busy"]:
        time.sleep(0.02)
    refused = client.post(f"/cp/{name}?wait=false", "pass", media="text/x-python")
    assert (refused.status, refused.error["where"]) == (409, "script")
    late = client.post(f"/cp/{name}?timeout=0.05", "pass", media="text/x-python")
    assert late.status == 409
    waiting = threading.Thread(target=post, args=("print('after')",))
    waiting.start()
    stopped = client.post(f"/cp/{name}/stop")
    assert stopped.status == 200
    assert len(stopped.json["woken"]) == 1
    assert stopped.json["left"] == []
    running.join(60)
    waiting.join(60)
    assert sorted(answer.status for answer in answers) == [200, 422]
    assert {"after\n", ""} == {answer.json["output"] for answer in answers}
    assert client.post(f"/cp/{name}/stop").json["woken"] == []
