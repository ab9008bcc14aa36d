"""The registry of configuration keys, and the two actions that are answered from it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocppsim import CallError, ChargePoint, Plugins, connect
from ocppsim.configuration import Configuration, Definition
from ocppsim.csms import CentralSystem

WORDS = st.text(st.characters(exclude_characters=",", exclude_categories=["Cs"]), min_size=1)
VALUES: dict[type, st.SearchStrategy[Any]] = {
    str: st.text(max_size=500),
    int: st.integers(),
    bool: st.booleans(),
    float: st.floats(-1e100, 1e100),
    list: st.lists(WORDS.filter(lambda word: word == word.strip()), max_size=5),
}


@pytest.fixture
def keys() -> Configuration:
    return Configuration()


# --- values --------------------------------------------------------------------------------------


@given(st.sampled_from(list(VALUES)).flatmap(lambda kind: VALUES[kind].map(lambda v: (kind, v))))
def test_what_is_written_is_what_is_read(typed: tuple[type, Any]) -> None:
    kind, value = typed
    definition = Definition(key="Key", type=kind)
    text = definition.text(value)
    if len(text) <= 500:
        assert definition.parse(text) == value


@given(st.sampled_from(list(VALUES)), st.text())
def test_any_text_is_a_value_of_its_type_or_refused(kind: type, text: str) -> None:
    keys = Configuration()
    keys.add("Key", {int: 1, float: 1.0, bool: True, list: [], str: ""}[kind], type=kind)
    change = keys.change("Key", text)
    assert change.status == "Accepted" or change.why.startswith("Key: ")
    assert type(keys["Key"]) is kind


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (int, "ten"),
        (int, "1.0"),
        (int, "1_000"),
        (int, " 1"),
        (int, "١"),
        (int, ""),
        (float, "nan"),
        (float, "1e3"),
        (float, "1,5"),
        (bool, "yes"),
        (bool, "1"),
        (list, "a,,b"),
        (list, ","),
    ],
)
def test_text_of_another_type(keys: Configuration, kind: type, text: str) -> None:
    values = {int: 1, float: 1.0, bool: True, list: ["a"]}
    keys.add("Key", values[kind], type=kind)
    assert keys.change("Key", text).status == "Rejected"
    assert keys["Key"] == values[kind]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (int, "+007", 7),
        (int, "-1", -1),
        (float, "2.50", 2.5),
        (float, "3", 3.0),
        (bool, "TRUE", True),
        (bool, "false", False),
        (list, " Voltage , SoC", ["Voltage", "SoC"]),
        (list, "", []),
        (str, " as it is ", " as it is "),
    ],
)
def test_text_of_its_type(keys: Configuration, kind: type, text: str, value: object) -> None:
    first = {int: 1, float: 1.0, bool: not value, list: ["a"], str: ""}
    keys.add("Key", first[kind], type=kind)
    assert keys.change("Key", text).status == "Accepted"
    assert keys["Key"] == value


@pytest.mark.parametrize(
    ("options", "value", "good", "bad"),
    [
        ({"type": int, "minimum": 0}, 1, "0", "-1"),
        ({"type": int, "maximum": 5}, 1, "5", "6"),
        ({"type": float, "minimum": 0.5}, 1.0, "0.5", "0.4"),
        ({"type": list, "maximum": 2}, ["a"], "a,b", "a,b,c"),
        ({"choices": ["a", "b"]}, "a", "b", "c"),
        ({"type": list, "choices": ["a", "b"]}, ["a"], "b,a", "b,c"),
        ({"max_length": 3}, "a", "abc", "abcd"),
    ],
)
def test_limits(
    keys: Configuration, options: dict[str, Any], value: object, good: str, bad: str
) -> None:
    keys.add("Key", value, **options)
    refused = keys.change("Key", bad)
    assert refused.status == "Rejected"
    assert refused.why.startswith("Key: ")
    assert keys["Key"] == value
    assert keys.change("Key", good).status == "Accepted"
    with pytest.raises(ValueError, match=r"^Key: "):
        keys["Key"] = keys.definition("Key")._parse(bad)


def test_a_check_is_for_the_csms_alone(keys: Configuration) -> None:
    def upwards(value: int) -> str | None:
        return None if value > keys["Key"] else "only upwards"

    keys.add("Key", 2, type=int, check=upwards)
    refused = keys.change("Key", "1")
    assert (refused.status, refused.why) == ("Rejected", "Key: only upwards")
    assert keys.change("Key", "3").status == "Accepted"
    keys["Key"] = 1
    assert keys["Key"] == 1


@pytest.mark.parametrize(
    ("kind", "value"),
    [(int, True), (int, "1"), (float, "1"), (float, float("inf")), (bool, 1), (str, 1)]
    + [(list, "a"), (list, [1]), (list, ["a,b"]), (list, [" a"]), (list, [""])],
)
def test_a_script_has_to_give_the_type(keys: Configuration, kind: type, value: object) -> None:
    with pytest.raises(ValueError, match=r"^Key: "):
        keys.add("Key", value, type=kind)
    assert "Key" not in keys


@pytest.mark.parametrize(
    "options",
    [
        {"key": ""},
        {"key": "k" * 51},
        {"type": dict},
        {"access": "WR"},
        {"max_length": 501},
        {"max_length": 0},
    ],
)
def test_a_definition_that_makes_no_sense(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"has|access|value"):
        Definition(**{"key": "Key", **options})


def test_a_value_that_cannot_be_told_is_none(keys: Configuration) -> None:
    with pytest.raises(ValueError, match="501 characters"):
        keys.add("Key", "x" * 501)


# --- the registry --------------------------------------------------------------------------------


def test_names_are_compared_without_case_and_told_as_registered(keys: Configuration) -> None:
    keys.add("HeartbeatInterval", 300, type=int)
    assert keys["heartbeatINTERVAL"] == 300
    assert "HEARTBEATINTERVAL" in keys
    assert list(keys) == ["HeartbeatInterval"]
    assert len(keys) == 1
    told = keys.get(["heartbeatinterval"])["configurationKey"]
    assert told == [{"key": "HeartbeatInterval", "readonly": False, "value": "300"}]


def test_an_unknown_key(keys: Configuration) -> None:
    for ask in (keys.__getitem__, keys.definition):
        with pytest.raises(KeyError, match="Nonsense"):
            ask("Nonsense")
    with pytest.raises(KeyError, match="Nonsense"):
        keys["Nonsense"] = 1
    with pytest.raises(KeyError, match="Nonsense"):
        keys.on_change("Nonsense", lambda key, old, new: None)
    assert keys.change("Nonsense", "1").status == "NotSupported"


def test_registering_again_replaces_and_keeps_listeners(keys: Configuration) -> None:
    heard: list[Any] = []
    keys.add("Key", 1, type=int, on_change=lambda key, old, new: heard.append(new))
    keys.add("KEY", "a")
    keys["Key"] = "b"
    assert heard == ["b"]
    assert list(keys) == ["KEY"]


def test_a_list_that_is_read_is_a_copy(keys: Configuration) -> None:
    keys.add("Key", ["a"], type=list)
    keys["Key"].append("b")
    assert keys["Key"] == ["a"]


def test_one_definition_serves_many() -> None:
    definition = Definition(key="Key", type=int)
    first, second = Configuration(), Configuration()
    first.add(definition, 1)
    second.add(definition, 2)
    assert (first["Key"], second["Key"]) == (1, 2)


def test_a_read_only_key_is_the_scripts_to_set(keys: Configuration) -> None:
    keys.add("Key", 1, type=int, access="R")
    assert keys.change("Key", "2").status == "Rejected"
    keys["Key"] = 3
    assert keys.get()["configurationKey"] == [{"key": "Key", "readonly": True, "value": "3"}]


def test_what_is_only_to_be_written_is_never_told(keys: Configuration) -> None:
    keys.add("Secret", "old", access="W", max_length=5, choices=["old", "new"])
    assert keys.get() == {"configurationKey": []}
    assert keys.get(["Secret"]) == {"configurationKey": [{"key": "Secret", "readonly": False}]}
    assert keys.change("Secret", "new").status == "Accepted"
    assert keys["Secret"] == "new"
    for text in ("s3cret", "s3cr"):
        assert "s3c" not in keys.change("Secret", text).why


def test_a_key_that_needs_a_reboot(keys: Configuration) -> None:
    keys.add("Key", 1, type=int, reboot=True)
    assert keys.change("Key", "2").status == "RebootRequired"
    assert keys["Key"] == 2


def test_more_keys_than_allowed(keys: Configuration) -> None:
    keys.add("GetConfigurationMaxKeys", 1, type=int, access="R")
    assert keys.get(["GetConfigurationMaxKeys"])["configurationKey"]
    with pytest.raises(CallError) as caught:
        keys.get(["a", "b"])
    assert caught.value.code == "OccurenceConstraintViolation"
    assert keys.get()["configurationKey"]


# --- listeners -----------------------------------------------------------------------------------


def test_a_listener_hears_what_changed_and_goes_on_after_the_answer(keys: Configuration) -> None:
    heard: list[Any] = []

    def listen(key: str, old: int, new: int) -> Any:
        heard.append((key, old, new))
        return lambda: heard.append("after")

    keys.add("Key", 1, type=int)
    keys.on_change("key", listen)
    change = keys.change("KEY", "2")
    assert heard == [("Key", 1, 2)]
    change.finish()
    change.finish()
    assert heard == [("Key", 1, 2), "after"]
    keys.change("Key", "2").finish()  # no change
    keys["Key"] = 3
    assert heard[2:] == [("Key", 2, 3), "after"]


def test_no_lock_is_held_while_a_listener_runs(keys: Configuration) -> None:
    read: list[int] = []

    def listen(key: str, old: int, new: int) -> None:
        reader = threading.Thread(target=lambda: read.append(keys["Key"]))
        reader.start()
        reader.join(10)
        keys["Other"] = new

    keys.add("Other", 0, type=int)
    keys.add("Key", 1, type=int, on_change=listen)
    keys["Key"] = 2
    assert read == [2]
    assert keys["Other"] == 2


def test_a_listener_that_fails_puts_the_old_value_back(keys: Configuration) -> None:
    def fail(key: str, old: int, new: int) -> None:
        raise RuntimeError("no")

    keys.add("Key", 1, type=int, on_change=fail)
    with pytest.raises(RuntimeError):
        keys.change("Key", "2")
    assert keys["Key"] == 1


# --- what outlives the process -------------------------------------------------------------------


def test_what_the_csms_changed_is_kept() -> None:
    store: dict[str, Any] = {}
    before = Configuration(store)
    before.add("Kept", 1, type=int)
    before.add("Script", 1, type=int)
    before.add("Secret", "a", access="W", keep=False)
    before.change("kept", "2")
    before.change("Secret", "b")
    before["Script"] = 2
    assert store == {"configuration": {"Kept": "2"}}
    after = Configuration(store)
    after.add("Kept", 1, type=int)
    after.add("Script", 1, type=int)
    assert (after["Kept"], after["Script"]) == (2, 1)


def test_what_was_kept_and_is_no_value_any_more_is_passed_over() -> None:
    keys = Configuration({"configuration": {"Key": "text"}})
    keys.add("Key", 1, type=int)
    assert keys["Key"] == 1


def test_of_many_changes_at_once_the_one_that_holds_is_kept() -> None:
    store: dict[str, Any] = {}
    keys = Configuration(store)
    keys.add("Key", -1, type=int)
    threads = [
        threading.Thread(target=lambda n=n: [keys.change("Key", str(n)) for _ in range(50)])
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store["configuration"]["Key"] == str(keys["Key"])


# --- on the wire ---------------------------------------------------------------------------------


@pytest.fixture
def csms() -> Iterator[CentralSystem]:
    with CentralSystem() as csms:
        yield csms


@pytest.fixture
def cp(csms: CentralSystem) -> Iterator[ChargePoint]:
    with connect(f"{csms.url}/CP1", plugins=Plugins()) as cp:
        yield cp


def change(csms: CentralSystem, key: str, value: str) -> str:
    return str(csms.call("CP1", "ChangeConfiguration", {"key": key, "value": value})["status"])


def test_without_serve_nobody_answers(cp: ChargePoint, csms: CentralSystem) -> None:
    with pytest.raises(CallError) as caught:
        csms.call("CP1", "GetConfiguration")
    assert caught.value.code == "NotSupported"


def test_one_line_answers_both(cp: ChargePoint, csms: CentralSystem) -> None:
    cp.configuration.serve()
    cp.configuration.add("MeterValueSampleInterval", 60, type=int, minimum=0, unit="s")
    cp.configuration.add("NumberOfConnectors", 2, type=int, access="R")
    cp.configuration.add("AuthorizeRemoteTxRequests", True, type=bool, reboot=True)
    everything = csms.call("CP1", "GetConfiguration")
    told = {entry["key"]: entry["value"] for entry in everything["configurationKey"]}
    assert told["MeterValueSampleInterval"] == "60"
    assert told["AuthorizeRemoteTxRequests"] == "true"
    asked = csms.call("CP1", "GetConfiguration", {"key": ["NumberOfConnectors", "Nonsense"]})
    assert asked == {
        "configurationKey": [{"key": "NumberOfConnectors", "readonly": True, "value": "2"}],
        "unknownKey": ["Nonsense"],
    }
    assert change(csms, "MeterValueSampleInterval", "30") == "Accepted"
    assert cp.configuration["MeterValueSampleInterval"] == 30
    assert change(csms, "MeterValueSampleInterval", "-1") == "Rejected"
    assert change(csms, "NumberOfConnectors", "3") == "Rejected"
    assert change(csms, "AuthorizeRemoteTxRequests", "false") == "RebootRequired"
    assert change(csms, "Nonsense", "1") == "NotSupported"
    assert cp.configuration["MeterValueSampleInterval"] == 30


def test_what_a_listener_returns_runs_after_the_answer(
    cp: ChargePoint, csms: CentralSystem
) -> None:
    cp.configuration.serve()
    cp.configuration.add("Key", "a", on_change=lambda key, old, new: lambda: cp.call("Heartbeat"))
    assert change(csms, "Key", "b") == "Accepted"
    beat = cp.wait_for_frame("Heartbeat", direction="sent", after=0)
    (answer,) = cp.frames("ChangeConfiguration", direction="sent")
    assert answer.number < beat.number


def test_too_many_keys_at_once_are_a_callerror(cp: ChargePoint, csms: CentralSystem) -> None:
    cp.configuration.serve()
    cp.configuration.add("GetConfigurationMaxKeys", 1, type=int, access="R")
    with pytest.raises(CallError) as caught:
        csms.call("CP1", "GetConfiguration", {"key": ["a", "b"]})
    assert caught.value.code == "OccurenceConstraintViolation"
    assert cp.handler_failures == []


def test_a_configuration_alone_serves_nobody(keys: Configuration) -> None:
    with pytest.raises(ValueError, match="no charge point"):
        keys.serve()
