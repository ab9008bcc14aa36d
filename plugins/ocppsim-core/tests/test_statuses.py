"""The table of OCPP 1.6 §4.9, row by row."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ocppsim_core.statuses import MOVES, STATUSES, is_legal, moves

# the numbers of the columns, in the order of the table's statuses
ORDER = [
    "Available",
    "Preparing",
    "Charging",
    "SuspendedEV",
    "SuspendedEVSE",
    "Finishing",
    "Reserved",
    "Unavailable",
    "Faulted",
]
TABLE = {
    "Available": "2345789",
    "Preparing": "134569",
    "Charging": "145689",
    "SuspendedEV": "135689",
    "SuspendedEVSE": "134689",
    "Finishing": "1289",
    "Reserved": "1289",
    "Unavailable": "123459",
    "Faulted": "12345678",
}

any_status = st.sampled_from(STATUSES)


@pytest.mark.parametrize("old", ORDER)
def test_each_row_has_the_moves_of_the_table(old: str) -> None:
    assert {ORDER.index(new) + 1 for new in MOVES[old]} == {int(digit) for digit in TABLE[old]}


def test_there_are_nine_statuses() -> None:
    assert set(STATUSES) == set(ORDER) == set(MOVES)


@given(any_status, any_status)
def test_there_is_a_legal_way_from_each_to_each(old: str, new: str) -> None:
    way = [old, *moves(old, new)]
    assert way[-1] == new
    assert all(is_legal(a, b) for a, b in itertools.pairwise(way))


@given(any_status, any_status)
def test_a_way_is_no_longer_than_it_must_be(old: str, new: str) -> None:
    if is_legal(old, new):
        assert moves(old, new) == [new]
    assert len(moves(old, new)) <= 2


@given(any_status)
def test_to_stay_is_no_move(status: str) -> None:
    assert moves(status, status) == []


def test_no_session_is_made_up_on_the_way() -> None:
    made_up = {"Charging", "SuspendedEV", "SuspendedEVSE", "Reserved", "Unavailable", "Faulted"}
    for old in STATUSES:
        for new in STATUSES:
            assert not made_up & set(moves(old, new)[:-1])
