"""Plugins: found, checked, asked in turn, and survived."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ocppsim import CallError, CallTimeout, Plugins, Request, connect, hookimpl
from ocppsim.csms import CentralSystem
from ocppsim.plugins import find
from ocppsim.protocol import snake_case
from ocppsim.v16 import hookspecs as hookspecs16
from ocppsim.v16.actions import PROTOCOL

Rejected = {"status": "Rejected"}
Accepted = {"status": "Accepted"}


@pytest.fixture
def csms() -> Iterator[CentralSystem]:
    with CentralSystem() as csms:
        yield csms


class Reset:
    """A plugin whose answer to Reset is what `handler` does."""

    def __init__(self, handler: Callable[[Request], Any]) -> None:
        self.handler = handler
        self.asked = 0

    @hookimpl
    def ocpp16_reset(self, cp: object, request: Request) -> Any:
        self.asked += 1
        return self.handler(request)


def plugins(*members: object) -> Plugins:
    found = Plugins()
    for number, member in enumerate(members):
        assert found.register(member, f"plugin{number}"), found.problems
    return found


def reset(
    csms: CentralSystem, found: Plugins, script: Callable[[Request], Any] | None = None
) -> dict[str, Any] | str:
    """What the CSMS gets for a Reset: the payload, or the code of the CALLERROR."""
    with connect(f"{csms.url}/CP1", plugins=found) as cp:
        if script is not None:
            cp.on("Reset", script)
        try:
            return csms.call("CP1", "Reset", {"type": "Soft"}, timeout=0.2)
        except CallError as error:
            return error.code
        except CallTimeout:
            return "nothing"


def test_who_is_asked_is_told_in_that_order(csms: CentralSystem) -> None:
    order: list[str] = []

    def noting(name: str) -> Callable[[Request], None]:
        """Leave it to the next."""

        def note(request: Request) -> None:
            order.append(name)

        note.__name__ = name
        return note

    found = plugins(Reset(noting("plugin0")), Reset(noting("plugin1")), Calls(noting("plugin2")))
    with connect(f"{csms.url}/CP1", plugins=found) as cp:
        cp.on("Reset", noting("stays"))
        cp.on("Reset", noting("once"), once=True)
        cp.on("ClearCache", noting("other"))
        asked = cp._handlers.asked("Reset")
        with pytest.raises(CallError, match="NotSupported"):
            csms.call("CP1", "Reset", {"type": "Soft"})
    assert [one.name for one in asked[:-1]] == order
    assert [one.who for one in asked] == ["script"] * 2 + ["plugin"] * 3 + ["default"]
    assert [one.hook for one in asked[2:5]] == ["ocpp16_reset", "ocpp16_reset", "ocppsim_call"]
    assert [one.what for one in asked[2:]] == ["", "", "Any request.", "NotSupported"]
    assert [one.once for one in asked[:3]] == [True, False, False]


class Calls:
    """A plugin that is asked about any request."""

    def __init__(self, handler: Callable[[Request], Any]) -> None:
        self.handler = handler

    @hookimpl
    def ocppsim_call(self, cp: object, request: Request) -> Any:
        """Any request."""
        return self.handler(request)


def generator(request: Request) -> Iterator[dict[str, str]]:
    yield Rejected


def refuses(request: Request) -> None:
    raise CallError("SecurityError")


def fails(request: Request) -> None:
    raise ZeroDivisionError


# every row of the contract, and what the CSMS gets
ROWS: dict[str, tuple[Callable[[Request], Any], dict[str, str] | str]] = {
    "returns a dict": (lambda request: Rejected, Rejected),
    "yields a dict": (generator, Rejected),
    "replies": (lambda request: request.reply(Rejected), Rejected),
    "replies, returns None": (lambda request: bool(request.reply(Rejected)) or None, Rejected),
    "replies an error": (lambda request: request.reply_error("ProtocolError"), "ProtocolError"),
    "defers": (lambda request: request.defer(), "nothing"),
    "never replies": (lambda request: request.no_reply(), "nothing"),
    "raises a CallError": (refuses, "SecurityError"),
    "raises": (fails, "InternalError"),
    "returns a string": (lambda request: "Rejected", "InternalError"),
    "breaks the schema": (lambda request: {"status": "Perhaps"}, "InternalError"),
    "returns None": (lambda request: None, Accepted),
}


@pytest.mark.parametrize("row", ROWS)
def test_a_plugin_comes_before_the_next_plugin(row: str, csms: CentralSystem) -> None:
    handler, expected = ROWS[row]
    last = Reset(lambda request: Accepted)
    assert reset(csms, plugins(last, Reset(handler))) == expected
    assert last.asked == (row == "returns None")


@pytest.mark.parametrize("row", ROWS)
def test_the_script_comes_before_plugins(row: str, csms: CentralSystem) -> None:
    handler, expected = ROWS[row]
    plugin = Reset(lambda request: Accepted)
    assert reset(csms, plugins(plugin), script=handler) == expected
    assert plugin.asked == (row == "returns None")


def test_the_default_comes_last(csms: CentralSystem) -> None:
    plugin = Reset(lambda request: None)
    assert reset(csms, plugins(plugin), script=lambda request: None) == "NotSupported"
    assert plugin.asked == 1


def test_trylast_and_tryfirst_change_the_order(csms: CentralSystem) -> None:
    class Last:
        @hookimpl(trylast=True)
        def ocpp16_reset(self) -> dict[str, str]:
            return Rejected

    assert reset(csms, plugins(Reset(lambda request: Accepted), Last())) == Accepted


def test_ocppsim_call_serves_what_nobody_else_does(csms: CentralSystem) -> None:
    class CatchAll:
        @hookimpl
        def ocppsim_call(self, request: Request) -> dict[str, Any]:
            return Rejected if request.action == "Reset" else {"vendor": request.payload["a"]}

    found = plugins(CatchAll(), Reset(lambda request: None))
    assert reset(csms, found) == Rejected
    with connect(f"{csms.url}/CP1", plugins=found):
        assert csms.call("CP1", "VendorAction", {"a": 1}, validate=False) == {"vendor": 1}


def test_ocppsim_trigger_comes_before_the_action_hook(csms: CentralSystem) -> None:
    class Boots:
        @hookimpl
        def ocppsim_trigger(self, requestedMessage: str) -> dict[str, str] | None:
            return Accepted if requestedMessage == "BootNotification" else None

        @hookimpl
        def ocpp16_trigger_message(self) -> dict[str, str]:
            return Rejected

        @hookimpl(specname="ocpp16_extended_trigger_message")
        def extended(self, request: Request) -> dict[str, str]:
            return {"status": "NotImplemented"}

    with connect(f"{csms.url}/CP1", plugins=plugins(Boots())):
        for action, message, status in (
            ("TriggerMessage", "BootNotification", "Accepted"),
            ("TriggerMessage", "Heartbeat", "Rejected"),
            ("ExtendedTriggerMessage", "BootNotification", "Accepted"),
            ("ExtendedTriggerMessage", "Heartbeat", "NotImplemented"),
        ):
            answer = csms.call("CP1", action, {"requestedMessage": message})
            assert answer == {"status": status}


def test_lifecycle_hooks_in_their_order(csms: CentralSystem) -> None:
    seen: list[str] = []

    class Lifecycle:
        @hookimpl
        def ocppsim_created(self, cp: Any) -> None:
            seen.append(f"created {cp.name} {cp.connected}")

        @hookimpl
        def ocppsim_connected(self, cp: Any) -> None:
            seen.append(f"connected {cp.connected}")

        @hookimpl
        def ocppsim_disconnected(self, cp: Any, reason: Exception) -> None:
            seen.append(f"disconnected {reason}")

        @hookimpl
        def ocppsim_closed(self, cp: Any) -> None:
            seen.append(f"closed {cp.name}")

        @hookimpl
        def ocppsim_frame(self, cp: Any, frame: Any) -> None:
            seen.append(f"{frame.direction} {frame.type}")

    with connect(f"{csms.url}/CP1", plugins=plugins(Lifecycle())) as cp:
        cp.call("Heartbeat")
        cp.reconnect()
    assert seen == [
        "created CP1 False",
        "connected True",
        "sent CALL",
        "received CALLRESULT",
        "disconnected closed (code 1000)",
        "connected True",
        "disconnected closed (code 1000)",
        "closed CP1",
    ]


def test_a_lifecycle_hook_that_raises_is_named_and_the_rest_goes_on(
    csms: CentralSystem, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        @hookimpl
        def ocppsim_frame(self) -> None:
            raise ZeroDivisionError

    seen: list[int] = []

    class Fine:
        @hookimpl
        def ocppsim_frame(self, frame: Any) -> None:
            seen.append(frame.number)

    with connect(f"{csms.url}/CP1", plugins=plugins(Fine(), Broken())) as cp:
        cp.call("Heartbeat")
    assert seen == [1, 2]
    assert "plugin plugin1: ocppsim_frame failed" in caplog.text


def test_a_plugin_that_fails_is_named_and_the_connection_lives(
    csms: CentralSystem, caplog: pytest.LogCaptureFixture
) -> None:
    with connect(f"{csms.url}/CP1", plugins=plugins(Reset(fails))) as cp:
        with pytest.raises(CallError, match="InternalError: ZeroDivisionError"):
            csms.call("CP1", "Reset", {"type": "Soft"})
        cp.call("Heartbeat")
    assert "Reset: plugin plugin0 (ocpp16_reset) failed: ZeroDivisionError" in caplog.text


def test_a_plugin_that_returns_nonsense_is_named(
    csms: CentralSystem, caplog: pytest.LogCaptureFixture
) -> None:
    assert reset(csms, plugins(Reset(lambda request: "yes"))) == "InternalError"
    assert "plugin plugin0 (ocpp16_reset) returned 'yes', not a dict or None" in caplog.text


def test_a_plugin_may_ask_for_an_unvalidated_answer(csms: CentralSystem) -> None:
    found = plugins(Reset(lambda request: request.reply({"status": "Perhaps"}, validate=False)))
    with connect(f"{csms.url}/CP1", plugins=found):
        answer = csms.call("CP1", "Reset", {"type": "Soft"}, validate=False)
    assert answer == {"status": "Perhaps"}


# --- checking ---


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("def ocpp16_rest(cp, request): ...", "no hook ocpp16_rest; did you mean ocpp16_reset?"),
        ("def ocpp16_reset(cp, reqest): ...", "reqest"),
        ("def ocppsim_fram(cp, frame): ...", "did you mean ocppsim_frame?"),
    ],
)
def test_a_misspelt_hook_is_reported_and_the_plugin_left_out(
    source: str, problem: str, tmp_path: Path
) -> None:
    header = "from ocppsim import hookimpl\n@hookimpl\n"
    (tmp_path / "wrong.py").write_text(header + source)
    (tmp_path / "right.py").write_text(header + "def ocpp16_reset(request): ...")
    found = Plugins()
    found.load_folder(tmp_path)
    assert [info.name for info in found] == ["right"]
    (text,) = found.problems
    assert text.startswith("plugin wrong: ")
    assert problem in text


def test_a_hook_without_hookimpl_is_reported(tmp_path: Path) -> None:
    (tmp_path / "unmarked.py").write_text("def ocpp16_reset(request): ...")
    found = Plugins()
    found.load_folder(tmp_path)
    assert found.problems == ["plugin unmarked: ocpp16_reset has no @hookimpl; it is left out"]


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("import nothing_like_that", "ModuleNotFoundError"),
        ("def broken(:", "SyntaxError"),
        ("raise SystemExit(1)", "SystemExit"),
    ],
)
def test_a_plugin_that_cannot_be_imported_is_named_with_its_file(
    source: str, problem: str, tmp_path: Path
) -> None:
    (tmp_path / "broken.py").write_text(source)
    found = Plugins()
    found.load_folder(tmp_path)
    assert list(found) == []
    (text,) = found.problems
    assert text.startswith("plugin broken: importing it failed: " + problem)
    assert "broken.py" in text


def test_a_wrapper_is_refused() -> None:
    class Wrapper:
        @hookimpl(wrapper=True)
        def ocpp16_reset(self) -> Any:
            return (yield)

    found = Plugins()
    assert not found.register(Wrapper(), "wrapper")
    assert "ocpp16_reset is a wrapper" in found.problems[0]
    assert not found.has("ocpp16_reset")


def test_an_optional_hook_may_be_unknown() -> None:
    class Newer:
        @hookimpl(optionalhook=True)
        def ocpp99_reset(self) -> None: ...

    assert Plugins().register(Newer(), "newer")


def test_a_second_plugin_of_one_name_is_refused() -> None:
    found = plugins(Reset(fails))
    assert not found.register(Reset(fails), "plugin0")
    assert "there is one of this name already" in found.problems[0]


def test_a_blocked_plugin_is_left_out_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("raise SystemExit")
    found = Plugins()
    found.block(["one"])
    found.load_folder(tmp_path)
    assert list(found) == []
    assert found.problems == []


def test_tests_and_private_files_of_a_folder_are_passed_over(tmp_path: Path) -> None:
    for name in ("test_it.py", "_helper.py", "conftest.py", "__init__.py"):
        (tmp_path / name).write_text("raise ZeroDivisionError")
    found = Plugins()
    found.load_folder(tmp_path)
    assert found.problems == []


def test_a_folder_that_is_not_there_is_reported(tmp_path: Path) -> None:
    found = Plugins()
    found.load_folder(tmp_path / "nowhere")
    assert "there is no such folder" in found.problems[0]


def test_what_a_plugin_is_and_answers_can_be_listed(tmp_path: Path) -> None:
    file = tmp_path / "one.py"
    file.write_text(
        "from ocppsim import hookimpl\n"
        "@hookimpl\ndef ocpp16_reset(): ...\n"
        "@hookimpl\ndef ocppsim_created(): ...\n"
    )
    found = Plugins()
    found.load_folder(tmp_path)
    (info,) = found
    assert (info.name, info.source) == ("one", str(file))
    assert info.hooks == ("ocpp16_reset", "ocppsim_created")


# --- options ---


def test_options_of_plugins(csms: CentralSystem, caplog: pytest.LogCaptureFixture) -> None:
    class Option:
        level = None

        @hookimpl
        def ocppsim_add_options(self, parser: Any) -> None:
            parser.add_argument("--level", type=int, default=3)

        @hookimpl
        def ocppsim_configure(self, options: argparse.Namespace) -> None:
            self.level = options.level

    class Clash:
        @hookimpl
        def ocppsim_add_options(self, parser: Any) -> None:
            parser.add_argument("--level")

    option = Option()
    found = plugins(Clash(), option)
    with connect(f"{csms.url}/CP1", plugins=found):
        assert option.level == 3
    parser = argparse.ArgumentParser()
    found.add_options(parser)
    found.configure(parser.parse_args(["--level", "5"]))
    assert option.level == 5
    assert "plugin plugin0: ocppsim_add_options: " in found.problems[0]


def test_the_script_of_a_plugin(caplog: pytest.LogCaptureFixture) -> None:
    class Asks:
        @hookimpl
        def ocppsim_script(self, options: argparse.Namespace) -> list[Any] | None:
            return [Path("demo.py"), options.speed] if options.speed else None

    class Broken:
        @hookimpl
        def ocppsim_script(self) -> None:
            raise ZeroDivisionError

    found = plugins(Asks(), Broken())
    assert found.script(argparse.Namespace(speed=0)) is None
    assert found.script(argparse.Namespace(speed=3)) == ["demo.py", "3"]
    assert "plugin plugin1: ocppsim_script failed" in caplog.text


# --- the hooks themselves ---


def test_every_action_of_the_csms_has_a_hook_and_none_else() -> None:
    specs = {name for name, value in vars(hookspecs16).items() if hasattr(value, "ocppsim_spec")}
    assert specs == {f"ocpp16_{snake_case(name)}" for name in PROTOCOL.from_csms}


@pytest.mark.parametrize("action", sorted(PROTOCOL.from_csms))
def test_the_hook_of_every_action_is_asked(action: str, csms: CentralSystem) -> None:
    hook = f"ocpp16_{snake_case(action)}"
    asked: list[str] = []

    def implementation(self: object, request: Request) -> None:
        asked.append(request.action)
        request.reply({"anything": True}, validate=False)

    plugin = type("Plugin", (), {hook: hookimpl(implementation)})()
    with connect(f"{csms.url}/CP1", plugins=plugins(plugin), lenient={action}):
        csms.call("CP1", action, {"requestedMessage": "x"}, validate=False)
    assert asked == [action]


def test_problems_are_logged(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    with caplog.at_level(logging.ERROR, "ocppsim.plugins"):
        Plugins().load_folder(tmp_path / "nowhere")
    assert "there is no such folder; it is left out" in caplog.text


# --- what reviewers tried ---


@pytest.mark.parametrize("raised", [SystemExit(1), pytest.fail.Exception("no")])
@pytest.mark.parametrize(
    "hook", ["ocppsim_frame", "ocppsim_created", "ocppsim_connected", "ocppsim_configure"]
)
def test_whatever_a_hook_raises_the_connection_lives(
    hook: str, raised: BaseException, csms: CentralSystem, caplog: pytest.LogCaptureFixture
) -> None:
    def implementation(self: object) -> None:
        raise raised

    plugin = type("Plugin", (), {hook: hookimpl(implementation)})()
    with connect(f"{csms.url}/CP1", plugins=plugins(plugin)) as cp:
        assert cp.call("Heartbeat")
    assert f"plugin plugin0: {hook} failed" in caplog.text


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        ({"required": True}, "an option of a plugin has a default: level"),
        ({"help": "in % of max"}, "TypeError"),
        ({"type": 5}, "not callable"),
    ],
)
def test_a_plugin_whose_options_make_no_sense_is_left_out(
    option: dict[str, Any], problem: str, csms: CentralSystem
) -> None:
    class Wrong:
        @hookimpl
        def ocppsim_add_options(self, parser: Any) -> None:
            parser.add_argument("--level", **option)

    found = plugins(Wrong(), Reset(lambda request: Accepted))
    parser = argparse.ArgumentParser()
    found.add_options(parser)
    assert parser.parse_args([]) == argparse.Namespace()
    assert problem in found.problems[0]
    assert [info.name for info in found] == ["plugin1"]
    assert reset(csms, found) == Accepted


def test_nothing_is_registered_once_charge_points_live_with_the_set(csms: CentralSystem) -> None:
    found = plugins()
    with connect(f"{csms.url}/CP1", plugins=found):
        assert not found.register(Reset(fails), "late")
    assert "connected with this set already" in found.problems[0]


def test_a_class_is_no_plugin() -> None:
    found = Plugins()
    assert not found.register(Reset, "it")
    assert "an instance of it can be a plugin" in found.problems[0]


def test_an_action_that_ocpp_does_not_have_reaches_no_hook_of_another(
    csms: CentralSystem,
) -> None:
    plugin = Reset(lambda request: Accepted)
    with (
        connect(f"{csms.url}/CP1", plugins=plugins(plugin)),
        pytest.raises(CallError, match="NotImplemented"),
    ):
        csms.call("CP1", "reset", {"type": "Soft"}, validate=False)
    assert plugin.asked == 0


def test_only_the_two_trigger_actions_reach_ocppsim_trigger(csms: CentralSystem) -> None:
    class Trigger:
        @hookimpl
        def ocppsim_trigger(self) -> dict[str, str]:
            return Accepted

    with (
        connect(f"{csms.url}/CP1", plugins=plugins(Trigger())),
        pytest.raises(CallError, match="NotImplemented"),
    ):
        csms.call("CP1", "VendorX", {"requestedMessage": "Heartbeat"}, validate=False)


def test_a_connected_hook_must_not_block(
    csms: CentralSystem, caplog: pytest.LogCaptureFixture
) -> None:
    class Eager:
        @hookimpl
        def ocppsim_connected(self, cp: Any) -> None:
            cp.call("Heartbeat")

    with connect(f"{csms.url}/CP1", plugins=plugins(Eager())) as cp:
        assert cp.call("Heartbeat")
    assert "WouldDeadlock" in caplog.text


def test_a_plugin_of_a_folder_may_import_what_lies_beside_it(tmp_path: Path) -> None:
    (tmp_path / "_beside.py").write_text("VALUE = 1")
    (tmp_path / "one.py").write_text("from _beside import VALUE")
    found = Plugins()
    found.load_folder(tmp_path)
    assert found.problems == []


def test_a_name_that_leaves_nothing_out_is_told(caplog: pytest.LogCaptureFixture) -> None:
    find([], ["remote-triger"])
    assert "there is no plugin remote-triger to leave out" in caplog.text
