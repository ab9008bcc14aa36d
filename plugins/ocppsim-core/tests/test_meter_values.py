"""Lists of measurands, and MeterValues that OCPP takes."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ocppsim_core.grid import Grid
from ocppsim_core.meter import Meter
from ocppsim_core.meter_values import (
    Item,
    TransactionData,
    meter_value,
    parse_measurands,
    refusal,
)
from ocppsim_core.reading import MEASURANDS, phases_of
from ocppsim_core.vehicle import Vehicle

from ocppsim import connect
from ocppsim.csms import CentralSystem
from ocppsim.v16.types import Measurand, MeterValue, ReadingContext

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def meter(phases: int = 3) -> Meter:
    """One that has charged for an hour."""
    meter = Meter(Grid(phases=phases))
    meter.vehicle = Vehicle()
    meter.closed = True
    meter.advance(3600)
    return meter


def all_items(phases: int) -> list[Item]:
    return [
        Item(measurand, phase)
        for measurand in MEASURANDS
        for phase in (None, *phases_of(measurand, phases))
    ]


def written(items: list[Item]) -> str:
    return ",".join(".".join(filter(None, item)) for item in items)


# --- the text of a key ---------------------------------------------------------------------------


@given(st.integers(1, 3), st.data())
@settings(deadline=None)
def test_what_is_written_is_read(phases: int, data: st.DataObject) -> None:
    items = data.draw(st.lists(st.sampled_from(all_items(phases)), unique=True))
    assert parse_measurands(written(items), phases=phases) == tuple(items)
    assert refusal(written(items), phases=phases, maximum=len(items)) is None
    if items:
        again = written([*items, items[0]])
        assert refusal(again, phases=phases) == f"{written(items[:1])} is in the list twice"
        few = refusal(written(items), phases=phases, maximum=len(items) - 1)
        assert few == f"{len(items)} measurands, at most {len(items) - 1} are allowed"


@given(st.text(max_size=30))
@settings(deadline=None)
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    words = refusal(text)
    if words is None:
        parse_measurands(text)
    else:
        assert len(words.splitlines()) == 1
        with pytest.raises(ValueError, match="is"):
            parse_measurands(text)


def test_spaces_do_not_matter() -> None:
    assert parse_measurands(" SoC , Voltage.L1-N ") == (Item("SoC"), Item("Voltage", "L1-N"))
    assert parse_measurands("") == parse_measurands("  ") == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("RPM", "RPM does not apply here, this meter does not measure it"),
        ("Volts", "'Volts' is not a measurand of OCPP 1.6, with or without a phase"),
        ("voltage", "'voltage' is not a measurand"),
        ("SoC,", "'' is not a measurand"),
        ("Voltage.L4", "'Voltage.L4' is not a measurand"),
        ("Voltage.N", "Voltage.N does not apply here, its phases here are L1-N, L2-N, L3-N, L1"),
        ("SoC.L1", "SoC.L1 does not apply here, it has no phases"),
        ("Power.Active.Import.L1-L2", "does not apply here, its phases here are L1, L2, L3, L1-N"),
    ],
)
def test_what_does_not_apply_is_refused_in_words(text: str, words: str) -> None:
    said = refusal(text)
    assert said is not None
    assert words in said


def test_a_grid_of_one_phase_has_no_other() -> None:
    assert refusal("Voltage.L1-N,Current.Import.L1,Current.Import.N", phases=1) is None
    assert refusal("Voltage.L2", phases=1) == (
        "Voltage.L2 does not apply here, its phases here are L1-N, L1"
    )
    assert "L1-L2" in str(refusal("Voltage.L1-L2", phases=1))


def test_every_measurand_of_ocpp_applies_but_the_fan() -> None:
    assert set(get_args(Measurand)) - set(MEASURANDS) == {"RPM"}


# --- MeterValue ----------------------------------------------------------------------------------


def test_one_reading_with_all_that_ocpp_asks_for() -> None:
    items = parse_measurands("Energy.Active.Import.Register,Current.Import.L2,Temperature,SoC")
    value = meter_value(items, meter().reading(), "Sample.Clock", NOON)
    assert value is not None
    assert value["timestamp"] == "2026-01-31T12:00:00.000Z"
    energy, current, temperature, soc = value["sampledValue"]
    assert energy == {
        "value": str(meter().register_wh),
        "context": "Sample.Clock",
        "format": "Raw",
        "measurand": "Energy.Active.Import.Register",
        "location": "Outlet",
        "unit": "Wh",
    }
    assert current == {
        "value": "16.000",
        "context": "Sample.Clock",
        "format": "Raw",
        "measurand": "Current.Import",
        "phase": "L2",
        "location": "Outlet",
        "unit": "A",
    }
    assert (temperature["location"], temperature["unit"]) == ("Body", "Celcius")
    assert (soc["location"], soc["unit"]) == ("EV", "Percent")


@pytest.mark.parametrize(("phases", "names"), [(1, ["L1-N"]), (3, ["L1-N", "L2-N", "L3-N"])])
def test_without_a_phase_voltages_come_one_by_one(phases: int, names: list[str]) -> None:
    value = meter_value([Item("Voltage")], meter(phases).reading(), "Trigger", NOON)
    assert value is not None
    assert [sampled["phase"] for sampled in value["sampledValue"]] == names


def test_nothing_measured_is_no_meter_value() -> None:
    reading = Meter().reading()
    assert meter_value([], reading, "Trigger", NOON) is None
    assert meter_value([Item("SoC")], reading, "Trigger", NOON) is None


@pytest.mark.parametrize("phases", [1, 2, 3])
def test_every_measurand_in_every_phase_and_context_is_right(phases: int) -> None:
    """The engine judges what is sent, and the CSMS what comes."""
    before = meter(phases)
    since = before.reading()
    before.advance(900)
    reading = before.reading(since)
    contexts: tuple[ReadingContext, ...] = get_args(ReadingContext)
    with CentralSystem() as csms, connect(f"{csms.url}/CP1") as cp:
        for context in contexts:
            value = meter_value(all_items(phases), reading, context, NOON)
            assert value is not None
            cp.call("MeterValues", {"connectorId": 1, "meterValue": [value]})
        for item in all_items(phases):
            value = meter_value([item], reading, "Sample.Periodic", NOON)
            assert value is not None
            cp.call("MeterValues", {"connectorId": 1, "meterValue": [value]})
        assert cp.violations == []


# --- transactionData -----------------------------------------------------------------------------


def moment(number: int) -> MeterValue:
    return {"timestamp": str(number), "sampledValue": [{"value": str(number)}]}


@given(st.integers(3, 20), st.integers(0, 500))
def test_it_spans_the_transaction_evenly_however_long_that_is(maximum: int, count: int) -> None:
    data = TransactionData(maximum)
    for number in range(count):
        data.add(moment(number))
        kept = [int(value["timestamp"]) for value in data.values]
        assert len(kept) <= maximum
        assert (kept[0], kept[-1]) == (0, number)
        gaps = {b - a for a, b in pairwise(kept[:-1])}
        assert len(gaps) <= 1
        assert kept == sorted(set(kept))
        if number < maximum:
            assert kept == list(range(number + 1))
        elif maximum > 3:
            assert len(kept) >= maximum // 2
    assert TransactionData(maximum, data.values).values == data.values


def test_nothing_measured_is_nothing_to_keep() -> None:
    data = TransactionData()
    data.add(None)
    assert data.values == []
    with pytest.raises(ValueError, match="3 moments or more, not 2"):
        TransactionData(2)
