"""A station on a charge point, connected to the embedded CSMS, with no other plugin beside it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import ocppsim_core.plugin
import pytest
from ocppsim_core import Station

from ocppsim import ChargePoint, Plugins, clock, connect, plugins
from ocppsim.csms import CentralSystem, ReceivedRequest

# what takes seconds on a real line (pauses, attempts) takes hundredths here
clock.SCALE = 0.01

PATIENCE = 30.0


@pytest.fixture(autouse=True)
def nothing_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A test ends with the threads that it began with; what is installed here plays no part."""
    plugins.share(Plugins())
    before = set(threading.enumerate())
    yield
    plugins.share(None)
    deadline = time.monotonic() + 10.0
    left = {thread for thread in threading.enumerate() if thread.is_alive()} - before
    for thread in left:
        thread.join(max(0.0, deadline - time.monotonic()))
    left = {thread for thread in left if thread.is_alive()}
    assert not left, f"threads left: {sorted(thread.name for thread in left)}"


def core() -> Plugins:
    """A set with this plugin alone."""
    found = Plugins()
    assert found.register(ocppsim_core.plugin, "core"), found.problems
    return found


def until(condition: Callable[[], object]) -> None:
    """Wait for what nobody tells of."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.005)


class World:
    """A central system, a charge point, its station; and words for tests."""

    def __init__(self, csms: CentralSystem) -> None:
        self.csms = csms
        self.cp: ChargePoint = connect(f"{csms.url}/CP1", plugins=core(), response_timeout=10)

    def station(self, connectors: int = 1, *, on: bool = True, **options: Any) -> Station:
        """A station, booted."""
        station = Station(self.cp, connectors, **options)
        if on:
            station.power_on()
            self.statuses_of_boot(connectors)
        return station

    def statuses_of_boot(self, connectors: int = 1) -> None:
        """Wait for the StatusNotifications that follow a boot."""
        for number in range(connectors + 1):
            self.wait_for("StatusNotification", connectorId=number)

    def charging(self, connectors: int = 1, idTag: str = "ccc", **options: Any) -> Station:
        """A station with a session at connector 1."""
        station = self.station(connectors, **options)
        self.begin(station, idTag)
        return station

    def begin(self, station: Station, idTag: str = "ccc", connector: int = 1) -> int:
        """Cable, card, Charging; the transactionId."""
        station.plug_in(connector)
        assert station.present_id_tag(idTag, connector) == "Accepted"
        station.wait_for(connector, "Charging")
        self.wait_for("StatusNotification", connectorId=connector, status="Charging")
        session = station.session(connector)
        assert session is not None
        assert session.transactionId is not None
        return session.transactionId

    def wait_for(self, action: str, **fields: Any) -> ReceivedRequest:
        """The next such request of the charge point, with these fields in its payload."""

        def fits(request: ReceivedRequest) -> bool:
            return all(request.payload.get(name) == value for name, value in fields.items())

        return self.csms.wait_for(action, "CP1", timeout=PATIENCE, where=fits)

    def call(self, action: str, **payload: Any) -> dict[str, Any]:
        return self.csms.call("CP1", action, payload, timeout=PATIENCE)

    def status_of(self, action: str, **payload: Any) -> str:
        return str(self.call(action, **payload)["status"])

    def sent(self, action: str) -> list[dict[str, Any]]:
        """The payloads of what the charge point sent, as the central system got them."""
        return [request.payload for request in self.csms.received(action, "CP1")]

    def statuses(self, connector: int) -> list[str]:
        """The statuses that were told of a connector."""
        found = self.sent("StatusNotification")
        return [one["status"] for one in found if one["connectorId"] == connector]

    def order(self, *actions: str) -> list[str]:
        """In which order these actions came, StatusNotifications with their status."""
        return [
            r.payload["status"] if r.action == "StatusNotification" else r.action
            for r in self.csms.received(None, "CP1")
            if r.action in actions and r.payload.get("connectorId") != 0
        ]

    def quiet(self) -> None:
        """Until all that the station has to say now is said: it answers a question after it."""
        self.cp.wait_for_handlers(timeout=PATIENCE)
        self.call("GetConfiguration", key=["NumberOfConnectors"])
        self.cp.call("Heartbeat")

    def go_offline(self) -> None:
        """The central system goes away; the charge point has noticed."""
        gone = threading.Event()
        self.cp.on_close(lambda reason: gone.set())
        self.csms.stop()
        assert gone.wait(PATIENCE)
        until(lambda: not self.cp.connected)

    def go_online(self) -> None:
        """It is back; the charge point comes by itself."""
        self.csms.start()
        self.csms.wait_for_connection("CP1", timeout=PATIENCE)

    @staticmethod
    def until(condition: Callable[[], object]) -> None:
        """Wait for what nobody tells of."""
        until(condition)

    def end(self) -> None:
        self.cp.close()


@pytest.fixture
def csms() -> Iterator[CentralSystem]:
    with CentralSystem() as csms:
        yield csms


@pytest.fixture
def world(csms: CentralSystem) -> Iterator[World]:
    world = World(csms)
    try:
        yield world
        assert world.cp.violations == []
        assert world.cp.handler_failures == []
        assert csms.violations == []
    finally:
        world.end()


@pytest.fixture
def plugin_set() -> Plugins:
    """For charge points that a test makes itself."""
    return core()


@pytest.fixture
def refusing(csms: CentralSystem) -> Callable[..., None]:
    """Have the central system answer Authorize with a status for some idTags."""

    def refuse(**statuses: str) -> None:
        def authorize(name: str, payload: dict[str, Any]) -> dict[str, Any]:
            return {"idTagInfo": {"status": statuses.get(payload["idTag"], "Accepted")}}

        csms.answer("Authorize", authorize)

    return refuse
