"""The OpenAPI document: it is true of every route, and every route is in it."""

from __future__ import annotations

import contextlib
import json
import re
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from server.client import Client

from ocppsim.csms import CentralSystem
from ocppsim.server.app import create_app
from ocppsim.server.events import EventLog
from ocppsim.server.fleet import Fleet
from ocppsim.server.guard import Guard
from ocppsim.server.openapi import document

OPERATIONS = [
    (method.upper(), path, operation)
    for path, operations in document()["paths"].items()
    for method, operation in operations.items()
]
IDS = [f"{method} {path}" for method, path, _ in OPERATIONS]
EXAMPLES = 20
# without end
STREAMS = ("/events", "/cp/{name}/events")
every = pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=IDS)


def filled(path: str, name: str = "nobody") -> str:
    values = {"name": name, "action": "Reset", "key": "WebSocketPingInterval"}
    return re.sub(r"\{(\w+)\}", lambda match: quote(values[match[1]]), path)


def test_every_route_is_in_it() -> None:
    events = EventLog()
    try:
        app = create_app(Fleet(events), events, Guard("127.0.0.1"))
        pages = {"/", "/api", "/docs", "/docs/", "/docs/{path}", "/openapi.json", "/style.css"}
        pages.add("/web/{path}")
        served = {
            (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
            for rule in app.url_map.iter_rules()
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        }
    finally:
        events.close()
    said = {(method, path) for method, path, _ in OPERATIONS}
    assert {one for one in served if one[1] not in pages} == said


def test_it_is_served_whole(client: Client) -> None:
    answer = client.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json == json.loads(json.dumps(document()))
    assert len({operation["operationId"] for _, _, operation in OPERATIONS}) == len(OPERATIONS)
    known = document()["components"]["schemas"]
    for name in re.findall(r'"#/components/schemas/(\w+)"', answer.text):
        assert name in known


# --- every route, wrong --------------------------------------------------------------------------


@every
def test_an_unknown_charge_point(
    client: Client, method: str, path: str, operation: dict[str, Any]
) -> None:
    creates = (method, path) in (("POST", "/cp/{name}"), ("GET", "/cp/{name}/events"))
    if "{name}" not in path or creates:
        return
    content = operation.get("requestBody", {}).get("content", {})
    body = next((of.get("example", {}) for of in content.values()), None)
    answer = client.ask(method, filled(path), body)
    assert (answer.status, answer.error["where"]) == (404, "path: name"), answer.text
    assert answer.error["what"] == "there is no charge point nobody"


@every
def test_an_unknown_parameter(
    client: Client, method: str, path: str, operation: dict[str, Any]
) -> None:
    if path in STREAMS:
        return
    content = operation.get("requestBody", {}).get("content", {})
    media = next(iter(content), None)
    answer = client.ask(method, f"{filled(path)}?nonsense=1", "{}" if media else None, media=media)
    assert (answer.status, answer.error["where"]) == (400, "query: nonsense")


@every
def test_a_body_that_is_none(
    client: Client, method: str, path: str, operation: dict[str, Any]
) -> None:
    for media in operation.get("requestBody", {}).get("content", {}):
        form = client.ask(method, filled(path), "a=b", media="application/x-www-form-urlencoded")
        assert form.status == 415
        broken = client.ask(method, filled(path), b"\xff", media=media)
        assert (broken.status, broken.error["where"]) == (400, "body")
        if media == "application/json":
            empty = client.ask(method, filled(path), "[]")
            assert (empty.status, empty.error["where"]) == (422, "body: $")


@every
def test_another_method(client: Client, method: str, path: str, operation: dict[str, Any]) -> None:
    answer = client.ask("PATCH", filled(path))
    assert answer.status == 405
    assert method in answer.headers["allow"].split(", ")
    assert answer.error["where"] == f"PATCH {filled(path)}"


@every
def test_each_has_words_and_an_example(
    client: Client, method: str, path: str, operation: dict[str, Any]
) -> None:
    assert operation["summary"]
    assert operation["tags"]
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        assert "example" in content, media


def test_what_is_nowhere(client: Client) -> None:
    answer = client.get("/no/such/thing?token=secret")
    assert (answer.status, answer.error["where"]) == (404, "GET /no/such/thing")
    assert "/openapi.json" in answer.error["hint"]


# --- made-up requests ----------------------------------------------------------------------------


def narrowed(url: str) -> dict[str, Any]:
    """The document, for requests that are soon done, half of them about CP0, which is there."""
    raw: dict[str, Any] = json.loads(json.dumps(document()))
    for path in STREAMS:
        del raw["paths"][path]
    # random text is no Python
    del raw["paths"]["/cp/{name}"]["post"]
    schemas = raw["components"]["schemas"]
    new = schemas["NewChargePoint"]
    new["properties"]["name"] = {"type": "string", "enum": ["made-a", "made-b", "CP0"]}
    new["required"].append("url")
    for properties in (new["properties"], schemas["Connect"]["properties"]):
        properties["url"] = {"type": "string", "enum": ["ws://127.0.0.1:1", url]}
    schemas["Answer"]["properties"]["delay"]["maximum"] = 0.01
    schemas["Stall"]["properties"]["seconds"]["maximum"] = 0.01
    for path, operations in raw["paths"].items():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                if parameter["name"] == "name":
                    parameter["schema"] = {"type": "string", "enum": ["CP0", "CP-not-there"]}
                if parameter["name"] == "timeout":
                    parameter.update(required=True)
                    parameter["schema"]["maximum"] = 0.2
            if path.startswith("/cp/{name}/station/"):
                body = operation["requestBody"]["content"]["application/json"]["schema"]
                if "timeout" in body.get("properties", ()):
                    body["properties"]["timeout"]["maximum"] = 0.2
                    body["required"] = [*body.get("required", ()), "timeout"]
    return raw


def ask(client: Client, cases: Any, checks: list[Any], statuses: set[int]) -> None:
    """Some requests, the same each time; `statuses` is filled with those of the answers."""

    @seed(8)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def one(case: Any) -> None:
        answer = case.call(base_url=client.url.rstrip("/"), timeout=60)
        statuses.add(answer.status_code)
        assert answer.status_code < 500, answer.text
        case.validate_response(answer, checks=checks)

    one()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", ["POSITIVE", "NEGATIVE"])
def test_made_up_requests_find_no_fault(client: Client, csms: CentralSystem, mode: str) -> None:
    """schemathesis: no 5xx, and each answer is as the document says."""
    schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is missing")
    from schemathesis.specs.openapi import checks as of_openapi

    checks = [
        of_openapi.status_code_conformance,
        of_openapi.content_type_conformance,
        of_openapi.response_schema_conformance,
    ]
    client.post("/cp", {"name": "CP0", "url": csms.url})
    client.post("/cp/CP0/station", {"speed": 100})
    schema = schemathesis.openapi.from_dict(narrowed(csms.url))
    seen: dict[str, set[int]] = {}
    operations = [result.ok() for result in schema.get_all_operations()]
    # what removes is last
    operations.sort(key=lambda operation: operation.method == "delete")
    made = schemathesis.GenerationMode[mode]
    for operation in operations:
        found = seen[operation.label] = set()
        # what cannot be wrong has no wrong requests
        with contextlib.suppress(Unsatisfiable, schemathesis.errors.SchemathesisError):
            ask(client, operation.as_strategy(made), checks, found)
    for name in ("CP0", "made-a", "made-b"):
        client.delete(f"/cp/{name}")
    asked = set().union(*seen.values())
    assert {400, 404, 422} <= asked if mode == "NEGATIVE" else {200, 404, 409} <= asked
    if mode == "POSITIVE":
        for label, statuses in seen.items():
            assert statuses, label
