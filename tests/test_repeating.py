"""Meter values at an interval, on a wire; and what is told of heartbeats."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from scripted_csms import HEARTBEAT, PATIENCE, Peer, ScriptedCsms

from ocppsim import ChargePoint, ConnectionLost, connect, schema
from ocppsim.timers import timers
from ocppsim.v16.messages import MeterValuesRequest

INTERVAL = 0.01


def answered(peer: Peer) -> dict[str, Any]:
    """The payload of the next MeterValues."""
    call = peer.next_call("MeterValues")
    peer.send([3, call[1], {}])
    payload: dict[str, Any] = call[3]
    return payload


def energy(payload: dict[str, Any]) -> int:
    return int(payload["meterValue"][0]["sampledValue"][0]["value"])


def pass_time(seconds: float) -> None:
    """Until the timers have got so far."""
    passed = threading.Event()
    timers.after(seconds, passed.set)
    assert passed.wait(PATIENCE)


def none_comes(peer: Peer) -> None:
    """One may be under way; after it none comes within many intervals."""
    peer.answers["MeterValues"] = {}
    pass_time(5 * INTERVAL)
    came = len(peer.answered)
    pass_time(5 * INTERVAL)
    assert peer.ask("ClearCache")[2] == "NotSupported"
    assert len(peer.answered) == came


def test_the_register_rises_as_the_power_has_it(cp: ChargePoint, peer: Peer) -> None:
    power = 3600 * 100_000  # 100 Wh in a millisecond
    cp.start_meter_values(2, interval=INTERVAL, power=power, meter=1000, transactionId=7)
    assert cp.meter_values_interval == INTERVAL
    came = [answered(peer) for _ in range(3)]
    for payload in came:
        assert schema.check(MeterValuesRequest, payload) == []
        assert (payload["connectorId"], payload["transactionId"]) == (2, 7)
        _, flows = payload["meterValue"][0]["sampledValue"]
        assert flows == {"value": "360000000", "measurand": "Power.Active.Import", "unit": "W"}
    assert 1000 + 100_000 * INTERVAL <= energy(came[0]) < energy(came[1]) < energy(came[2])
    steps = energy(came[2]) - energy(came[0])
    assert steps >= 100_000 * INTERVAL


def test_without_a_transaction_there_is_none(cp: ChargePoint, peer: Peer) -> None:
    cp.start_meter_values(interval=INTERVAL, power=7360)
    payload = answered(peer)
    assert payload["connectorId"] == 1
    assert "transactionId" not in payload
    assert payload["meterValue"][0]["sampledValue"] == [
        {"value": "0", "measurand": "Energy.Active.Import.Register", "unit": "Wh"},
        {"value": "7360", "measurand": "Power.Active.Import", "unit": "W"},
    ]


def test_calling_again_replaces(cp: ChargePoint, peer: Peer) -> None:
    cp.start_meter_values(1, interval=3600, power=1)
    cp.start_meter_values(2, interval=INTERVAL, power=1)
    assert answered(peer)["connectorId"] == 2
    cp.start_meter_values(3, interval=3600, power=1)
    none_comes(peer)
    assert cp.meter_values_interval == 3600


def test_stop_ends_them(cp: ChargePoint, peer: Peer) -> None:
    cp.start_meter_values(interval=INTERVAL, power=1)
    answered(peer)
    cp.stop_meter_values()
    cp.stop_meter_values()
    assert cp.meter_values_interval is None
    none_comes(peer)


def test_at_most_one_waits_for_its_turn(cp: ChargePoint, peer: Peer) -> None:
    heartbeat = cp.submit("Heartbeat")
    call = peer.next_call("Heartbeat")
    cp.start_meter_values(interval=INTERVAL, power=1)
    pass_time(10 * INTERVAL)
    cp.stop_meter_values()
    peer.send([3, call[1], HEARTBEAT])
    heartbeat.result(PATIENCE)
    answered(peer)
    assert peer.ask("ClearCache")[2] == "NotSupported"


def test_they_go_on_with_the_next_connection(
    cp: ChargePoint, peer: Peer, server: ScriptedCsms
) -> None:
    cp.start_meter_values(interval=INTERVAL, power=3600 * 100_000)
    before = energy(answered(peer))
    cp.abort()
    sent = len(cp.trace)
    pass_time(5 * INTERVAL)
    assert len(cp.trace) == sent
    assert cp.meter_values_interval == INTERVAL
    cp.reconnect()
    # it has flowed meanwhile
    assert energy(answered(server.peer())) >= before + 100_000 * 5 * INTERVAL


def test_close_ends_them(cp: ChargePoint, peer: Peer, server: ScriptedCsms) -> None:
    cp.start_meter_values(interval=INTERVAL, power=1)
    answered(peer)
    cp.close()
    assert cp.meter_values_interval is None
    with pytest.raises(ConnectionLost, match="no meter values: not connected"):
        cp.start_meter_values(interval=INTERVAL, power=1)
    cp.reconnect()
    none_comes(server.peer())


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"interval": 0}, "interval of meter values is above 0"),
        ({"interval": -1}, "interval is a number from 0, not -1"),
        ({"interval": float("inf")}, "interval is a number from 0, not inf"),
        ({"power": "7360"}, "power is a number from 0, not '7360'"),
        ({"power": True}, "power is a number from 0, not True"),
        ({"meter": float("nan")}, "meter is a number from 0, not nan"),
        ({"connectorId": "1"}, "connectorId is a whole number, not '1'"),
        ({"transactionId": 1.5}, "transactionId is a whole number, not 1.5"),
    ],
)
def test_what_makes_no_sense(cp: ChargePoint, peer: Peer, wrong: dict[str, Any], said: str) -> None:
    cp.start_meter_values(interval=INTERVAL, power=1)
    with pytest.raises(ValueError, match=said):
        cp.start_meter_values(**{"interval": 1, "power": 1, **wrong})
    answered(peer)  # what was there goes on


def test_the_interval_of_heartbeats_is_told(cp: ChargePoint) -> None:
    assert cp.heartbeat_interval is None
    cp.start_heartbeat(0)
    assert cp.heartbeat_interval == 300
    cp.start_heartbeat(60)
    assert cp.heartbeat_interval == 60
    cp.reconnect()
    assert cp.heartbeat_interval is None
    cp.start_heartbeat(60)
    cp.stop_heartbeat()
    assert cp.heartbeat_interval is None


def test_those_that_come_back_are_told(server: ScriptedCsms) -> None:
    lost = threading.Event()
    for again in (False, True):
        with connect(server.url, reconnect=again) as cp:
            lost.clear()
            cp.on_close(lambda _: lost.set())
            peer = server.peer()
            cp.start_heartbeat(60)
            peer.drop()
            assert lost.wait(PATIENCE)
            assert cp.heartbeat_interval == (60 if again else None)
