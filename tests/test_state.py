"""What a charge point keeps: in memory, and on disk."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocppsim.chargepoint import ChargePoint
from ocppsim.state import State
from ocppsim.store import Store

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)  # fmt: skip


def on_disk(folder: Path) -> tuple[State, Store]:
    store = Store(folder, "CP1", logging.getLogger("ocppsim.cp"), lambda rows: None)
    store.open()
    return State(store), store


@given(st.dictionaries(st.text(), json_values, max_size=4))
def test_json_comes_out_as_it_went_in(values: dict[str, Any]) -> None:
    state = State()
    state.update(values)
    assert dict(state) == values
    assert len(state) == len(values)
    for key in values:
        del state[key]
    assert not state


@given(key=st.text(), value=json_values)
def test_it_is_there_in_the_next_process(
    key: str, value: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("state")
    state, store = on_disk(folder)
    state[key] = value
    state["gone"] = 1
    del state["gone"]
    store.close()
    state, store = on_disk(folder)
    assert dict(state) == {key: value} or key == "gone"
    store.close()


def test_values_are_copied_in_and_out() -> None:
    state = State()
    value = {"a": [1]}
    state["key"] = value
    value["a"].append(2)
    state["key"]["a"].append(3)
    assert state["key"] == {"a": [1]}


@pytest.mark.parametrize("value", [object(), float("nan"), {1, 2}, b"bytes"])
def test_what_is_no_json_is_refused_and_changes_nothing(value: Any) -> None:
    state = State()
    state["key"] = 1
    with pytest.raises((TypeError, ValueError)):
        state["key"] = value
    assert state["key"] == 1


def test_a_key_is_a_text() -> None:
    with pytest.raises(TypeError, match="a key of the state is a text, not 1"):
        State()[1] = 1  # type: ignore[index]


def test_what_is_not_there() -> None:
    state = State()
    assert state.get("key") is None
    with pytest.raises(KeyError):
        state["key"]
    with pytest.raises(KeyError):
        del state["key"]


def test_each_charge_point_has_one(cp: ChargePoint) -> None:
    cp.state["meter"] = 17
    assert dict(cp.state) == {"meter": 17}
    assert repr(cp.state) == "<State {'meter': 17}>"
