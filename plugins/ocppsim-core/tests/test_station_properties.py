"""Whatever people, cars and the central system do: legal moves, one transaction a connector, and
meters that never run backwards. On a real connection."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ocppsim_core import Station, Vehicle
from ocppsim_core.statuses import is_legal

from ocppsim import Plugins, connect
from ocppsim.csms import CentralSystem, ReceivedRequest

CONNECTORS = 2
connector = st.integers(1, CONNECTORS)
tag = st.sampled_from(["ann", "bob", "bad"])

# a driver does what comes next; True: the one thing, False: the other, where there are two
GO_ON = st.tuples(st.just("go_on"), connector, st.booleans())
ACTS = st.one_of(
    st.tuples(st.just("plug_in"), connector),
    st.tuples(st.just("plug_in"), connector, st.sampled_from(["station", "car"])),
    st.tuples(st.just("unplug"), connector),
    st.tuples(st.just("unplug"), connector, st.sampled_from(["station", "car"])),
    st.tuples(st.just("present_id_tag"), tag, connector),
    st.tuples(st.just("present_id_tag"), tag),
    st.tuples(st.just("pause_car"), connector),
    st.tuples(st.just("resume_car"), connector),
    st.tuples(st.just("fault"), st.integers(0, CONNECTORS)),
    st.tuples(st.just("repair"), st.integers(0, CONNECTORS)),
    st.tuples(st.just("break_lock"), connector, st.sampled_from(["open", "stuck"])),
    st.tuples(st.just("open_door")),
    st.tuples(st.just("close_door")),
    st.tuples(st.just("set_limit"), st.just("somebody"), connector, st.sampled_from([0, 8, None])),
    st.tuples(st.just("block"), connector, st.just("somebody")),
    st.tuples(st.just("unblock"), connector, st.just("somebody")),
    st.tuples(st.just("power_off")),
    st.tuples(st.just("power_on")),
)
REQUESTS = st.one_of(
    st.tuples(
        st.just("RemoteStartTransaction"),
        st.fixed_dictionaries({"idTag": tag}, optional={"connectorId": st.integers(-1, 9)}),
    ),
    st.tuples(
        st.just("RemoteStopTransaction"),
        st.fixed_dictionaries({"transactionId": st.integers(0, 5)}),
    ),
    st.tuples(
        st.just("UnlockConnector"), st.fixed_dictionaries({"connectorId": st.integers(-1, 9)})
    ),
    st.tuples(
        st.just("ChangeAvailability"),
        st.fixed_dictionaries(
            {
                "connectorId": st.integers(-1, 3),
                "type": st.sampled_from(["Operative", "Inoperative"]),
            }
        ),
    ),
    st.tuples(st.just("ClearCache"), st.just({})),
    st.tuples(
        st.just("TriggerMessage"),
        st.fixed_dictionaries(
            {"requestedMessage": st.sampled_from(["MeterValues", "Heartbeat"])},
            optional={"connectorId": st.integers(-1, 3)},
        ),
    ),
)
# by map, as one_of would look into them and make a driver's step one of thirty
RARE = st.one_of(ACTS.map(tuple), REQUESTS.map(tuple))
STEPS = st.lists(st.one_of(GO_ON, GO_ON, RARE.map(tuple)), min_size=20, max_size=40)
SWITCHES = st.fixed_dictionaries(
    {
        name: st.booleans()
        for name in (
            "StopTransactionOnEVSideDisconnect",
            "UnlockConnectorOnEVSideDisconnect",
            "StopTransactionOnInvalidId",
            "AuthorizeRemoteTxRequests",
            "LocalPreAuthorize",
        )
    }
)


@pytest.fixture(scope="module")
def csms() -> Iterator[CentralSystem]:
    with CentralSystem() as csms:
        csms.answer("Authorize", _authorize)
        yield csms


def _authorize(name: str, payload: dict[str, Any]) -> dict[str, Any]:
    return {"idTagInfo": {"status": "Invalid" if payload["idTag"] == "bad" else "Accepted"}}


_names = itertools.count(1)


@settings(max_examples=100, suppress_health_check=list(HealthCheck), deadline=None)
@given(steps=STEPS, switches=SWITCHES, fixed=st.booleans())
def test_whatever_happens(
    csms: CentralSystem,
    plugin_set: Plugins,
    steps: list[tuple[Any, ...]],
    switches: dict[str, bool],
    fixed: bool,
) -> None:
    name = f"CP{next(_names)}"
    ids = len(csms.received("StartTransaction"))
    with connect(f"{csms.url}/{name}", plugins=plugin_set, response_timeout=10) as cp:
        station = Station(
            cp,
            CONNECTORS,
            Vehicle(battery_kwh=2, soc=0.5),
            fixed=fixed,
            speed=2_000,
            configuration={**switches, "ConnectionTimeOut": 600},
        )
        station.power_on()
        for step in steps:
            _take(csms, station, name, step, ids)
        if station.do(lambda: station._body.on):
            station.power_on()
            cp.wait_for_handlers()
        history = {n: station.history(n) for n in (0, *station.connectors)}
        assert cp.handler_failures == []
    requests = csms.received(None, name)
    assert [v for v in csms.violations if v.name == name] == []
    for number in station.connectors:
        _check_history(history[number])
        _check_transactions([r for r in requests if r.payload.get("connectorId") == number])
    _check_stops(requests)


def _take(
    csms: CentralSystem, station: Station, name: str, step: tuple[Any, ...], ids: int
) -> None:
    what, *arguments = step
    if what == "go_on":
        what, *arguments = _go_on(station, *arguments)
    if what[0].islower():
        with contextlib.suppress(ValueError):  # nobody can do that now
            getattr(station, what)(*arguments)
        return
    (payload,) = arguments
    if "transactionId" in payload:
        payload = {"transactionId": ids + payload["transactionId"]}
    if station.cp.connected:
        csms.call(name, what, payload)


def _go_on(station: Station, number: int, one: bool) -> tuple[Any, ...]:
    status = station.status(number)
    if status in ("Available", "Reserved"):
        return ("plug_in", number) if one else ("present_id_tag", "ann", number)
    if status == "Preparing":
        plugged = station.do(lambda: station._body.connectors[number].complete)
        return ("present_id_tag", "ann", number) if plugged else ("plug_in", number)
    if status in ("Faulted", "Unavailable"):
        operative = {"connectorId": number, "type": "Operative"}
        return ("repair", number) if one else ("ChangeAvailability", operative)
    return ("present_id_tag", "ann", number) if one else ("unplug", number)


def _check_history(history: list[str]) -> None:
    """Only legal moves, but for those over a time without power."""
    for old, new in itertools.pairwise(history):
        assert old == new or is_legal(old, new), history


def _check_transactions(requests: list[ReceivedRequest]) -> None:
    """meterStart goes up; what the meter shows in between does too."""
    register = 0
    for request in requests:
        if request.action == "StartTransaction":
            assert request.payload["meterStart"] >= register
            register = request.payload["meterStart"]
        elif request.action == "MeterValues":
            for value in request.payload["meterValue"]:
                shown = int(value["sampledValue"][0]["value"])
                assert shown >= register
                register = shown


def _check_stops(requests: list[ReceivedRequest]) -> None:
    """Each transaction is stopped once at most, before the next one starts at its connector, and
    not with less than it started with."""
    open_ones: dict[int, tuple[int, dict[str, Any]]] = {}
    stops: list[dict[str, Any]] = []
    for request in requests:
        payload = request.payload
        if request.action == "StartTransaction":
            number = payload["connectorId"]
            # one whose answer the connection took with it is sent again
            assert number not in open_ones or open_ones[number][1] == payload
            assert request.answer is not None
            open_ones[number] = request.answer["transactionId"], payload
        elif request.action == "StopTransaction" and payload not in stops:
            (number,) = (n for n, (one, _) in open_ones.items() if one == payload["transactionId"])
            _, began = open_ones.pop(number)
            assert payload["meterStop"] >= began["meterStart"]
            stopped, started = payload["timestamp"], began["timestamp"]
            assert datetime.fromisoformat(stopped) >= datetime.fromisoformat(started)
            stops.append(payload)
