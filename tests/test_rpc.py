"""Frames of OCPP-J 1.6 §4: text to object and back, whatever the text is."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocppsim import rpc
from ocppsim.errors import Fault
from ocppsim.rpc import BadFrame, CallFrame, ErrorFrame, Frame, ResultFrame, decode, encode

ID = "19223201"


def bad(text: str | bytes) -> BadFrame:
    frame = decode(text)
    assert isinstance(frame, BadFrame)
    assert frame.faults
    return frame


def fault(frame: Frame) -> Fault:
    (only,) = frame.faults
    return only


# --- what is right -------------------------------------------------------------------------------


def test_call() -> None:
    frame = decode('[2,"19223201","Reset",{"type":"Hard"}]')
    assert frame == CallFrame(ID, "Reset", {"type": "Hard"})
    assert frame.type == "CALL"


def test_call_result() -> None:
    frame = decode('[3,"19223201",{"status":"Accepted"}]')
    assert frame == ResultFrame(ID, {"status": "Accepted"})
    assert frame.type == "CALLRESULT"


def test_call_error() -> None:
    frame = decode('[4,"19223201","NotSupported","no cache",{"a":[1]}]')
    assert frame == ErrorFrame(ID, "NotSupported", "no cache", {"a": [1]})
    assert frame.type == "CALLERROR"


def test_call_error_without_text_and_details() -> None:
    assert decode('[4,"19223201","GenericError","",{}]') == ErrorFrame(ID, "GenericError")


@pytest.mark.parametrize("text", ['[2,"a","Heartbeat",null]', '[2,"a","Heartbeat",{}]'])
def test_null_is_another_notation_of_an_empty_payload(text: str) -> None:
    """OCPP-J 1.6 §4.1.4."""
    assert decode(text) == CallFrame("a", "Heartbeat", {})
    assert decode('[3,"a",null]') == ResultFrame("a", {})


def test_white_space_between_tokens_is_no_fault() -> None:
    assert decode(' [ 3 ,\n"a"\t, { } ]\r\n').faults == []


def test_a_unique_id_of_36_characters_is_no_fault() -> None:
    assert decode(json.dumps([3, "x" * 36, {}])).faults == []


def test_text_beyond_the_basic_plane() -> None:
    frame = CallFrame("ä", "DataTransfer", {"data": "€ 𝄞 \x00 \u2028"})
    text = encode(frame)
    assert text == '[2,"ä","DataTransfer",{"data":"€ 𝄞 \\u0000 \u2028"}]'
    assert decode(text) == frame


# --- what is wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "rule", "path"),
    [
        ("", "JSON", "$"),
        ("  \n", "JSON", "$"),
        ("hello", "JSON", "$"),
        ("[", "JSON", "$"),
        ('["a",{}] x', "JSON", "$"),
        ("[2,'a','Reset',{}]", "JSON", "$"),
        ("\ufeff[]", "JSON", "$"),
        ("NaN", "JSON", "$"),
        ("null", "array", "$"),
        ("true", "array", "$"),
        ("5", "array", "$"),
        ('"text"', "array", "$"),
        ("{}", "array", "$"),
        ("[]", "message type", "$[0]"),
        ("[null]", "message type", "$[0]"),
        ("[[]]", "message type", "$[0]"),
        ('["2","a","Reset",{}]', "message type", "$[0]"),
        ('[2.0,"a","Reset",{}]', "message type", "$[0]"),
        ('[true,"a","Reset",{}]', "message type", "$[0]"),
        ('[1,"a","Reset",{}]', "message type", "$[0]"),
        ('[5,"a","Reset",{}]', "message type", "$[0]"),
        ('[-2,"a","Reset",{}]', "message type", "$[0]"),
        ('[1e400,"a","Reset",{}]', "message type", "$[0]"),
    ],
)
def test_a_text_that_nobody_can_answer(text: str, rule: str, path: str) -> None:
    frame = bad(text)
    assert (fault(frame).rule, fault(frame).path) == (rule, path)
    assert (frame.message_type, frame.unique_id) == (None, None)


def test_an_empty_message_is_called_so() -> None:
    assert "empty message" in fault(decode("")).message


@pytest.mark.parametrize("data", [b"", b'[2,"a","Heartbeat",{}]', b"\xff"])
def test_a_binary_message(data: bytes) -> None:
    frame = bad(data)
    assert (frame.message_type, frame.unique_id) == (None, None)
    assert fault(frame).rule == "text frame"


@pytest.mark.parametrize("kind", [2, 3, 4])
@pytest.mark.parametrize("unique_id", [1, None, True, ["a"], {}])
def test_a_unique_id_that_is_no_string_cannot_be_answered(kind: int, unique_id: Any) -> None:
    frame = bad(json.dumps([kind, unique_id, "Reset", {}]))
    assert (frame.message_type, frame.unique_id) == (kind, None)
    assert (fault(frame).rule, fault(frame).path) == ("unique id", "$[1]")


@pytest.mark.parametrize("kind", [2, 3, 4])
def test_a_unique_id_that_is_missing(kind: int) -> None:
    frame = bad(f"[{kind}]")
    assert (frame.message_type, frame.unique_id) == (kind, None)
    assert "missing" in fault(frame).message


@pytest.mark.parametrize(
    ("text", "rules", "paths"),
    [
        ('[2,"a"]', ["4 elements"], ["$"]),
        ('[2,"a","Reset"]', ["4 elements"], ["$"]),
        ('[2,"a","Reset",{},{}]', ["4 elements"], ["$"]),
        ('[2,"a",5,{}]', ["action"], ["$[2]"]),
        ('[2,"a",null,{}]', ["action"], ["$[2]"]),
        ('[2,"a","Reset",[]]', ["payload"], ["$[3]"]),
        ('[2,"a","Reset","x"]', ["payload"], ["$[3]"]),
        ('[2,"a","Reset",0]', ["payload"], ["$[3]"]),
        ('[2,"a","Reset",false]', ["payload"], ["$[3]"]),
        ('[2,"a",[],[],[]]', ["4 elements", "action", "payload"], ["$", "$[2]", "$[3]"]),
    ],
)
def test_a_malformed_call_keeps_its_id(text: str, rules: list[str], paths: list[str]) -> None:
    frame = bad(text)
    assert (frame.message_type, frame.unique_id) == (2, "a")
    assert [fault.rule for fault in frame.faults] == rules
    assert [fault.path for fault in frame.faults] == paths
    assert {fault.code for fault in frame.faults} == {"FormationViolation"}


@pytest.mark.parametrize("text", ['[3,"a"]', '[3,"a",{},{}]', '[3,"a",[]]', '[3,"a","Accepted"]'])
def test_a_malformed_call_result_keeps_its_id(text: str) -> None:
    frame = bad(text)
    assert (frame.message_type, frame.unique_id) == (3, "a")


@pytest.mark.parametrize("text", ['[4,"a"]', '[4,"a",5,"",{}]', '[4,"a",null,"",{}]'])
def test_a_call_error_without_a_code_keeps_its_id(text: str) -> None:
    frame = bad(text)
    assert (frame.message_type, frame.unique_id) == (4, "a")


@pytest.mark.parametrize(
    ("text", "description", "details"),
    [
        ('[4,"a","GenericError"]', "", {}),
        ('[4,"a","GenericError","why"]', "why", {}),
        ('[4,"a","GenericError","why",{},1]', "why", {}),
        ('[4,"a","GenericError",null,{}]', "", {}),
        ('[4,"a","GenericError",5,{}]', "5", {}),
        ('[4,"a","GenericError","why",null]', "why", {}),
        ('[4,"a","GenericError","why",[]]', "why", {"details": []}),
        ('[4,"a","GenericError","why","x"]', "why", {"details": "x"}),
    ],
)
def test_a_sloppy_call_error_is_understood(text: str, description: str, details: Any) -> None:
    frame = decode(text)
    assert isinstance(frame, ErrorFrame)
    assert (frame.code, frame.description, frame.details) == ("GenericError", description, details)
    assert frame.faults


def test_a_unique_id_of_37_characters_is_a_fault_but_understood() -> None:
    frame = decode(json.dumps([2, "x" * 37, "Reset", {}]))
    assert isinstance(frame, CallFrame)
    assert (fault(frame).rule, fault(frame).path) == ("maxLength 36", "$[1]")
    assert "37" in fault(frame).message


@pytest.mark.parametrize("rest", [(3, {}), (4, "GenericError", "", {})])
def test_an_answer_repeats_the_id_however_long(rest: tuple[Any, ...]) -> None:
    assert decode(json.dumps([rest[0], "x" * 37, *rest[1:]])).faults == []


@pytest.mark.parametrize("kind", [2, 3, 4])
@pytest.mark.parametrize("rest", ["{]", "NaN]", "Infinity]", '{"a":}]', '"Reset",{"a":-Infinity}]'])
def test_broken_json_keeps_the_id_that_can_be_read(kind: int, rest: str) -> None:
    frame = bad(f'[{kind},"a",{rest}')
    assert (frame.message_type, frame.unique_id) == (kind, "a")
    assert fault(frame).rule == "JSON"


def test_broken_json_within_the_id_has_no_id() -> None:
    assert bad('[2,"a').unique_id is None
    assert bad('[2,"a"').unique_id is None


@pytest.mark.parametrize("kind", [2, 3, 4])
@pytest.mark.parametrize("depth", [rpc.MAX_DEPTH, 2000, 200_000])
def test_deep_nesting_is_refused_and_keeps_the_id(kind: int, depth: int) -> None:
    frame = bad(f'[{kind},"a",' + "[" * depth + "]" * depth + "]")
    assert (frame.message_type, frame.unique_id) == (kind, "a")
    assert "too deep" in fault(frame).message


def test_nesting_that_can_be_read_is_no_fault() -> None:
    depth = rpc.MAX_DEPTH - 3
    text = '[3,"a",{"data":' + "[" * depth + "]" * depth + "}]"
    assert decode(text).faults == []


def test_many_brackets_are_no_deep_nesting() -> None:
    assert decode('[3,"a",{"data":[' + ",".join(["[{}]"] * 1000) + "]}]").faults == []


def test_huge_integers_can_be_read() -> None:
    """Python itself refuses to read more than 4300 digits."""
    frame = decode('[3,"a",{"b":' + "9" * 5000 + ',"c":' + "9" * 300 + "}]")
    assert isinstance(frame, ResultFrame)
    assert frame.payload == {"b": float("inf"), "c": int("9" * 300)}


def test_of_duplicate_names_the_last_counts() -> None:
    assert decode('[3,"a",{"status":"A","status":"B"}]') == ResultFrame("a", {"status": "B"})


def test_what_is_wrong_is_short_even_when_the_text_is_long() -> None:
    for text in ("x" * 10**6, "[" + "9" * 10**6 + "]", '["' + "x" * 10**6 + '"]'):
        assert len(fault(decode(text)).message) < 200


# --- from object to text -------------------------------------------------------------------------


def test_encode_is_compact() -> None:
    assert encode(CallFrame("a", "Reset", {"type": "Hard"})) == '[2,"a","Reset",{"type":"Hard"}]'
    assert encode(ResultFrame("a", {})) == '[3,"a",{}]'
    assert encode(ErrorFrame("a", "GenericError", "why", {"b": 1})) == (
        '[4,"a","GenericError","why",{"b":1}]'
    )


def test_half_a_surrogate_pair_is_sent_as_an_escape() -> None:
    text = encode(CallFrame("a", "DataTransfer", {"data": "ä\ud800"}))
    text.encode()
    assert decode(text) == CallFrame("a", "DataTransfer", {"data": "ä\ud800"})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {1, 2}, b"x"])
def test_what_is_no_json_cannot_be_encoded(value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        encode(ResultFrame("a", {"b": value}))


def test_a_circle_cannot_be_encoded() -> None:
    circle: dict[str, Any] = {}
    circle["a"] = circle
    with pytest.raises(ValueError, match="ircular"):
        encode(ResultFrame("a", circle))


# --- any text at all -----------------------------------------------------------------------------

TEXT = st.text(st.characters())  # with lone surrogates
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)
FINITE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**300), 10**300)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)
PAYLOADS = st.dictionaries(TEXT, FINITE, max_size=5)
IDS = st.text(st.characters(), max_size=36)
FRAMES = (
    st.builds(CallFrame, IDS, TEXT, PAYLOADS)
    | st.builds(ResultFrame, IDS, PAYLOADS)
    | st.builds(ErrorFrame, IDS, TEXT, TEXT, PAYLOADS)
)


def is_well_formed(frame: Frame) -> bool:
    str(frame)
    if isinstance(frame, BadFrame):
        return bool(frame.faults) and frame.message_type in (None, 2, 3, 4)
    return isinstance(frame.unique_id, str)


@given(st.text(st.characters()) | st.binary())
def test_decode_takes_any_text_and_any_bytes(text: str | bytes) -> None:
    assert is_well_formed(decode(text))


@given(JSON)
def test_decode_takes_any_json(value: Any) -> None:
    assert is_well_formed(decode(json.dumps(value)))


@given(st.lists(st.sampled_from([2, 3, 4]) | JSON, max_size=6))
def test_decode_takes_any_array(array: list[Any]) -> None:
    assert is_well_formed(decode(json.dumps(array)))


@given(FRAMES, st.data())
def test_decode_takes_a_frame_that_was_damaged(frame: CallFrame, data: st.DataObject) -> None:
    text = encode(frame)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    patch = data.draw(st.text(st.sampled_from('[]{}",:0123456789.eE-+ntfNI\\u \ud800'), max_size=5))
    assert is_well_formed(decode(text[:start] + patch + text[end:]))


@given(FRAMES)
def test_encode_and_decode_are_a_round_trip(frame: CallFrame) -> None:
    text = encode(frame)
    text.encode()
    assert decode(text) == frame


@given(IDS, st.lists(FINITE, max_size=4))
def test_a_call_with_a_readable_id_keeps_it(unique_id: str, rest: list[Any]) -> None:
    frame = decode(json.dumps([2, unique_id, *rest]))
    assert isinstance(frame, (CallFrame, BadFrame))
    assert frame.unique_id == unique_id
