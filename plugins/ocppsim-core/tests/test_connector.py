"""The status that follows from what is plugged in, who is there, and what is broken."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ocppsim_core.connector import Connector, Driver, Fault
from ocppsim_core.statuses import STATUSES, is_legal
from ocppsim_core.transaction import Transaction


def transaction(**fields: Any) -> Transaction:
    return Transaction(1, "ccc", 0, datetime(2026, 1, 1, tzinfo=UTC), **fields)


CABLE = {"at_station": True, "at_car": True}


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ({}, "Available"),
        ({"at_car": True}, "Available"),  # of a loose cable the station sees its own end only
        ({"at_station": True}, "Preparing"),
        ({"fixed": True, "at_car": True}, "Preparing"),
        ({"driver": Driver("ccc")}, "Preparing"),
        ({"holds": {"somebody": "Reserved"}}, "Reserved"),
        ({"holds": {"somebody": "Reserved"}, "driver": Driver("ccc")}, "Preparing"),
        ({"operative": False}, "Unavailable"),
        ({"operative": False, **CABLE}, "Unavailable"),
        ({"operative": False, "over": True, **CABLE}, "Finishing"),
        ({"over": True, **CABLE}, "Finishing"),
        ({"over": True, "driver": Driver("ccc"), **CABLE}, "Preparing"),
        ({"transaction": transaction(), **CABLE}, "Charging"),
        ({"transaction": transaction(), "at_station": True}, "SuspendedEV"),
        ({"transaction": transaction(), **CABLE, "car_takes_energy": False}, "SuspendedEV"),
        ({"transaction": transaction(), **CABLE, "suspended": {"limit"}}, "SuspendedEVSE"),
        ({"transaction": transaction(ours=False)}, "Charging"),
        ({"transaction": transaction(), **CABLE, "fault": Fault("GroundFailure")}, "Faulted"),
        ({"warning": Fault("WeakSignal")}, "Available"),
    ],
)
def test_what_follows_from_the_facts(facts: dict[str, Any], status: str) -> None:
    assert Connector(1, **facts).wanted() == status


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ({}, "Available"),
        ({"operative": False}, "Unavailable"),
        ({"fault": Fault("InternalError"), "operative": False}, "Faulted"),
    ],
)
def test_connector_0_has_three_statuses(facts: dict[str, Any], status: str) -> None:
    connector = Connector(0, **facts)
    connector.go()
    assert connector.status == status


FACTS = st.fixed_dictionaries(
    {
        "at_station": st.booleans(),
        "at_car": st.booleans(),
        "over": st.booleans(),
        "operative": st.booleans(),
        "car_takes_energy": st.booleans(),
        "driver": st.sampled_from([None, Driver("ccc")]),
        "transaction": st.sampled_from([None, transaction(), transaction(ours=False)]),
        "fault": st.sampled_from([None, None, Fault("OtherError")]),
        "holds": st.sampled_from([{}, {"somebody": "Reserved"}]),
        "suspended": st.sampled_from([set(), {"limit"}]),
    }
)


@given(st.lists(FACTS, max_size=30), st.booleans())
def test_whatever_changes_the_moves_are_legal(changes: list[dict[str, Any]], fixed: bool) -> None:
    connector = Connector(1, fixed=fixed)
    seen = [connector.status]
    for facts in changes:
        for name, value in facts.items():
            setattr(connector, name, value)
        seen += connector.go()
        assert connector.status == connector.wanted()
    assert set(seen) <= set(STATUSES)
    for old, new in itertools.pairwise(seen):
        assert is_legal(old, new)


def test_a_stuck_lock_does_not_open() -> None:
    connector = Connector(1, locked=True, lock="stuck")
    assert not connector.unlock()
    connector.lock = "works"
    assert connector.unlock()
    assert not connector.locked


def test_who_may_begin() -> None:
    assert Connector(1).free
    assert Connector(1, over=True, **CABLE).free  # the driver begins again
    for busy in (
        {"transaction": transaction()},
        {"driver": Driver("ccc")},
        {"asking": "ccc"},
        {"fault": Fault("OtherError")},
        {"operative": False},
        {"wish": False},
    ):
        assert not Connector(1, **busy).free  # type: ignore[arg-type]


def test_the_register_of_a_transaction_never_goes_back() -> None:
    one = transaction(begun=100.0)
    one.meterStart = 5000
    assert [one.register(meter) for meter in (100, 300.4, 200, 400)] == [5000, 5200, 5200, 5300]
