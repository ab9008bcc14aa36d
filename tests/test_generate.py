"""The typed methods and the hooks are what the table of actions makes of them."""

import inspect
from pathlib import Path
from typing import get_type_hints

import pytest

import ocppsim
from ocppsim.generate import charge_point_module, hookspecs_module
from ocppsim.protocol import Action, snake_case
from ocppsim.v16 import hookspecs
from ocppsim.v16.actions import PROTOCOL
from ocppsim.v16.chargepoint import ChargePoint16

FOLDER = Path(ocppsim.__file__).parent / "v16"
STALE = "it is stale: make generate"

sent = pytest.mark.parametrize(
    "action", PROTOCOL.from_charge_point.values(), ids=lambda action: action.name
)


def test_the_methods_are_fresh() -> None:
    text = (FOLDER / "chargepoint.py").read_text(encoding="utf-8")
    assert text == charge_point_module(PROTOCOL), STALE


def test_the_hooks_are_fresh() -> None:
    text = (FOLDER / "hookspecs.py").read_text(encoding="utf-8")
    assert text == hookspecs_module(PROTOCOL), STALE


def test_what_is_generated_has_lines_of_100_characters_at_most() -> None:
    for text in (charge_point_module(PROTOCOL), hookspecs_module(PROTOCOL)):
        assert max(map(len, text.splitlines())) <= 100
        assert "\t" not in text
        assert text.endswith("\n")


def test_each_action_of_the_charge_point_has_its_method_and_there_is_no_other() -> None:
    methods = {name for name in dir(ChargePoint16) if name.startswith("send_")} - {"send_raw"}
    assert methods == {f"send_{snake_case(name)}" for name in PROTOCOL.from_charge_point}


@sent
def test_a_method_takes_the_fields_of_its_request_and_nothing_else(action: Action) -> None:
    method = getattr(ChargePoint16, f"send_{snake_case(action.name)}")
    (_, payload) = inspect.signature(method).parameters.values()
    assert payload.kind is inspect.Parameter.VAR_KEYWORD
    hints = get_type_hints(method)
    assert hints["payload"].__args__ == (action.request,)
    assert hints["return"] is action.response


@sent
def test_a_method_tells_of_each_field(action: Action) -> None:
    method = getattr(ChargePoint16, f"send_{snake_case(action.name)}")
    request, response = inspect.getdoc(method).split("Request:")[1].split("Response:")  # type: ignore[union-attr]
    for message, text in ((action.request, request), (action.response, response)):
        for name in message.__annotations__:
            assert f"    {name}" in text


@sent
def test_a_method_sends_its_action(action: Action) -> None:
    class Recorder(ChargePoint16):
        def __init__(self) -> None:
            pass

        def call(self, *arguments: object) -> object:  # type: ignore[override]
            return arguments

    method = getattr(Recorder(), f"send_{snake_case(action.name)}")
    assert method(idTag="x") == (action.name, {"idTag": "x"})


def test_each_action_of_the_csms_has_its_hook_and_there_is_no_other() -> None:
    hooks = {name for name in vars(hookspecs) if name.startswith("ocpp16_")}
    assert hooks == {f"ocpp16_{snake_case(name)}" for name in PROTOCOL.from_csms}


@pytest.mark.parametrize(
    ("action", "name"),
    [
        ("BootNotification", "boot_notification"),
        ("Reset", "reset"),
        ("GetInstalledCertificateIds", "get_installed_certificate_ids"),
        ("SignedUpdateFirmware", "signed_update_firmware"),
    ],
)
def test_snake_case(action: str, name: str) -> None:
    assert snake_case(action) == name
