"""The parser, and a charge point behind a real socket, under mad messages."""

from __future__ import annotations

from collections import Counter

from fuzz.messages import messages
from fuzz.run import fuzz
from hypothesis import given
from hypothesis import strategies as st

from ocppsim import rpc


def test_the_messages_are_of_every_kind() -> None:
    made = list(messages(1, 1000))
    assert made == list(messages(1, 1000))
    kinds = Counter((type(message.data), message.text, message.answers) for message in made)
    assert set(kinds) == {
        (str, True, 0),
        (str, True, 1),
        (str, True, None),
        (bytes, True, 0),
        (bytes, True, 1),
        (bytes, True, None),
        (bytes, False, 0),
    }


@given(st.integers())
def test_the_parser_raises_nothing_and_finds_every_id_that_can_be_read(seed: int) -> None:
    for message in messages(seed, 30):
        data = message.data
        if isinstance(data, bytes) and message.text:
            data = data.decode(errors="replace")
        frame = rpc.decode(data)
        call = frame.type == "CALL" or getattr(frame, "message_type", None) == rpc.CALL
        if message.answers is not None:
            readable = call and frame.unique_id is not None
            assert readable == bool(message.answers), message
        if message.answers:
            assert frame.unique_id == message.unique_id, message


def test_every_call_is_answered_once_whatever_comes() -> None:
    outcome = fuzz(5000, seed=16)
    assert outcome.calls > 2000
    assert outcome.faults() == []
