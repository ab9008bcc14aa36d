"""Transactions and messages as rows, and what rows make no sense."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ocppsim.calls import Result
from ocppsim.store import Rows
from ocppsim.transactions import Message, Transaction, pending, read, verify


def rows(*messages: Message) -> Rows:
    found = {message.key: message.row() for message in messages}
    for message in messages:
        if message.transaction is not None:
            key = "transaction", message.transaction.key
            found[key] = message.transaction._row()
    return found


def a_start(number: int = 1) -> Message:
    transaction = Transaction({"connectorId": number}, number)
    return Message(
        number, "StartTransaction", transaction.payload, "id", transaction, transaction
    )  # fmt: skip


def a_stop(transaction: Transaction, number: int = 2) -> Message:
    return Message(number, "StopTransaction", {"meterStop": 1}, "id2", transaction, pending(), 2)


def test_rows_and_back() -> None:
    start = a_start()
    transactions, messages = read(rows(start, a_stop(start.future)))  # type: ignore[arg-type]
    (transaction,) = transactions.values()
    assert [message.action for message in messages] == ["StartTransaction", "StopTransaction"]
    assert messages[0].future is messages[0].transaction is messages[1].transaction is transaction
    assert not transaction.done()
    assert (messages[1].unique_id, messages[1].failures) == ("id2", 2)


def test_an_answered_start_has_its_result_again() -> None:
    transaction = Transaction({"connectorId": 1}, 1)
    transaction._answered(Result({"transactionId": 7}, "StartTransaction", "id", 0.1))
    transactions, (message,) = read(rows(a_stop(transaction)))
    again = transactions[transaction.key]
    assert again.result(0) == {"transactionId": 7}
    assert again.result(0).unique_id == "id"
    assert message.whole() == {"meterStop": 1, "transactionId": 7}
    assert repr(again) == f"<Transaction {again.key} transactionId=7 open>"


def test_transactions_are_in_the_order_of_their_starts() -> None:
    transactions, _ = read(rows(*(a_start(number) for number in (3, 1, 2))))
    assert [one.payload["connectorId"] for one in transactions.values()] == [1, 2, 3]


GOOD = json.loads(a_start().row())


@pytest.mark.parametrize(
    "broken",
    [
        {("message", "1"): "[]"},
        {("message", "one"): json.dumps({**GOOD, "transaction": None})},
        {("message", "1"): json.dumps({**GOOD, "transaction": "unknown"})},
        {("message", "1"): json.dumps({**GOOD, "payload": 1})},
        {("message", "1"): json.dumps({"action": "StartTransaction"})},
        {("transaction", "key"): json.dumps({"number": 1, "payload": {}})},
        {
            ("transaction", "key"): json.dumps(
                {"number": 1, "payload": {}, "stopped": False, "answer": None}
            )
        },
    ],
    ids=range(7),
)
def test_what_makes_no_sense(broken: Any) -> None:
    with pytest.raises(ValueError, match=r"make no sense|is missing"):
        verify(broken)
