"""The transaction queue over a real connection: order, outages, attempts, the next process."""

from __future__ import annotations

import itertools
import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from command import ocppsim
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_csms import HEARTBEAT, PATIENCE, Peer, ScriptedCsms

from ocppsim import clock, connect
from ocppsim.calls import Result
from ocppsim.chargepoint import ChargePoint
from ocppsim.errors import (
    CallError,
    CallTimeout,
    ConnectError,
    ConnectionLost,
    Fault,
    GivenUp,
    InvalidPayload,
    StateError,
    WouldDeadlock,
)
from ocppsim.store import Store
from ocppsim.timers import timers
from ocppsim.transaction_queue import TransactionQueue
from ocppsim.transactions import Message, Transaction, pending, verify

TIME = "2026-01-31T12:00:00.000Z"
ACCEPTED = {"idTagInfo": {"status": "Accepted"}}


def start(connector: int = 1) -> dict[str, Any]:
    return {"connectorId": connector, "idTag": "TAG", "meterStart": 0, "timestamp": TIME}


def values(number: int = 0) -> dict[str, Any]:
    sampled = {"timestamp": TIME, "sampledValue": [{"value": str(number)}]}
    return {"connectorId": 1, "meterValue": [sampled]}


def stop(meter: int = 1600) -> dict[str, Any]:
    return {"meterStop": meter, "timestamp": TIME}


def boot(cp: ChargePoint, peer: Peer, status: str = "Accepted") -> None:
    asked = {"chargePointVendor": "vendor", "chargePointModel": "model"}
    future = cp.submit("BootNotification", asked)
    peer.answer({"status": status, "currentTime": TIME, "interval": 300}, "BootNotification")
    assert future.result(PATIENCE)["status"] == status


def nothing_else(cp: ChargePoint, peer: Peer) -> None:
    """What was sent up to now has been looked at."""
    future = cp.submit("Heartbeat", concurrent=True)
    peer.answer(HEARTBEAT, "Heartbeat")
    future.result(PATIENCE)


def answer_start(peer: Peer, number: int = 7) -> Any:
    return peer.answer({"transactionId": number, **ACCEPTED}, "StartTransaction")


# --- order ---------------------------------------------------------------------------------------


def test_one_after_the_other_with_the_number_that_the_csms_gave(
    cp: ChargePoint, peer: Peer
) -> None:
    boot(cp, peer)
    transaction = cp.enqueue_start(start())
    futures = [cp.enqueue("MeterValues", values(i), transaction=transaction) for i in range(3)]
    last = cp.enqueue("StopTransaction", stop(), transaction=transaction)
    assert len(cp.queue) == 5
    assert transaction.transactionId is None
    frame = peer.next_call("StartTransaction")
    assert frame[3] == start()
    nothing_else(cp, peer)
    peer.send([3, frame[1], {"transactionId": 7, **ACCEPTED}])
    assert transaction.result(PATIENCE)["transactionId"] == 7
    for number, future in enumerate(futures):
        frame = peer.next_call("MeterValues")
        assert frame[3] == {**values(number), "transactionId": 7}
        nothing_else(cp, peer)
        assert not future.done()
        peer.send([3, frame[1], {}])
        assert future.result(PATIENCE) == {}
    assert peer.answer({}, "StopTransaction")[3] == {**stop(), "transactionId": 7}
    assert last.result(PATIENCE).unique_id
    assert transaction.transactionId == 7
    assert len(cp.queue) == 0


def test_transactions_follow_each_other(cp: ChargePoint, peer: Peer) -> None:
    boot(cp, peer)
    one, two = cp.enqueue_start(start(1)), cp.enqueue_start(start(2))
    cp.enqueue("StopTransaction", stop(2), transaction=two)
    cp.enqueue("StopTransaction", stop(1), transaction=one)
    assert answer_start(peer, 1)[3]["connectorId"] == 1
    assert answer_start(peer, 2)[3]["connectorId"] == 2
    assert peer.answer({}, "StopTransaction")[3] == {**stop(2), "transactionId": 2}
    assert peer.answer({}, "StopTransaction")[3] == {**stop(1), "transactionId": 1}


def test_what_belongs_to_no_start_of_the_queue(cp: ChargePoint, peer: Peer) -> None:
    boot(cp, peer)
    cp.enqueue("MeterValues", values())
    cp.enqueue("MeterValues", values(), transaction=4)
    cp.enqueue("StopTransaction", {**stop(), "transactionId": 5})
    cp.enqueue("DataTransfer", {"vendorId": "vendor"})
    assert peer.answer({}, "MeterValues")[3] == values()
    assert peer.answer({}, "MeterValues")[3] == {**values(), "transactionId": 4}
    assert peer.answer({}, "StopTransaction")[3] == {**stop(), "transactionId": 5}
    peer.answer({"status": "Accepted"}, "DataTransfer")


