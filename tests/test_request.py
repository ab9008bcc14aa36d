"""Answers that are wrong on purpose, as a CSMS sees them: on a socket of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from ocppsim import (
    AlreadyAnswered,
    CallError,
    CallTimeout,
    ChargePoint,
    ConnectionLost,
    InvalidPayload,
    Plugins,
    Request,
    connect,
)
from ocppsim.csms import CentralSystem


@pytest.fixture
def csms() -> Iterator[CentralSystem]:
    with CentralSystem() as csms:
        yield csms


@pytest.fixture
def cp(csms: CentralSystem) -> Iterator[ChargePoint]:
    with connect(f"{csms.url}/CP1", plugins=Plugins()) as cp:
        yield cp


def reset(csms: CentralSystem, timeout: float = 10) -> dict[str, object]:
    return csms.call("CP1", "Reset", {"type": "Soft"}, timeout=timeout, unique_id="the-reset")


def answers(cp: ChargePoint) -> list[str | bytes]:
    return [frame.text for frame in cp.frames(direction="sent")]


def test_a_payload_that_breaks_the_schema(cp: ChargePoint, csms: CentralSystem) -> None:
    cp.on("Reset", lambda request: request.reply(status="Perhaps", validate=False))
    with pytest.raises(InvalidPayload, match="Perhaps"):
        reset(csms)


def test_late(cp: ChargePoint, csms: CentralSystem) -> None:
    cp.on("Reset", lambda request: request.reply(status="Accepted", delay=0.05))
    started = time.monotonic()
    assert reset(csms) == {"status": "Accepted"}
    assert time.monotonic() - started >= 0.05


def test_a_late_answer_ends_when_the_charge_point_is_closed(
    cp: ChargePoint, csms: CentralSystem
) -> None:
    cp.on("Reset", lambda request: request.reply(status="Accepted", delay=3600))
    with pytest.raises(CallTimeout):
        reset(csms, timeout=0.05)
    started = time.monotonic()
    cp.close()
    assert time.monotonic() - started < 60


def test_twice(cp: ChargePoint, csms: CentralSystem) -> None:
    cp.on("Reset", lambda request: request.reply(status="Accepted", times=2))
    assert reset(csms) == {"status": "Accepted"}
    cp.wait_for_frame(direction="sent", after=2)
    assert answers(cp) == ['[3,"the-reset",{"status":"Accepted"}]'] * 2


def test_never(cp: ChargePoint, csms: CentralSystem) -> None:
    cp.on("Reset", lambda request: request.no_reply())
    with pytest.raises(CallTimeout):
        reset(csms, timeout=0.05)
    assert answers(cp) == []
    assert cp.handler_failures == []


def test_under_another_id(cp: ChargePoint, csms: CentralSystem) -> None:
    cp.on("Reset", lambda request: request.reply(status="Accepted", unique_id="another"))
    with pytest.raises(CallTimeout):
        reset(csms, timeout=0.05)
    assert answers(cp) == ['[3,"another",{"status":"Accepted"}]']


def test_raw_text_as_often_as_you_like(cp: ChargePoint, csms: CentralSystem) -> None:
    cp.on("Reset", lambda request: request.reply_raw("[3,").reply_raw(b"\x00"))
    with pytest.raises(CallTimeout):
        reset(csms, timeout=0.05)
    assert answers(cp) == ["[3,", b"\x00"]


def test_an_error_with_details(cp: ChargePoint, csms: CentralSystem) -> None:
    cp.on("Reset", lambda request: request.reply_error("SecurityError", "not you", {"a": 1}))
    with pytest.raises(CallError) as caught:
        reset(csms)
    assert (caught.value.code, caught.value.description) == ("SecurityError", "not you")
    assert caught.value.details == {"a": 1}


def test_fields_and_payload_make_one_payload(cp: ChargePoint, csms: CentralSystem) -> None:
    sent: list[dict[str, object]] = []
    cp.on("Reset", lambda request: sent.append(request.reply({}, status="Accepted")))
    assert reset(csms) == {"status": "Accepted"}
    cp.close()  # the handler has ended
    assert sent == [{"status": "Accepted"}]


def test_a_second_reply_raises_and_nothing_leaves(cp: ChargePoint, csms: CentralSystem) -> None:
    raised: list[Exception] = []

    @cp.on("Reset")
    def handler(request: Request) -> None:
        request.reply(status="Accepted")
        for again in (
            lambda: request.reply(status="Rejected"),
            request.reply_error,
            request.defer,
            request.no_reply,
        ):
            with pytest.raises(AlreadyAnswered) as caught:
                again()
            raised.append(caught.value)

    assert reset(csms) == {"status": "Accepted"}
    cp.close()
    assert len(raised) == 4
    assert len(answers(cp)) == 1


def test_an_invalid_reply_leaves_the_request_open(cp: ChargePoint, csms: CentralSystem) -> None:
    @cp.on("Reset")
    def handler(request: Request) -> None:
        with pytest.raises(InvalidPayload) as caught:
            request.reply(status="Perhaps")
        assert caught.value.path == "$.status"
        assert not request.answered
        request.reply(status="Accepted")

    assert reset(csms) == {"status": "Accepted"}


def test_a_deferred_request_is_answered_from_anywhere(cp: ChargePoint, csms: CentralSystem) -> None:
    kept: list[Request] = []
    cp.on("Reset", lambda request: kept.append(request.defer()))
    with pytest.raises(CallTimeout):
        reset(csms, timeout=0.05)
    kept[0].reply(status="Accepted")
    assert answers(cp) == ['[3,"the-reset",{"status":"Accepted"}]']


def test_a_reply_goes_to_the_connection_of_its_request_or_nowhere(
    cp: ChargePoint, csms: CentralSystem
) -> None:
    kept: list[Request] = []
    cp.on("Reset", lambda request: kept.append(request.defer()))
    with pytest.raises(CallTimeout):
        reset(csms, timeout=0.05)
    cp.reconnect()
    with pytest.raises(ConnectionLost):
        kept[0].reply(status="Accepted")
    assert answers(cp) == []
