"""How a script's handlers answer the CSMS: over a real socket, each row of the contract."""

import contextlib
import datetime
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from scripted_csms import HEARTBEAT, PATIENCE, Peer, ScriptedCsms

from ocppsim import (
    AlreadyAnswered,
    CallError,
    CallTimeout,
    ChargePoint,
    ConnectionLost,
    InvalidPayload,
    Request,
    WaitTimeout,
    connect,
)

ACCEPTED = {"status": "Accepted"}


def ask(peer: Peer, action: str = "ClearCache", payload: Any = None) -> list[Any]:
    """What came back, without the unique id: ``[3, payload]`` or ``[4, code, description, …]``."""
    answer = peer.ask(action, payload)
    return [answer[0], *answer[2:]]


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What a handler waits for; open at the latest when the test is over."""
    gate = threading.Event()
    yield gate
    gate.set()


# --- returns -------------------------------------------------------------------------------------


def test_a_dict_is_the_answer(cp: ChargePoint, peer: Peer) -> None:
    cp.on("ClearCache", lambda request: ACCEPTED)
    assert ask(peer) == [3, ACCEPTED]
    assert cp.handler_failures == []


def test_on_is_a_decorator_that_returns_the_function(cp: ChargePoint, peer: Peer) -> None:
    @cp.on("ClearCache")
    def clear(request: Request) -> dict[str, str]:
        return ACCEPTED

    assert clear(None) == ACCEPTED  # type: ignore[arg-type]
    assert ask(peer) == [3, ACCEPTED]


def test_a_handler_gets_the_request_as_on_the_wire(cp: ChargePoint, peer: Peer) -> None:
    got: list[Request] = []

    @cp.on("Reset")
    def reset(request: Request) -> dict[str, str]:
        got.append(request)
        return ACCEPTED

    peer.ask("Reset", {"type": "Hard"}, unique_id="a")
    (request,) = got
    assert (request.action, request.payload, request.unique_id) == ("Reset", {"type": "Hard"}, "a")
    assert request.cp is cp
    assert request.answered
    assert request.age() < PATIENCE
    assert "Reset" in repr(request)


def test_none_leaves_it_to_the_default(cp: ChargePoint, peer: Peer) -> None:
    cp.on("ClearCache", lambda request: None)
    assert ask(peer)[:2] == [4, "NotSupported"]
    assert cp.handler_failures == []


@pytest.mark.parametrize("answer", ["Accepted", 5, True, [], (ACCEPTED,), object()])
def test_nonsense_is_an_internal_error(
    cp: ChargePoint, peer: Peer, caplog: pytest.LogCaptureFixture, answer: Any
) -> None:
    cp.on("ClearCache", lambda request: answer)
    assert ask(peer)[:2] == [4, "InternalError"]
    assert isinstance(cp.handler_failures[0], TypeError)
    assert "not a dict or None" in caplog.text


def test_an_invalid_dict_is_an_internal_error_and_the_log_says_where(
    cp: ChargePoint, peer: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    cp.on("ClearCache", lambda request: {"status": "Perhaps"})
    assert ask(peer)[:2] == [4, "InternalError"]
    assert "ClearCache: the script's handler failed" in caplog.text
    assert "$.status: 'Perhaps' is not one of Accepted, Rejected" in caplog.text
    assert isinstance(cp.handler_failures[0], InvalidPayload)


@pytest.mark.parametrize(
    "payload",
    [{"status": object()}, {"status": float("nan")}, {1: 2}, {"status": {"a", "b"}}],
    ids=["object", "nan", "key", "set"],
)
def test_a_dict_that_is_no_json_is_an_internal_error(
    cp: ChargePoint, peer: Peer, payload: Any
) -> None:
    cp.on("ClearCache", lambda request: payload)
    assert ask(peer)[:2] == [4, "InternalError"]


def test_a_dict_that_is_nested_without_end_is_an_internal_error(
    cp: ChargePoint, peer: Peer
) -> None:
    deep: Any = "x"
    for _ in range(100_000):
        deep = [deep]
    cp.on("DataTransfer", lambda request: {"status": "Accepted", "data": deep})
    cp.on("Frobnicate", lambda request: {"data": deep})
    assert ask(peer, "DataTransfer", {"vendorId": "v"})[:2] == [4, "InternalError"]
    assert ask(peer, "Frobnicate")[:2] == [4, "InternalError"]


# --- raises --------------------------------------------------------------------------------------


def test_a_call_error_that_is_raised_is_the_answer(cp: ChargePoint, peer: Peer) -> None:
    @cp.on("ClearCache")
    def refuse(request: Request) -> None:
        raise CallError("SecurityError", "not you", {"who": ["x"]})

    assert ask(peer) == [4, "SecurityError", "not you", {"who": ["x"]}]
    assert cp.handler_failures == []


def test_a_call_error_that_is_no_json_is_an_internal_error(cp: ChargePoint, peer: Peer) -> None:
    @cp.on("ClearCache")
    def refuse(request: Request) -> None:
        raise CallError("SecurityError", "not you", {"since": datetime.datetime.now()})

    assert ask(peer)[:2] == [4, "InternalError"]


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("x"), ValueError("y" * 1000), ConnectionError(), TimeoutError()]
)
def test_any_exception_is_an_internal_error_and_the_connection_lives_on(
    cp: ChargePoint, peer: Peer, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    @cp.on("ClearCache")
    def fail(request: Request) -> None:
        raise error

    answer = ask(peer)
    assert answer[:2] == [4, "InternalError"]
    assert answer[2].startswith(type(error).__name__)
    assert len(answer[2]) <= 255
    assert cp.handler_failures == [error]
    assert "Traceback" in caplog.text
    assert ask(peer, "Reset", {"type": "Hard"})[:2] == [4, "NotSupported"]


def test_what_the_csms_refused_in_a_nested_call_is_not_its_answer(
    cp: ChargePoint, peer: Peer
) -> None:
    @cp.on("ClearCache")
    def nested(request: Request) -> dict[str, str]:
        cp.call("Heartbeat")
        return ACCEPTED

    peer.send([2, "a", "ClearCache", {}])
    call = peer.next_call("Heartbeat")
    peer.send([4, call[1], "SecurityError", "not you", {}])
    answer = peer.next()
    assert answer[:3] == [4, "a", "InternalError"]
    assert "SecurityError" in answer[3]


def test_a_time_out_in_a_nested_call_is_an_internal_error(cp: ChargePoint, peer: Peer) -> None:
    cp.on("ClearCache", lambda request: cp.call("Heartbeat", timeout=0.01))
    peer.send([2, "a", "ClearCache", {}])
    peer.next_call("Heartbeat")
    assert peer.next()[:3] == [4, "a", "InternalError"]
    assert isinstance(cp.handler_failures[0], CallTimeout)


def test_the_loss_of_another_connection_is_an_internal_error(
    cp: ChargePoint, peer: Peer, server: ScriptedCsms
) -> None:
    with connect(f"{server.base}/CP2") as other:
        server.peer()
        other.close()
        cp.on("ClearCache", lambda request: other.call("Heartbeat"))
        assert ask(peer)[:2] == [4, "InternalError"]
        assert isinstance(cp.handler_failures[0], ConnectionLost)


# --- yields --------------------------------------------------------------------------------------


def test_the_first_yield_is_the_answer_and_the_rest_runs_after(
    cp: ChargePoint, peer: Peer, gate: threading.Event
) -> None:
    @cp.on("ClearCache")
    def clear(request: Request) -> Iterator[dict[str, str]]:
        yield ACCEPTED
        assert gate.wait(PATIENCE)
        cp.call("Heartbeat")

    assert ask(peer) == [3, ACCEPTED]
    gate.set()
    peer.answer(HEARTBEAT, "Heartbeat")


def test_a_generator_that_ends_without_a_yield_is_an_internal_error(
    cp: ChargePoint, peer: Peer
) -> None:
    @cp.on("ClearCache")
    def clear(request: Request) -> Iterator[dict[str, str]]:
        if request.payload:
            yield ACCEPTED

    answer = ask(peer)
    assert answer[:2] == [4, "InternalError"]
    assert "without a yield" in answer[2]


def test_a_second_yield_is_an_error_in_the_log_and_the_rest_runs(
    cp: ChargePoint, peer: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    @cp.on("ClearCache")
    def clear(request: Request) -> Iterator[dict[str, str]]:
        yield ACCEPTED
        yield {"status": "Rejected"}
        cp.call("Heartbeat")

    assert ask(peer) == [3, ACCEPTED]
    peer.answer(HEARTBEAT, "Heartbeat")
    assert "yielded a second time" in caplog.text


@pytest.mark.parametrize("answer", [None, "Accepted", [ACCEPTED]])
def test_a_yield_of_nonsense_is_an_internal_error(cp: ChargePoint, peer: Peer, answer: Any) -> None:
    @cp.on("ClearCache")
    def clear(request: Request) -> Iterator[Any]:
        yield answer

    assert ask(peer)[:2] == [4, "InternalError"]


def test_a_yield_of_an_invalid_dict_is_an_internal_error_and_ends_the_generator(
    cp: ChargePoint, peer: Peer
) -> None:
    steps: list[str] = []
    over = threading.Event()

    @cp.on("ClearCache")
    def clear(request: Request) -> Iterator[Any]:
        try:
            yield {"status": "Perhaps"}
            steps.append("after")
        finally:
            over.set()

    assert ask(peer)[:2] == [4, "InternalError"]
    assert over.wait(PATIENCE)
    assert steps == []


def test_a_generator_that_raises_before_its_answer(cp: ChargePoint, peer: Peer) -> None:
    @cp.on("ClearCache")
    def clear(request: Request) -> Iterator[dict[str, str]]:
        raise CallError("SecurityError", "not you")
        yield ACCEPTED

    assert ask(peer) == [4, "SecurityError", "not you", {}]


@pytest.mark.parametrize("error", [ZeroDivisionError("x"), CallError("SecurityError")])
def test_a_generator_that_raises_after_its_answer_is_a_failure_and_sends_nothing(
    cp: ChargePoint, peer: Peer, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    @cp.on("ClearCache")
    def clear(request: Request) -> Iterator[dict[str, str]]:
        yield ACCEPTED
        raise error

    assert ask(peer) == [3, ACCEPTED]
    cp.close()
    assert peer.rest() == []
    assert cp.handler_failures == [error]
    assert "Traceback" in caplog.text


def test_a_generator_may_reply_itself(cp: ChargePoint, peer: Peer) -> None:
    @cp.on("ClearCache")
    def clear(request: Request) -> Iterator[dict[str, str]]:
        request.reply(ACCEPTED)
        if request.payload:
            yield {}

    assert ask(peer) == [3, ACCEPTED]
    cp.close()
    assert cp.handler_failures == []


def test_a_yield_after_a_reply_is_a_failure(cp: ChargePoint, peer: Peer) -> None:
    @cp.on("ClearCache")
    def clear(request: Request) -> Iterator[dict[str, str]]:
        request.reply(ACCEPTED)
        yield ACCEPTED

    assert ask(peer) == [3, ACCEPTED]
    cp.close()
    assert peer.rest() == []
    assert isinstance(cp.handler_failures[0], AlreadyAnswered)


def test_what_a_generator_returns_does_not_matter(cp: ChargePoint, peer: Peer) -> None:
    @cp.on("ClearCache")
    def clear(request: Request) -> Any:
        yield ACCEPTED
        return {"status": "Rejected"}

    assert ask(peer) == [3, ACCEPTED]
    cp.close()
    assert cp.handler_failures == []


# --- replies -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply",
    [
        lambda request: request.reply(status="Accepted"),
        lambda request: request.reply({"status": "Accepted"}),
        lambda request: request.reply({"status": "Rejected"}, status="Accepted"),
    ],
)
def test_reply_takes_a_payload_or_fields_or_both(
    cp: ChargePoint, peer: Peer, reply: Callable[[Request], Any]
) -> None:
    returned: list[Any] = []
    cp.on("ClearCache", lambda request: returned.append(reply(request)))
    assert ask(peer) == [3, ACCEPTED]
    cp.close()
    assert returned == [ACCEPTED]
    assert cp.handler_failures == []


def test_reply_may_be_returned(cp: ChargePoint, peer: Peer) -> None:
    cp.on("ClearCache", lambda request: request.reply(status="Accepted"))
    cp.on("Reset", lambda request: request.reply_error("SecurityError"))
    assert ask(peer) == [3, ACCEPTED]
    assert ask(peer, "Reset", {"type": "Hard"}) == [4, "SecurityError", "", {}]
    cp.close()
    assert peer.rest() == []
    assert cp.handler_failures == []


def test_a_second_reply_raises(cp: ChargePoint, peer: Peer) -> None:
    raised: list[AlreadyAnswered] = []

    @cp.on("ClearCache")
    def clear(request: Request) -> None:
        request.reply(status="Accepted")
        for again in (
            lambda: request.reply(status="Rejected"),
            lambda: request.reply_error("GenericError"),
            request.defer,
            request.no_reply,
        ):
            try:
                again()
            except AlreadyAnswered as error:
                raised.append(error)

    assert ask(peer) == [3, ACCEPTED]
    cp.close()
    assert len(raised) == 4
    assert "was answered already" in str(raised[0])
    assert peer.rest() == []


def test_of_many_threads_that_reply_one_does(cp: ChargePoint, peer: Peer) -> None:
    outcomes: list[str] = []

    def reply(request: Request) -> None:
        try:
            request.reply(status="Accepted")
            outcomes.append("replied")
        except AlreadyAnswered:
            outcomes.append("too late")

    @cp.on("ClearCache")
    def clear(request: Request) -> None:
        threads = [threading.Thread(target=reply, args=(request,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert ask(peer) == [3, ACCEPTED]
    cp.close()
    assert peer.rest() == []
    assert sorted(outcomes) == ["replied"] + ["too late"] * 7


def test_an_invalid_reply_raises_and_leaves_the_request_open(cp: ChargePoint, peer: Peer) -> None:
    @cp.on("ClearCache")
    def clear(request: Request) -> None:
        with pytest.raises(InvalidPayload, match=r"\$\.status"):
            request.reply(status="Perhaps")
        assert not request.claimed
        request.reply(status="Rejected")

    assert ask(peer) == [3, {"status": "Rejected"}]
    cp.close()
    assert cp.handler_failures == []


def test_validate_false_replies_with_anything(cp: ChargePoint, peer: Peer) -> None:
    cp.on("ClearCache", lambda request: request.reply({"a": [1]}, validate=False))
    assert ask(peer) == [3, {"a": [1]}]


def test_reply_error(cp: ChargePoint, peer: Peer) -> None:
    cp.on("ClearCache", lambda request: request.reply_error("SecurityError", "why", {"a": 1}))
    cp.on("GetConfiguration", lambda request: request.reply_error())
    assert ask(peer) == [4, "SecurityError", "why", {"a": 1}]
    assert ask(peer, "GetConfiguration") == [4, "GenericError", "", {}]


def test_an_answer_that_is_returned_after_a_reply_is_not_sent(cp: ChargePoint, peer: Peer) -> None:
    @cp.on("ClearCache")
    def clear(request: Request) -> dict[str, str]:
        request.reply(status="Accepted")
        return {"status": "Rejected"}

    assert ask(peer) == [3, ACCEPTED]
    cp.close()
    assert peer.rest() == []


def test_an_exception_after_a_reply_is_a_failure_and_sends_nothing(
    cp: ChargePoint, peer: Peer
) -> None:
    @cp.on("ClearCache")
    def clear(request: Request) -> None:
        request.reply(status="Accepted")
        raise CallError("SecurityError")

    assert ask(peer) == [3, ACCEPTED]
    cp.close()
    assert peer.rest() == []
    assert isinstance(cp.handler_failures[0], CallError)


# --- later, and never ----------------------------------------------------------------------------


def test_a_deferred_request_is_answered_later_from_another_thread(
    cp: ChargePoint, peer: Peer
) -> None:
    deferred: list[Request] = []

    @cp.on("ClearCache")
    def clear(request: Request) -> Request:
        deferred.append(request)
        return request.defer()

    peer.send([2, "a", "ClearCache", {}])
    assert ask(peer, "Reset", {"type": "Hard"})[:2] == [4, "NotSupported"]
    (request,) = deferred
    assert request.claimed
    assert not request.answered
    request.reply(status="Accepted")
    assert peer.next() == [3, "a", ACCEPTED]
    with pytest.raises(AlreadyAnswered):
        request.reply(status="Accepted")


def test_a_deferred_request_stays_deferred_after_an_invalid_reply(
    cp: ChargePoint, peer: Peer
) -> None:
    deferred: list[Request] = []
    cp.on("ClearCache", lambda request: deferred.append(request.defer()))
    peer.send([2, "a", "ClearCache", {}])
    ask(peer, "Reset", {"type": "Hard"})
    with pytest.raises(InvalidPayload):
        deferred[0].reply(status="Perhaps")
    deferred[0].reply(status="Accepted")
    assert peer.next() == [3, "a", ACCEPTED]


def test_a_handler_that_fails_after_defer_is_an_internal_error(cp: ChargePoint, peer: Peer) -> None:
    cp.on("ClearCache", lambda request: request.defer() and 1 / 0)
    assert ask(peer)[:2] == [4, "InternalError"]


def test_no_reply_is_none_on_purpose(cp: ChargePoint, peer: Peer) -> None:
    kept: list[Request] = []
    cp.on("ClearCache", lambda request: kept.append(request.no_reply()))
    peer.send([2, "a", "ClearCache", {}])
    assert ask(peer, "Reset", {"type": "Hard"})[:2] == [4, "NotSupported"]
    with pytest.raises(AlreadyAnswered, match="never to be answered"):
        kept[0].reply(status="Accepted")
    cp.close()
    assert peer.rest() == []
    assert cp.handler_failures == []


def test_an_exception_after_no_reply_sends_nothing(cp: ChargePoint, peer: Peer) -> None:
    cp.on("ClearCache", lambda request: request.no_reply() and 1 / 0)
    peer.send([2, "a", "ClearCache", {}])
    ask(peer, "Reset", {"type": "Hard"})
    cp.close()
    assert peer.rest() == []
    assert isinstance(cp.handler_failures[0], ZeroDivisionError)


def test_a_reply_after_the_connection_is_gone_raises(cp: ChargePoint, peer: Peer) -> None:
    deferred: list[Request] = []
    lost = threading.Event()
    cp.on("ClearCache", lambda request: deferred.append(request.defer()))
    cp.on_close(lambda reason: lost.set())
    peer.send([2, "a", "ClearCache", {}])
    ask(peer, "Reset", {"type": "Hard"})
    peer.drop()
    assert lost.wait(PATIENCE)
    with pytest.raises(ConnectionLost):
        deferred[0].reply(status="Accepted")


def test_a_reply_does_not_go_to_the_next_connection(
    cp: ChargePoint, peer: Peer, server: ScriptedCsms
) -> None:
    deferred: list[Request] = []
    cp.on("ClearCache", lambda request: deferred.append(request.defer()))
    peer.send([2, "a", "ClearCache", {}])
    ask(peer, "Reset", {"type": "Hard"})
    cp.reconnect()
    with pytest.raises(ConnectionLost):
        deferred[0].reply(status="Accepted")
    cp.close()
    assert server.peer().rest() == []


def test_an_answer_that_finds_the_connection_gone_is_no_failure(
    cp: ChargePoint, peer: Peer, gate: threading.Event
) -> None:
    began, lost = threading.Event(), threading.Event()

    @cp.on("ClearCache")
    def clear(request: Request) -> dict[str, str]:
        began.set()
        assert gate.wait(PATIENCE)
        return ACCEPTED

    cp.on_close(lambda reason: lost.set())
    peer.send([2, "a", "ClearCache", {}])
    assert began.wait(PATIENCE)
    peer.drop()
    assert lost.wait(PATIENCE)
    gate.set()
    cp.close()
    assert cp.handler_failures == []


# --- registering ---------------------------------------------------------------------------------


def test_once_serves_the_next_one_only(cp: ChargePoint, peer: Peer) -> None:
    cp.on("ClearCache", lambda request: ACCEPTED, once=True)
    assert ask(peer) == [3, ACCEPTED]
    assert ask(peer)[:2] == [4, "NotSupported"]


def test_once_as_a_decorator(cp: ChargePoint, peer: Peer) -> None:
    @cp.on("ClearCache", once=True)
    def clear(request: Request) -> dict[str, str]:
        return ACCEPTED

    assert ask(peer) == [3, ACCEPTED]
    assert ask(peer)[:2] == [4, "NotSupported"]


def test_registering_again_replaces(cp: ChargePoint, peer: Peer) -> None:
    cp.on("ClearCache", lambda request: {"status": "Rejected"})
    cp.on("ClearCache", lambda request: ACCEPTED)
    assert ask(peer) == [3, ACCEPTED]


@pytest.mark.parametrize("first", [True, False])
def test_one_for_once_lies_over_the_one_that_stays(
    cp: ChargePoint, peer: Peer, first: bool
) -> None:
    for once in (first, not first):
        answer = {"status": "Rejected"} if once else ACCEPTED
        cp.on("ClearCache", lambda request, answer=answer: answer, once=once)
    assert [ask(peer), ask(peer)] == [[3, {"status": "Rejected"}], [3, ACCEPTED]]


def test_pytest_fail_in_a_handler_is_an_internal_error(cp: ChargePoint, peer: Peer) -> None:
    cp.on("ClearCache", lambda request: pytest.fail("no ClearCache expected"))
    assert ask(peer)[:2] == [4, "InternalError"]
    assert len(cp.handler_failures) == 1


def test_what_is_no_handler_is_refused_at_once(cp: ChargePoint) -> None:
    with pytest.raises(TypeError, match="a function or a payload"):
        cp.on("ClearCache", 5)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="asks for no message"):
        cp.on("ClearCache", "Accepted")


def test_a_handler_may_register_its_successor(cp: ChargePoint, peer: Peer) -> None:
    @cp.on("ClearCache", once=True)
    def first(request: Request) -> dict[str, str]:
        cp.on("ClearCache", lambda request: ACCEPTED, once=True)
        return {"status": "Rejected"}

    assert ask(peer) == [3, {"status": "Rejected"}]
    assert ask(peer) == [3, ACCEPTED]


def test_the_handler_of_one_message_comes_before_the_general_one(
    cp: ChargePoint, peer: Peer
) -> None:
    cp.on("TriggerMessage", lambda request: {"status": "Rejected"})
    cp.on("TriggerMessage", "BootNotification", lambda request: ACCEPTED)

    @cp.on("TriggerMessage", "Heartbeat")
    def heartbeat(request: Request) -> None:
        assert request.requestedMessage == "Heartbeat"

    def trigger(message: str) -> list[Any]:
        return ask(peer, "TriggerMessage", {"requestedMessage": message})

    assert trigger("BootNotification") == [3, ACCEPTED]
    assert trigger("MeterValues") == [3, {"status": "Rejected"}]
    assert trigger("Heartbeat") == [3, {"status": "Rejected"}]
    assert cp.handler_failures == []


def test_a_misspelt_action_is_warned_of_with_a_suggestion(
    cp: ChargePoint, peer: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    cp.on("GetDiagnostic", lambda request: {})
    (record,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert record.getMessage().startswith("CP1: GetDiagnostic is no action that a CSMS sends")
    assert "did you mean GetDiagnostics?" in record.getMessage()


def test_an_action_of_the_charge_point_is_warned_of(
    cp: ChargePoint, caplog: pytest.LogCaptureFixture
) -> None:
    cp.on("BootNotification", lambda request: {})
    assert "BootNotification is no action that a CSMS sends" in caplog.text


# --- threads -------------------------------------------------------------------------------------


def test_a_handler_that_blocks_holds_up_neither_requests_nor_calls(
    cp: ChargePoint, peer: Peer, gate: threading.Event
) -> None:
    @cp.on("ClearCache")
    def clear(request: Request) -> dict[str, str]:
        assert gate.wait(PATIENCE)
        return ACCEPTED

    cp.on("Reset", lambda request: ACCEPTED)
    peer.send([2, "a", "ClearCache", {}])
    assert ask(peer, "Reset", {"type": "Hard"}) == [3, ACCEPTED]
    future = cp.submit("Heartbeat")
    peer.answer(HEARTBEAT, "Heartbeat")
    assert future.result(PATIENCE) == HEARTBEAT
    gate.set()
    assert peer.next() == [3, "a", ACCEPTED]


def test_a_handler_may_call_the_csms_before_it_answers(cp: ChargePoint, peer: Peer) -> None:
    cp.on("ClearCache", lambda request: cp.call("Heartbeat") and ACCEPTED)
    peer.send([2, "a", "ClearCache", {}])
    peer.answer(HEARTBEAT, "Heartbeat")
    assert peer.next() == [3, "a", ACCEPTED]


def test_a_handler_may_call_the_csms_while_the_script_does(cp: ChargePoint, peer: Peer) -> None:
    cp.on("ClearCache", lambda request: cp.call("Heartbeat") and ACCEPTED)
    mine = cp.submit("Authorize", {"idTag": "x"})
    peer.next_call("Authorize")
    peer.send([2, "a", "ClearCache", {}])
    peer.send([3, cp.trace[0].unique_id, {"idTagInfo": ACCEPTED}])
    assert mine.result(PATIENCE) == {"idTagInfo": ACCEPTED}
    peer.answer(HEARTBEAT, "Heartbeat")
    assert peer.next() == [3, "a", ACCEPTED]


def test_a_handlers_thread_is_named_after_charge_point_and_action(
    cp: ChargePoint, peer: Peer
) -> None:
    names: list[str] = []

    @cp.on("ClearCache")
    def clear(request: Request) -> dict[str, str]:
        names.append(threading.current_thread().name)
        assert threading.current_thread().daemon
        return ACCEPTED

    ask(peer)
    assert names == ["ocppsim CP1 ClearCache"]


def test_the_request_over_the_cap_is_refused_and_all_recovers(
    cp: ChargePoint, peer: Peer, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ocppsim.handlers._free", threading.BoundedSemaphore(2))

    @cp.on("ClearCache")
    def clear(request: Request) -> dict[str, str]:
        assert gate.wait(PATIENCE)
        return ACCEPTED

    peer.send([2, "a", "ClearCache", {}])
    peer.send([2, "b", "ClearCache", {}])
    answer = ask(peer)
    assert answer[:2] == [4, "GenericError"]
    assert "too many requests" in answer[2]
    gate.set()
    assert sorted([peer.next(), peer.next()]) == [[3, "a", ACCEPTED], [3, "b", ACCEPTED]]
    cp.close()  # their threads have ended now
    cp.reconnect()


def test_after_the_cap_was_reached_requests_are_served_again(
    cp: ChargePoint, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ocppsim.handlers._free", threading.BoundedSemaphore(3))
    cp.on("ClearCache", lambda request: 1 / 0)
    for _ in range(20):
        answers = []
        for number in range(6):
            peer.send([2, str(number), "ClearCache", {}])
        for _ in range(6):
            answers.append(peer.next()[2])
        assert set(answers) <= {"InternalError", "GenericError"}
        assert "InternalError" in answers


def test_many_requests_are_all_answered_and_leave_no_thread(cp: ChargePoint, peer: Peer) -> None:
    cp.on("ClearCache", lambda request: ACCEPTED)
    ids = [str(number) for number in range(2000)]
    waiting: list[str] = []
    for unique_id in ids:
        peer.send([2, unique_id, "ClearCache", {}])
        waiting.append(unique_id)
        if len(waiting) == 100:  # well below the cap
            assert sorted(peer.next()[1] for _ in waiting) == sorted(waiting)
            waiting.clear()
    cp.close()
    assert not cp._handlers._threads


def test_close_names_a_handler_that_does_not_end(
    cp: ChargePoint, peer: Peer, gate: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    began = threading.Event()

    @cp.on("ClearCache")
    def clear(request: Request) -> None:
        began.set()
        assert gate.wait(PATIENCE)

    peer.send([2, "a", "ClearCache", {}])
    assert began.wait(PATIENCE)
    cp.close(timeout=0.1)
    assert "left behind, still running: ocppsim CP1 ClearCache" in caplog.text


def test_a_request_that_comes_as_the_connection_ends_is_no_accident(
    server: ScriptedCsms, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(30):
        with connect(server.url) as cp:
            peer = server.peer()
            cp.on("ClearCache", lambda request: ACCEPTED)
            for number in range(5):
                peer.send([2, str(number), "ClearCache", {}])
            peer.drop()
            with contextlib.suppress(ConnectionLost):
                cp.call("Heartbeat")
        assert cp.handler_failures == []
    assert "Traceback" not in caplog.text


# --- nobody answers ------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["TriggerMessage", "ExtendedTriggerMessage"])
def test_a_trigger_is_answered_with_a_status(cp: ChargePoint, peer: Peer, action: str) -> None:
    assert ask(peer, action, {"requestedMessage": "Heartbeat"}) == [3, {"status": "NotImplemented"}]


@pytest.mark.parametrize("action", ["ClearCache", "GetLocalListVersion"])
def test_an_action_of_ocpp_is_not_supported(cp: ChargePoint, peer: Peer, action: str) -> None:
    answer = ask(peer, action)
    assert answer[:2] == [4, "NotSupported"]
    assert action in answer[2]


def test_any_other_action_is_not_implemented(cp: ChargePoint, peer: Peer) -> None:
    assert ask(peer, "Frobnicate")[:2] == [4, "NotImplemented"]
    answer = ask(peer, "F" * 1000)
    assert answer[:2] == [4, "NotImplemented"]
    assert len(answer[2]) <= 255


def test_a_request_carries_no_lasting_state_of_another(cp: ChargePoint, peer: Peer) -> None:
    cp.on("DataTransfer", lambda request: {"status": "Accepted", "data": request.payload["data"]})
    for number in range(20):
        payload = {"vendorId": "v", "data": str(number)}
        assert ask(peer, "DataTransfer", payload) == [
            3,
            {"status": "Accepted", "data": str(number)},
        ]


# --- waiting for them ----------------------------------------------------------------------------


def test_wait_for_handlers_sees_them_through(
    cp: ChargePoint, peer: Peer, gate: threading.Event
) -> None:
    done: list[str] = []

    @cp.on("ClearCache")
    def clear(request: Request) -> Iterator[dict[str, str]]:
        yield ACCEPTED
        gate.wait(PATIENCE)
        done.append("done")

    assert ask(peer) == [3, ACCEPTED]
    with pytest.raises(WaitTimeout, match=r"still running after 0\.01 s: ocppsim CP1 ClearCache"):
        cp.wait_for_handlers(timeout=0.01)
    gate.set()
    cp.wait_for_handlers(timeout=PATIENCE)
    assert done == ["done"]


def test_a_handler_may_wait_for_the_other_handlers(cp: ChargePoint, peer: Peer) -> None:
    @cp.on("ClearCache")
    def clear(request: Request) -> dict[str, str]:
        cp.wait_for_handlers(timeout=PATIENCE)
        return ACCEPTED

    assert ask(peer) == [3, ACCEPTED]