def test_more_about_a_transaction_that_is_over(cp: ChargePoint, peer: Peer) -> None:
    boot(cp, peer)
    transaction = cp.enqueue_start(start())
    answer_start(peer)
    future = cp.enqueue("StopTransaction", stop(), transaction=transaction)
    peer.answer({}, "StopTransaction")
    future.result(PATIENCE)
    cp.enqueue("MeterValues", values(), transaction=transaction)
    assert peer.answer({}, "MeterValues")[3]["transactionId"] == 7


def test_which_transactions_are_open(cp: ChargePoint, peer: Peer) -> None:
    boot(cp, peer)
    one, two = cp.enqueue_start(start(1)), cp.enqueue_start(start(2))
    assert cp.open_transactions() == [one, two]
    cp.enqueue("StopTransaction", stop(), transaction=one)
    assert cp.open_transactions() == [two]
    assert one.stopped
    assert two.payload == start(2)


def test_a_refused_tag_is_an_answer(cp: ChargePoint, peer: Peer) -> None:
    boot(cp, peer)
    transaction = cp.enqueue_start(start())
    future = cp.enqueue("StopTransaction", stop(), transaction=transaction)
    refusal = {"transactionId": 7, "idTagInfo": {"status": "Invalid"}}
    peer.answer(refusal, "StartTransaction")
    assert transaction.result(PATIENCE) == refusal
    assert peer.answer({}, "StopTransaction")[3]["transactionId"] == 7
    future.result(PATIENCE)


def test_several_threads_put_in_what_stays_in_their_order(cp: ChargePoint, peer: Peer) -> None:
    peer.answers["MeterValues"] = {}
    boot(cp, peer)
    futures: list[Future[Result]] = []

    def put(thread: int) -> None:
        for number in range(50):
            futures.append(cp.enqueue("MeterValues", values(1000 * thread + number)))

    threads = [threading.Thread(target=put, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for future in futures:
        future.result(PATIENCE)
    came = [int(frame[3]["meterValue"][0]["sampledValue"][0]["value"]) for frame in peer.answered]
    for number in range(4):
        assert [one for one in came if one // 1000 == number] == [
            1000 * number + one for one in range(50)
        ]


def test_what_is_queued_cannot_be_called_back(cp: ChargePoint) -> None:
    transaction = cp.enqueue_start(start())
    future = cp.enqueue("StopTransaction", stop(), transaction=transaction)
    assert not transaction.cancel()
    assert not future.cancel()


def test_a_callback_must_not_block(cp: ChargePoint, peer: Peer) -> None:
    boot(cp, peer)
    raised: Future[BaseException | None] = Future()

    def call(future: Future[Result]) -> None:
        try:
            cp.call("Heartbeat")
        except WouldDeadlock as error:
            raised.set_result(error)

    cp.enqueue_start(start()).add_done_callback(call)
    answer_start(peer)
    assert raised.result(PATIENCE)


def test_no_thread_waits_with_the_queue(cp: ChargePoint) -> None:
    threads = threading.active_count()
    for number in range(100):
        cp.enqueue("MeterValues", values(number))
    assert threading.active_count() == threads


# --- what is not taken ---------------------------------------------------------------------------


def test_an_invalid_payload_is_refused_at_once(cp: ChargePoint) -> None:
    transaction = cp.enqueue_start(start())
    with pytest.raises(InvalidPayload, match="idTag is missing"):
        cp.enqueue_start({"connectorId": 1, "meterStart": 0, "timestamp": TIME})
    with pytest.raises(InvalidPayload, match="meterStop"):
        cp.enqueue("StopTransaction", {**stop(), "meterStop": "1"}, transaction=transaction)
    with pytest.raises(InvalidPayload, match="transactionId is missing"):
        cp.enqueue("StopTransaction", stop())
    with pytest.raises(InvalidPayload, match="'transactionId' is not a field"):
        cp.enqueue("DataTransfer", {"vendorId": "vendor"}, transaction=transaction)
    with pytest.raises(InvalidPayload, match="no action"):
        cp.enqueue("MeterValue", values())
    assert len(cp.queue) == 1


def test_no_text_offers_what_the_queue_does_not_have(cp: ChargePoint) -> None:
    with pytest.raises(InvalidPayload) as caught:
        cp.enqueue("MeterValues", {"connectorId": "one"})
    assert "validate=False" not in str(caught.value)


def test_one_that_is_first_used_when_all_is_there(cp: ChargePoint, peer: Peer) -> None:
    assert not cp.trace.observers
    boot(cp, peer)
    future = cp.enqueue("MeterValues", values())
    peer.answer({}, "MeterValues")
    future.result(PATIENCE)


def test_one_that_is_first_used_when_all_is_over(cp: ChargePoint) -> None:
    cp.close()
    with pytest.raises(ConnectionLost, match="the charge point is closed"):
        cp.enqueue("MeterValues", values())
    cp.reconnect()
    cp.enqueue("MeterValues", values())
    assert len(cp.queue) == 1


def test_what_is_not_for_the_queue_is_refused(cp: ChargePoint, server: ScriptedCsms) -> None:
    transaction = cp.enqueue_start(start())
    with pytest.raises(ValueError, match=r"use enqueue_start\(\)"):
        cp.enqueue("StartTransaction", start())
    with pytest.raises(ValueError, match="not for enqueue"):
        cp.enqueue("BootNotification", {})
    with pytest.raises(ValueError, match="give one of them"):
        cp.enqueue("StopTransaction", {**stop(), "transactionId": 1}, transaction=transaction)
    with connect(f"{server.base}/CP2") as other, pytest.raises(ValueError, match="none of this"):
        other.enqueue("StopTransaction", stop(), transaction=transaction)
    assert len(cp.queue) == 1


def test_the_payload_is_the_one_of_the_moment(cp: ChargePoint, peer: Peer) -> None:
    payload = values(1)
    cp.enqueue("MeterValues", payload)
    payload["meterValue"].clear()
    boot(cp, peer)
    assert peer.answer({}, "MeterValues")[3] == values(1)


# --- the way to the CSMS -------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["Pending", "Rejected"])
def test_it_waits_until_the_boot_is_accepted(
    status: str, cp: ChargePoint, peer: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for number in range(3):
        cp.enqueue("MeterValues", values(number))
    nothing_else(cp, peer)
    boot(cp, peer, status)
    nothing_else(cp, peer)
    assert not cp.queue.accepted
    boot(cp, peer)
    peer.next_call("MeterValues")
    assert cp.queue.accepted
    told = [record.getMessage() for record in caplog.records if "waits" in record.getMessage()]
    assert told == [
        "CP1: the transaction queue waits for the CSMS to accept a BootNotification;"
        " messages in it: 1"
    ]


def test_a_new_boot_closes_the_way(cp: ChargePoint, peer: Peer) -> None:
    boot(cp, peer)
    future = cp.submit(
        "BootNotification", {"chargePointVendor": "vendor", "chargePointModel": "model"}
    )
    asked = peer.next_call("BootNotification")
    cp.enqueue("MeterValues", values())
    nothing_else(cp, peer)
    peer.send([3, asked[1], {"status": "Pending", "currentTime": TIME, "interval": 1}])
    future.result(PATIENCE)
    nothing_else(cp, peer)
    boot(cp, peer)
    peer.next_call("MeterValues")


@pytest.mark.parametrize("accepted", [True, False])
def test_a_boot_that_is_answered_with_an_error_changes_nothing(
    accepted: bool, cp: ChargePoint, peer: Peer
) -> None:
    boot(cp, peer, "Accepted" if accepted else "Pending")
    future = cp.submit("BootNotification", {}, validate=False)
    asked = peer.next_call("BootNotification")
    cp.enqueue("MeterValues", values())
    nothing_else(cp, peer)
    peer.send([4, asked[1], "FormationViolation", "chargePointModel is missing", {}])
    with pytest.raises(CallError):
        future.result(PATIENCE)
    if accepted:
        peer.next_call("MeterValues")
    else:
        nothing_else(cp, peer)


def test_a_script_that_boots_anew_says_so(cp: ChargePoint, peer: Peer) -> None:
    boot(cp, peer)
    cp.queue.accepted = False
    cp.enqueue("MeterValues", values())
    nothing_else(cp, peer)
    boot(cp, peer)
    peer.next_call("MeterValues")


def test_a_boot_that_was_sent_raw_counts(cp: ChargePoint, peer: Peer) -> None:
    cp.enqueue("MeterValues", values())
    cp.send_raw('[2,"raw","BootNotification",{"chargePointVendor":"v","chargePointModel":"m"}]')
    peer.answer({"status": "Accepted", "currentTime": TIME, "interval": 300}, "BootNotification")
    peer.next_call("MeterValues")


def lose(cp: ChargePoint, peer: Peer) -> None:
    lost = threading.Event()
    cp.on_close(lambda reason: lost.set())
    peer.drop()
    assert lost.wait(PATIENCE)


def test_what_comes_in_an_outage_goes_when_it_is_over(
    cp: ChargePoint, peer: Peer, server: ScriptedCsms, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    boot(cp, peer)
    transaction = cp.enqueue_start(start())
    answer_start(peer)
    transaction.result(PATIENCE)
    lose(cp, peer)
    futures = [cp.enqueue("MeterValues", values(i), transaction=transaction) for i in range(3)]
    futures.append(cp.enqueue("StopTransaction", stop(), transaction=transaction))
    assert caplog.text.count("the transaction queue waits for a connection") == 1
    cp.reconnect()
    peer = server.peer()
    for number in range(3):
        assert peer.answer({}, "MeterValues")[3] == {**values(number), "transactionId": 7}
    peer.answer({}, "StopTransaction")
    assert [future.result(PATIENCE) for future in futures] == [{}] * 4


def test_what_was_not_answered_goes_again_under_the_same_id(
    cp: ChargePoint, peer: Peer, server: ScriptedCsms
) -> None:
    boot(cp, peer)
    cp.configuration["TransactionMessageAttempts"] = 1  # a lost connection is no attempt
    transaction = cp.enqueue_start(start())
    first = peer.next_call("StartTransaction")
    for _ in range(3):
        peer.drop()
        cp.reconnect()
        peer = server.peer()
        assert peer.next_call("StartTransaction") == first
    peer.send([3, first[1], {"transactionId": 7, **ACCEPTED}])
    assert transaction.result(PATIENCE).unique_id == first[1]


def test_closing_loses_what_is_nowhere_else(
    cp: ChargePoint, peer: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    boot(cp, peer)
    begun = cp.enqueue_start(start(2))
    answer_start(peer)
    begun.result(PATIENCE)
    transaction = cp.enqueue_start(start())
    future = cp.enqueue("StopTransaction", stop(), transaction=transaction)
    peer.next_call("StartTransaction")
    cp.close()
    for one in (transaction, future):
        with pytest.raises(ConnectionLost, match="of 2 messages, lost"):
            one.result(PATIENCE)
    assert "messages of the transaction queue: 2, lost" in caplog.text
    assert cp.open_transactions() == [begun]
    with pytest.raises(ConnectionLost, match="not queued: the charge point is closed"):
        cp.enqueue("StopTransaction", stop(), transaction=begun)


def test_a_closed_one_goes_on_after_a_reconnect(
    cp: ChargePoint, peer: Peer, server: ScriptedCsms
) -> None:
    boot(cp, peer)
    transaction = cp.enqueue_start(start())
    answer_start(peer)
    transaction.result(PATIENCE)
    cp.close()
    cp.reconnect()
    peer = server.peer()
    cp.enqueue("StopTransaction", stop(), transaction=transaction)
    assert peer.answer({}, "StopTransaction")[3]["transactionId"] == 7


# --- attempts ------------------------------------------------------------------------------------

ERROR = ["InternalError", "the database is down", {}]


def fail(peer: Peer, action: str) -> Any:
    frame = peer.next_call(action)
    peer.send([4, frame[1], *ERROR])
    return frame


def test_a_failure_is_tried_again_later_and_later(cp: ChargePoint, peer: Peer) -> None:
    boot(cp, peer)
    cp.configuration["TransactionMessageRetryInterval"] = 20
    future = cp.enqueue("MeterValues", values())
    first = fail(peer, "MeterValues")
    failed = time.monotonic()
    nothing_else(cp, peer)  # other calls go on
    second = fail(peer, "MeterValues")
    assert time.monotonic() - failed >= clock.scaled(20) * 0.9
    failed = time.monotonic()
    nothing_else(cp, peer)
    third = peer.answer({}, "MeterValues")
    assert time.monotonic() - failed >= clock.scaled(40) * 0.9
    assert future.result(PATIENCE) == {}
    assert first[2:] == second[2:] == third[2:]
    # each was answered, so each is a call of its own
    assert len({first[1], second[1], third[1]}) == 3


def test_it_is_given_up_after_so_many_attempts_and_never_silently(
    cp: ChargePoint, peer: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    boot(cp, peer)
    cp.configuration["TransactionMessageRetryInterval"] = 0
    future = cp.enqueue("MeterValues", values(1))
    following = cp.enqueue("MeterValues", values(2))
    for _ in range(3):
        assert fail(peer, "MeterValues")[3] == values(1)
    with pytest.raises(
        GivenUp, match="MeterValues was given up: attempt 3 of 3 failed: "
    ) as caught:
        future.result(PATIENCE)
    assert isinstance(caught.value.__cause__, CallError)
    assert caught.value.action == "MeterValues"
    assert peer.answer({}, "MeterValues")[3] == values(2)
    following.result(PATIENCE)
    told = [record for record in caplog.records if "given up" in record.getMessage()]
    assert [record.levelname for record in told] == ["ERROR"]
    assert "attempt 1 of 3; the next in 0 s: MeterValues: InternalError" in caplog.text


def test_what_belongs_to_a_start_that_is_given_up_is_given_up_too(
    cp: ChargePoint, peer: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    boot(cp, peer)
    cp.configuration["TransactionMessageAttempts"] = 1
    lost = cp.enqueue_start(start(1))
    kept = cp.enqueue_start(start(2))
    futures = [
        cp.enqueue("MeterValues", values(), transaction=lost),
        cp.enqueue("StopTransaction", stop(), transaction=lost),
    ]
    cp.enqueue("MeterValues", values(), transaction=kept)
    fail(peer, "StartTransaction")
    with pytest.raises(GivenUp, match="StartTransaction was given up: attempt 1 of 1"):
        lost.result(PATIENCE)
    for future in futures:
        with pytest.raises(GivenUp, match="its StartTransaction was"):
            future.result(PATIENCE)
    assert caplog.text.count("was given up") == 3
    assert cp.open_transactions() == [kept]
    with pytest.raises(GivenUp, match="its transaction never began"):
        cp.enqueue("MeterValues", values(), transaction=lost).result(PATIENCE)
    assert caplog.text.count("was given up") == 5  # the last line has the reason of the first
    assert answer_start(peer)[3]["connectorId"] == 2
    assert peer.answer({}, "MeterValues")[3]["transactionId"] == 7


def test_no_answer_is_a_failure_under_the_same_id(server: ScriptedCsms) -> None:
    with connect(server.url, response_timeout=0.3) as cp:
        peer = server.peer()
        boot(cp, peer)
        cp.configuration["TransactionMessageRetryInterval"] = 0
        transaction = cp.enqueue_start(start())
        first = peer.next_call("StartTransaction")
        assert peer.next_call("StartTransaction") == first
        cp.configuration["TransactionMessageRetryInterval"] = 1_000_000
        peer.send([3, first[1], {"transactionId": 7, **ACCEPTED}])
        assert transaction.result(PATIENCE)["transactionId"] == 7
        # the other answer to it is late, and no fault
        peer.send([3, first[1], {"transactionId": 7, **ACCEPTED}])
        nothing_else(cp, peer)
        assert cp.violations == []


def test_no_answer_at_all_ends_too(server: ScriptedCsms) -> None:
    with connect(server.url, response_timeout=0.05) as cp:
        cp.queue.accepted = True
        cp.configuration["TransactionMessageRetryInterval"] = 0
        with pytest.raises(GivenUp) as caught:
            cp.enqueue("MeterValues", values()).result(PATIENCE)
        assert isinstance(caught.value.__cause__, CallTimeout)


@pytest.mark.parametrize("strict", [True, False])
def test_a_start_whose_answer_has_no_number_has_failed(strict: bool, server: ScriptedCsms) -> None:
    with connect(server.url, strict=strict) as cp:
        peer = server.peer()
        boot(cp, peer)
        cp.configuration["TransactionMessageRetryInterval"] = 0
        transaction = cp.enqueue_start(start())
        first = peer.answer(ACCEPTED, "StartTransaction")
        second = peer.answer({"transactionId": "7", **ACCEPTED}, "StartTransaction")
        # it may have begun all the same: by the id the CSMS can tell that it is the same one
        assert first == second == answer_start(peer)
        assert transaction.result(PATIENCE)["transactionId"] == 7


def test_the_keys_take_effect_at_once(cp: ChargePoint, peer: Peer) -> None:
    boot(cp, peer)
    cp.configuration["TransactionMessageRetryInterval"] = 1_000_000
    future = cp.enqueue("MeterValues", values())
    fail(peer, "MeterValues")
    nothing_else(cp, peer)
    cp.configuration.change("TransactionMessageRetryInterval", "0")
    cp.configuration.change("TransactionMessageAttempts", "2")
    fail(peer, "MeterValues")
    with pytest.raises(GivenUp, match="attempt 2 of 2"):
        future.result(PATIENCE)
    assert cp.configuration.change("TransactionMessageAttempts", "0").status == "Rejected"


def test_what_is_wrong_at_delivery_is_given_up_at_once(
    server: ScriptedCsms, tmp_path: Path
) -> None:
    store = Store(tmp_path, "CP1", logging.getLogger("ocppsim.cp"), verify)
    store.open()
    message = Message(1, "MeterValues", {"connectorId": "one"}, "id", None, pending())
    store.write({message.key: message.row()})
    store.close()
    with connect(server.url, state_dir=tmp_path) as cp:
        peer = server.peer()
        (message,) = cp.queue._backlog._messages
        following = cp.enqueue("MeterValues", values())
        boot(cp, peer)
        with pytest.raises(GivenUp, match=r"it cannot be sent: MeterValues: invalid request: "):
            message.future.result(PATIENCE)
        assert peer.answer({}, "MeterValues")[3] == values()
        following.result(PATIENCE)


# --- the next process ----------------------------------------------------------------------------


def test_the_next_start_goes_on_under_the_same_ids(server: ScriptedCsms, tmp_path: Path) -> None:
    with connect(server.url, state_dir=tmp_path) as cp:
        peer = server.peer()
        boot(cp, peer)
        transaction = cp.enqueue_start(start())
        futures = [cp.enqueue("MeterValues", values(i), transaction=transaction) for i in range(2)]
        answer_start(peer)
        peer.answer({}, "MeterValues")
        unanswered = peer.next_call("MeterValues")
        futures[0].result(PATIENCE)
        key = transaction.key
    with pytest.raises(ConnectionLost, match=r"kept in .*CP1\.sqlite3 for the next start"):
        futures[1].result(PATIENCE)
    with connect(server.url, state_dir=str(tmp_path)) as cp:
        peer = server.peer()
        assert len(cp.queue) == 1
        (again,) = cp.open_transactions()
        assert (again.key, again.transactionId, again.payload) == (key, 7, start())
        assert again.result(0)["transactionId"] == 7
        last = cp.enqueue("StopTransaction", stop(), transaction=again)
        nothing_else(cp, peer)  # the new process boots first
        boot(cp, peer)
        assert peer.answer({}, "MeterValues") == unanswered
        assert peer.answer({}, "StopTransaction")[3] == {**stop(), "transactionId": 7}
        last.result(PATIENCE)
        assert cp.open_transactions() == []
    with connect(server.url, state_dir=tmp_path) as cp:
        assert len(cp.queue) == 0
        assert cp.open_transactions() == []


def test_a_start_that_waits_is_open_in_the_next_process(
    server: ScriptedCsms, tmp_path: Path
) -> None:
    with connect(server.url, state_dir=tmp_path) as cp:
        server.peer()
        one, two = cp.enqueue_start(start(1)), cp.enqueue_start(start(2))
        cp.enqueue("StopTransaction", stop(), transaction=one)
    with connect(server.url, state_dir=tmp_path) as cp:
        peer = server.peer()
        (again,) = cp.open_transactions()
        assert again.key == two.key
        cp.enqueue("StopTransaction", stop(), transaction=again)
        boot(cp, peer)
        answer_start(peer, 1)
        answer_start(peer, 2)
        assert again.result(PATIENCE)["transactionId"] == 2
        assert peer.answer({}, "StopTransaction")[3]["transactionId"] == 1
        assert peer.answer({}, "StopTransaction")[3]["transactionId"] == 2


def test_close_and_reconnect_go_on_from_the_disk(server: ScriptedCsms, tmp_path: Path) -> None:
    with connect(server.url, state_dir=tmp_path) as cp:
        peer = server.peer()
        boot(cp, peer)
        transaction = cp.enqueue_start(start())
        waiting = peer.next_call("StartTransaction")
        cp.state["meter"] = 17
        cp.close()
        with pytest.raises(StateError, match="is closed"):
            cp.state["meter"] = 18
        cp.reconnect()
        assert cp.state["meter"] == 17
        peer = server.peer()
        assert peer.next_call("StartTransaction") == waiting
        cp.enqueue("StopTransaction", stop(), transaction=transaction)  # the object of before
        peer.send([3, waiting[1], {"transactionId": 7, **ACCEPTED}])
        assert peer.answer({}, "StopTransaction")[3]["transactionId"] == 7


def test_failures_are_counted_over_processes(
    server: ScriptedCsms, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for said in ("attempt 1 of 3;", "attempt 2 of 3;", "attempt 3 of 3 failed"):
        with connect(server.url, state_dir=tmp_path) as cp:
            peer = server.peer()
            cp.configuration["TransactionMessageRetryInterval"] = 1_000_000
            if not len(cp.queue):
                cp.enqueue("MeterValues", values())
            boot(cp, peer)
            fail(peer, "MeterValues")
            wait_for(lambda said=said: said in caplog.text)  # type: ignore[misc]
    with connect(server.url, state_dir=tmp_path) as cp:
        assert len(cp.queue) == 0


def wait_for(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_one_state_dir_serves_several_charge_points_of_a_process(
    server: ScriptedCsms, tmp_path: Path
) -> None:
    with (
        connect(server.url, state_dir=tmp_path),
        connect(f"{server.base}/CP2", state_dir=tmp_path),
        pytest.raises(StateError, match="is in use in this process"),
    ):
        connect(server.url, state_dir=tmp_path)
    assert sorted(path.name for path in tmp_path.glob("*.sqlite3")) == [
        "CP1.sqlite3",
        "CP2.sqlite3",
    ]


def test_a_connection_that_fails_leaves_the_folder_free(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(ConnectError):
            connect("ws://127.0.0.1:1/CP1", state_dir=tmp_path)


def test_a_variable_names_the_folder(
    server: ScriptedCsms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCPPSIM_STATE_DIR", str(tmp_path))
    with connect(server.url) as cp:
        cp.state["meter"] = 17
    monkeypatch.delenv("OCPPSIM_STATE_DIR")
    with connect(server.url) as cp:
        assert "meter" not in cp.state
    with connect(server.url, state_dir=tmp_path) as cp:
        assert cp.state["meter"] == 17


def test_a_second_process_is_refused_and_told_why(server: ScriptedCsms, tmp_path: Path) -> None:
    script = f"connect({server.url!r}).state['meter'] = 18"
    with connect(server.url, state_dir=tmp_path) as cp:
        server.peer()
        cp.state["meter"] = 17
        refused = ocppsim("--state-dir", tmp_path, "-", stdin=script)
        assert refused.returncode == 1
        said = f"another process (pid {os.getpid()}) keeps its state in the folder {tmp_path}"
        assert said in refused.stderr
        assert cp.state["meter"] == 17
    assert ocppsim("--state-dir", tmp_path, "-", stdin=script).returncode == 0
    with connect(server.url, state_dir=tmp_path) as cp:
        assert cp.state["meter"] == 18


def test_a_full_disk_does_not_stop_the_queue(
    server: ScriptedCsms, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with connect(server.url, state_dir=tmp_path) as cp:
        peer = server.peer()
        boot(cp, peer)
        assert cp._store is not None
        assert cp._store._db is not None
        cp._store._db.execute("PRAGMA max_page_count = 1")
        transaction = cp.enqueue_start(start())
        futures = [cp.enqueue("MeterValues", values(i), transaction=transaction) for i in range(30)]
        answer_start(peer)
        for number in range(30):
            assert peer.answer({}, "MeterValues")[3] == {**values(number), "transactionId": 7}
        futures[-1].result(PATIENCE)
        assert transaction.transactionId == 7
    told = [record for record in caplog.records if "disk is full" in record.getMessage()]
    assert [record.levelname for record in told] == ["ERROR"]


# --- whatever happens ----------------------------------------------------------------------------


class Csms:
    """The way to a CSMS, and what it has taken: without a wire, so that each step is the test's."""

    def __init__(self) -> None:
        self.connected = self.accepted = False
        self.taken: list[tuple[str, str, dict[str, Any]]] = []
        self.open: list[tuple[str, str, Future[Result]]] = []
        self.ids = itertools.count(1)
        self.began: dict[str, int] = {}  # of a transaction, by the unique id of its start

    def check(self, action: str, payload: Any) -> None:
        pass

    def submit(
        self, action: str, payload: Any, *, unique_id: str | None, **options: Any
    ) -> Future[Result]:
        future: Future[Result] = Future()
        if not self.connected:
            future.set_exception(ConnectionLost("not connected"))
            return future
        assert unique_id is not None
        assert not self.open, "two at a time"
        self.taken.append((unique_id, action, payload))
        self.open.append((unique_id, action, future))
        return future

    def answer(self) -> None:
        unique_id, action, future = self.open.pop()
        payload: dict[str, Any] = {}
        if action == "StartTransaction":
            number = self.began.setdefault(unique_id, next(self.ids))
            payload = {"transactionId": number, **ACCEPTED}
        future.set_result(Result(payload, action, unique_id, 0.0))

    def fail(self, error: Exception) -> None:
        self.open.pop()[2].set_exception(error)


class Process:
    """A queue, over and over: `kill` leaves nothing but what is on disk."""

    def __init__(self, csms: Csms, on_disk: bool) -> None:
        self.csms = csms
        self.on_disk = on_disk
        self.folder = Path(tempfile.mkdtemp())
        self.life = 0
        self.begin()

    def begin(self) -> None:
        self.store: Store | None = None
        log = logging.LoggerAdapter(logging.getLogger("ocppsim.cp"), {})
        if self.on_disk:
            folder = self.folder / str(self.life)
            self.store = Store(folder, "CP1", logging.getLogger("ocppsim.cp"), verify)
            self.store.open()
        self.queue = TransactionQueue(
            self.csms, log, timeout=1, attempts=lambda: 2, retry_interval=lambda: 0,
            store=self.store,
        )  # fmt: skip

    def kill(self) -> None:
        assert self.store is not None
        self.csms.connected = False
        self.csms.open.clear()  # nobody is there to hear of it
        shutil.copytree(self.folder / str(self.life), self.folder / str(self.life + 1))
        self.queue._backlog._store = None
        self.queue.close(PATIENCE)()
        self.store.close()
        self.life += 1
        self.begin()

    def settle(self) -> None:
        """What was answered is on disk, and the next is sent."""
        while (worker := self.queue._worker) is not None and worker.is_alive():
            worker.join()

    def end(self) -> None:
        self.settle()
        self.queue.close(PATIENCE)()
        if self.store is not None:
            self.store.close()
        shutil.rmtree(self.folder)


@pytest.fixture(scope="module")
def running_timers() -> Iterator[None]:
    timers.hold()
    yield
    timers.release()


STEPS = ["start", "values", "stop", "answer", "answer", "fail", "time out", "lose", "connect"]


@pytest.mark.usefixtures("running_timers")
@pytest.mark.parametrize("on_disk", [False, True], ids=["in memory", "on disk"])
@given(data=st.data())
@settings(max_examples=60)
def test_whatever_happens_each_message_arrives_once_and_in_order(
    on_disk: bool, data: st.DataObject
) -> None:
    csms = Csms()
    process = Process(csms, on_disk)
    names: dict[int, str] = {}  # what was put in, by the number in its payload
    given_up: set[int] = set()
    numbers = itertools.count(1)

    def put(action: str, transaction: Transaction | None) -> None:
        number = next(numbers)
        names[number] = action
        future: Future[Result]
        if transaction is None:
            future = process.queue.enqueue_start({"number": number})
        else:
            future = process.queue.enqueue(action, {"number": number}, transaction)
        future.add_done_callback(
            lambda future: given_up.add(number) if isinstance(future.exception(), GivenUp) else None
        )

    def step(what: str) -> None:
        open_ones = process.queue.open_transactions()
        if what == "start":
            put("StartTransaction", None)
        elif what in ("values", "stop") and open_ones:
            transaction = data.draw(st.sampled_from(open_ones), "transaction")
            put("MeterValues" if what == "values" else "StopTransaction", transaction)
        elif what == "answer" and csms.open:
            csms.answer()
        elif what == "fail" and csms.open:
            csms.fail(CallError("InternalError"))
        elif what == "time out" and csms.open:
            csms.fail(CallTimeout("action", csms.open[0][0], 1.0))
        elif what == "lose":
            csms.connected = False
            if csms.open:
                csms.fail(ConnectionLost("lost"))
        elif what == "connect":
            csms.connected = True
            process.queue.accepted = True
        elif what == "kill":
            process.kill()
        process.settle()

    try:
        steps = [*STEPS, "kill"] if on_disk else STEPS
        for what in data.draw(st.lists(st.sampled_from(steps), max_size=40), "steps"):
            step(what)
        step("connect")
        deadline = time.monotonic() + PATIENCE
        while len(process.queue):
            assert time.monotonic() < deadline
            step("answer")
    finally:
        process.end()

    sent = [payload["number"] for _, _, payload in csms.taken]
    once = [number for number, _ in itertools.groupby(sent)]
    assert once == sorted(set(sent)), "each at its place, repeated there alone"
    assert set(sent) | given_up == set(names), "none is missing"
    by_number: dict[int, list[tuple[str, dict[str, Any]]]] = {}
    for unique_id, action, payload in csms.taken:
        assert names[payload["number"]] == action
        by_number.setdefault(payload["number"], []).append((unique_id, payload))
    for same in by_number.values():
        assert all(payload == same[0][1] for _, payload in same)
    known = set(csms.began.values())
    for _, action, payload in csms.taken:
        assert action == "StartTransaction" or payload["transactionId"] in known


def test_a_thousand_that_cannot_be_sent_end_one_by_one() -> None:
    csms = Csms()
    process = Process(csms, on_disk=False)
    fault = Fault("$.transactionId", "type integer", "it is no integer")
    invalid = InvalidPayload("MeterValues", "request", [fault])
    csms.submit = lambda *told, **options: _raise(invalid)  # type: ignore[method-assign]
    futures = [process.queue.enqueue("MeterValues", {}, None) for _ in range(3000)]
    csms.connected = process.queue.accepted = True
    for future in futures:
        with pytest.raises(GivenUp, match="it cannot be sent"):
            future.result(PATIENCE)
    process.end()


def _raise(error: Exception) -> Any:
    raise error
